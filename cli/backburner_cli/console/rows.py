"""What the page lists: a document's latest run in a few hundred bytes, and which of many are asked for."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from backburner.ledger.records import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from backburner.ledger.journal import Line
    from backburner.ledger.records import OpenRecord
    from backburner.ports import Stored

UNCLAIMED = "unclaimed"
"""The state of a document that has no job yet: its event is on its way, or a sweep will find it."""
STATES = ("unclaimed", "waiting", "running", "done", "failed", "superseded")
OPEN_STATES = frozenset({"waiting", "running"})


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document's latest run. Times are seconds since 1970, `lag_s` is from the provider's end to the commit."""

    key: str
    state: str
    job_id: str = ""
    run: int = 0
    recipe: str = ""
    model: str = ""
    reason: str | None = None
    waiting_for: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    uploaded_at: float
    finished_at: float | None = None
    result_key: str | None = None
    lag_s: float | None = None

    @property
    def changed_at(self) -> float:
        """When it ended; of what is under way, when it was uploaded."""
        return self.uploaded_at if self.finished_at is None else self.finished_at

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens


def of_line(line: Line) -> Row:
    """The row of a run that has ended."""
    return Row(
        key=line.key,
        state=sys.intern(str(line.state)),
        job_id=line.job_id,
        run=line.run,
        recipe=sys.intern(line.recipe),
        model=sys.intern(line.model),
        reason=line.reason and sys.intern(str(line.reason)),
        input_tokens=line.usage.input_tokens,
        output_tokens=line.usage.output_tokens,
        cost=line.cost,
        uploaded_at=line.uploaded_at.timestamp(),
        finished_at=_seconds(line.finished_at),
        result_key=line.result_key,
        lag_s=line.result_lag_s,
    )


def of_open(record: OpenRecord) -> Row:
    """The row of a run that is under way; one that is being submitted runs, as far as a reader of lists cares."""
    is_waiting = record.state is State.WAITING
    return Row(
        key=record.source.key,
        state="waiting" if is_waiting else "running",
        job_id=record.job_id,
        run=record.run,
        recipe=sys.intern(record.recipe.name),
        model=sys.intern(record.provider.model),
        waiting_for=sys.intern(record.waiting_for or "turn") if is_waiting else None,
        input_tokens=record.usage.input_tokens,
        output_tokens=record.usage.output_tokens,
        cost=record.cost,
        uploaded_at=record.uploaded_at.timestamp(),
    )


def of_document(key: str, recipe: str, stored: Stored) -> Row:
    """The row of a document that has no job yet."""
    return Row(key=key, state=UNCLAIMED, recipe=sys.intern(recipe), uploaded_at=stored.last_modified.timestamp())


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


SORTS: dict[str, Callable[[Row], Any]] = {
    "time": lambda row: row.changed_at,
    "key": lambda row: row.key,
    "state": lambda row: (row.state, row.key),
    "tokens": lambda row: row.tokens,
    "cost": lambda row: row.cost or 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which rows, in which order; what is empty or None lets all pass."""

    keys: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    recipe: str | None = None
    prefix: str | None = None
    text: str | None = None
    sort: str = "time"
    reverse: bool = True

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that pass, in order."""
        found = [row for row in rows if row.key in self.keys] if self.keys else list(rows)
        if self.states:
            found = [row for row in found if row.state in self.states]
        if self.reasons:
            found = [row for row in found if row.reason in self.reasons]
        if self.recipe:
            recipe = unicodedata.normalize("NFC", self.recipe)
            found = [row for row in found if row.recipe == recipe]
        if self.prefix:
            prefix = self.prefix
            found = [row for row in found if row.key.startswith(prefix)]
        if self.text:
            text = self.text.casefold()
            found = [row for row in found if text in row.key.casefold()]
        found.sort(key=SORTS[self.sort], reverse=self.reverse)
        return found
