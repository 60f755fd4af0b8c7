"""The run at a glance: what the rows add up to, over all of them and over a span of time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backburner_cli.console.rows import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backburner_cli.console.rows import Row

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
SPANS: dict[str, tuple[float, int]] = {
    "hour": (_HOUR, 60),
    "day": (_DAY, 48),
    "week": (7 * _DAY, 56),
    "all": (math.inf, 60),
}
"""Seconds back from now, and how many bars."""
_ENDED = frozenset({"done", "failed"})
_LATE = 0.95
_RATE_OVER_S = 10 * _MINUTE


@dataclass
class Group:
    """What one recipe with one model has come to."""

    done: int = 0
    failed: int = 0
    under_way: int = 0
    tokens: int = 0
    cost: float | None = None


@dataclass
class Figures:
    """Counts of documents, tokens and money; `cost` is None where no recipe names a price."""

    states: Counter[str] = field(default_factory=Counter)
    waiting_for: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    recipes: set[str] = field(default_factory=set)
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    first_at: float | None = None
    oldest_open_at: float | None = None

    def add(self, row: Row) -> None:
        """Count one document."""
        self.states[row.state] += 1
        self.recipes.add(row.recipe)
        if row.waiting_for is not None:
            self.waiting_for[row.waiting_for] += 1
        if row.state == "failed" and row.reason is not None:
            self.reasons[row.reason] += 1
        self.input_tokens += row.input_tokens
        self.output_tokens += row.output_tokens
        if row.cost is not None:
            self.cost = (self.cost or 0.0) + row.cost
        if row.finished_at is not None:
            self.first_at = row.finished_at if self.first_at is None else min(self.first_at, row.finished_at)
        if row.state in OPEN_STATES:
            self.oldest_open_at = min(row.uploaded_at, self.oldest_open_at or math.inf)
        self._count_in_group(row)

    def _count_in_group(self, row: Row) -> None:
        group = self.groups.setdefault((row.recipe, row.model), Group())
        group.done += row.state == "done"
        group.failed += row.state == "failed"
        group.under_way += row.state not in _ENDED
        group.tokens += row.tokens
        if row.cost is not None:
            group.cost = (group.cost or 0.0) + row.cost


def added_up(rows: Iterable[Row]) -> Figures:
    """The figures of rows; they change with the rows alone."""
    found = Figures()
    for row in rows:
        found.add(row)
    return found


def overview(found: Figures, rows: Sequence[Row], span: str, now: float) -> dict[str, Any]:
    """What the first page shows, of rows and their figures. `span` is one of `SPANS`."""
    start, width, count = _scale(span, now, found.first_at)
    under_way = sum(found.states[state] for state in OPEN_STATES)
    rate = _rate(rows, now)
    return {
        "documents": len(rows),
        "states": dict(found.states),
        "waiting_for": dict(found.waiting_for.most_common()),
        "reasons": dict(found.reasons.most_common()),
        "recipes": sorted(found.recipes),
        "groups": [
            {"recipe": recipe, "model": model, "done": group.done, "failed": group.failed}
            | {"under_way": group.under_way, "tokens": group.tokens, "cost": group.cost}
            for (recipe, model), group in sorted(found.groups.items(), key=lambda item: -item[1].tokens)
        ],
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "cost": found.cost,
        "oldest_open_s": None if found.oldest_open_at is None else max(0.0, now - found.oldest_open_at),
        "per_minute": rate,
        "left_s": under_way / rate * _MINUTE if under_way and rate else None,
        "span": {"name": span, "start": start, "width_s": width, "lag_s": _lag(rows, start)},
        "bars": _bars(rows, start, width, count),
    }


def _scale(span: str, now: float, first_at: float | None) -> tuple[float, float, int]:
    """Where the bars begin, how wide each is and how many there are; they stand at whole multiples of their width."""
    back, count = SPANS[span]
    if math.isinf(back):  # the last bar is not full yet: the others reach back to the first that ended
        back = max(_HOUR, now - (now if first_at is None else first_at)) * count / (count - 1)
    width = max(_MINUTE, math.ceil(back / count / _MINUTE) * _MINUTE)
    end = (math.floor(now / width) + 1) * width
    return end - count * width, width, count


def _bars(rows: Iterable[Row], start: float, width: float, count: int) -> list[dict[str, Any]]:
    """What ended in each stretch of time."""
    bars: list[dict[str, Any]] = [{"done": 0, "failed": 0, "tokens": 0, "cost": 0.0} for _ in range(count)]
    for row in rows:
        if row.finished_at is None or row.finished_at < start or row.state not in _ENDED:
            continue
        bar = bars[min(count - 1, int((row.finished_at - start) / width))]
        bar[row.state] += 1
        bar["tokens"] += row.tokens
        bar["cost"] += row.cost or 0.0
    return bars


def _rate(rows: Iterable[Row], now: float) -> float | None:
    """Documents that ended a minute, over the last ten; None where none did."""
    since = now - _RATE_OVER_S
    ended = [row.finished_at for row in rows if row.finished_at is not None and row.finished_at >= since]
    if not ended:
        return None
    return len(ended) / max(1.0, (now - min(ended)) / _MINUTE)


def _lag(rows: Iterable[Row], start: float) -> dict[str, float] | None:
    """How long finished texts took to arrive: the middle one, and one in twenty took longer than the other."""
    lags = sorted(
        row.lag_s for row in rows if row.lag_s is not None and row.finished_at is not None and row.finished_at >= start
    )
    if not lags:
        return None
    return {"median": lags[len(lags) // 2], "p95": lags[min(len(lags) - 1, int(len(lags) * _LATE))]}
