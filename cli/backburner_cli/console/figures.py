"""The figures of the overview: sums over all jobs, and over a span of time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backburner.ledger.records import State
from backburner_cli.operator.figures import at_share, cost_of, per_minute, seconds_left
from backburner_cli.operator.report_figures import Use, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backburner_cli.operator.job import Job

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
SPANS: dict[str, tuple[float, int]] = {
    "hour": (_HOUR, 60),
    "day": (_DAY, 48),
    "week": (7 * _DAY, 56),
    "all": (math.inf, 60),
}
"""Seconds back from now, and the number of bars."""
_ENDED = frozenset({State.DONE, State.FAILED})


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Counts of documents, and the use by recipe and model."""

    states: Counter[str]
    waiting_for: Counter[str]
    reasons: Counter[str]
    groups: list[Use]
    cost: float | None
    """None if no recipe names a price."""
    first_upload: datetime | None
    first_end: datetime | None
    oldest_open: datetime | None


def added_up(jobs: Sequence[Job]) -> Figures:
    """The figures that depend only on the jobs."""
    under_way = [job for job in jobs if job.is_open]
    return Figures(
        states=Counter(job.shown_state for job in jobs),
        waiting_for=Counter(job.waits_for for job in under_way if job.waits_for is not None),
        reasons=Counter(job.reason for job in jobs if job.reason is not None and job.state is State.FAILED),
        groups=uses_of(jobs),
        cost=cost_of(jobs),
        first_upload=min((job.uploaded_at for job in jobs), default=None),
        first_end=min((job.finished_at for job in jobs if job.finished_at is not None), default=None),
        oldest_open=min((job.uploaded_at for job in under_way), default=None),
    )


def overview(found: Figures, jobs: Sequence[Job], span: str, now: float) -> dict[str, Any]:
    """The data of the first page. `span` is one of `SPANS`."""
    at = datetime.fromtimestamp(now, UTC)
    start, width, count = _scale(span, now, (found.first_end or at).timestamp())
    under_way = found.states["waiting"] + found.states["running"]
    rate = per_minute(jobs, at, found.first_upload or at)
    return {
        "documents": len(jobs),
        "states": dict(found.states),
        "waiting_for": dict(found.waiting_for.most_common()),
        "reasons": dict(found.reasons.most_common()),
        "recipes": sorted({group.recipe for group in found.groups}),
        "groups": [
            {"recipe": group.recipe, "model": group.model, "done": group.done, "failed": group.failed}
            | {"under_way": group.runs - group.done - group.failed, "tokens": group.tokens, "cost": group.cost}
            for group in sorted(found.groups, key=lambda group: -group.tokens)
        ],
        "input_tokens": sum(group.input_tokens for group in found.groups),
        "output_tokens": sum(group.output_tokens for group in found.groups),
        "cost": found.cost,
        "oldest_open_s": None if found.oldest_open is None else max(0.0, (at - found.oldest_open).total_seconds()),
        "per_minute": rate if under_way else None,
        "left_s": seconds_left(under_way, rate, sum(found.states[state] for state in _ENDED)) if under_way else None,
        "span": {"name": span, "start": start, "width_s": width, "lag_s": _lag(jobs, start)},
        "bars": _bars(jobs, start, width, count),
    }


def _scale(span: str, now: float, first_at: float) -> tuple[float, float, int]:
    """The start of the bars, the width of each (both in seconds) and their number; they are aligned to their width."""
    back, count = SPANS[span]
    if math.isinf(back):  # the last bar is still filling up, so the others must reach back to the first end
        back = max(_HOUR, now - first_at) * count / (count - 1)
    width = max(_MINUTE, math.ceil(back / count / _MINUTE) * _MINUTE)
    end = (math.floor(now / width) + 1) * width
    return end - count * width, width, count


def _bars(jobs: Iterable[Job], start: float, width: float, count: int) -> list[dict[str, Any]]:
    """What ended in the time of each bar; its cost is None if no recipe of these names a price."""
    bars: list[dict[str, Any]] = [{"done": 0, "failed": 0, "tokens": 0, "cost": None} for _ in range(count)]
    began = datetime.fromtimestamp(start, UTC)
    for job in jobs:
        if job.finished_at is None or job.finished_at < began or job.state not in _ENDED:
            continue
        bar = bars[min(count - 1, int((job.finished_at - began).total_seconds() / width))]
        bar[job.state] += 1
        bar["tokens"] += job.tokens
        if job.cost is not None:
            bar["cost"] = (bar["cost"] or 0.0) + job.cost
    return bars


def _lag(jobs: Iterable[Job], start: float) -> dict[str, float] | None:
    """How long results took from the provider's end to their commit: the median, and the 95th percentile."""
    began = datetime.fromtimestamp(start, UTC)
    lags = sorted(
        job.result_lag_s
        for job in jobs
        if job.result_lag_s is not None and job.finished_at is not None and job.finished_at >= began
    )
    return {"median": at_share(lags, 0.5), "p95": at_share(lags, 0.95)} if lags else None
