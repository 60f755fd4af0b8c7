"""Every document's job in one list: open records, and the journal for what has ended.

The journal is an index: a job whose tick died is missing from it until `backburner audit --repair`. What it saves is
reading a record for each of 100,000 documents.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.journal import Line, lines_in
from backburner.ledger.records import OpenRecord, decode
from backburner.maintenance.snapshot import at_once
from backburner_cli.errors import CommandError
from backburner_cli.operator.figures import cost_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backburner.ports import Bucket, Stored
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.selection import Selection

_DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


SORTS: dict[str, Callable[[Job], Any]] = {
    "key": lambda job: job.key,
    "state": lambda job: (job.shown_state, job.key),
    "time": lambda job: job.changed_at,
    "tokens": lambda job: job.tokens,
    "cost": lambda job: job.cost or 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which jobs to list; what is empty or None lets all pass."""

    chosen: Selection
    states: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    text: str | None = None
    since: datetime | None = None

    def has(self, job: Job) -> bool:
        """Whether a job passes."""
        if self.states and job.shown_state not in self.states:
            return False
        if not self.chosen.has(job.key):
            return False
        if self.reasons and job.reason not in self.reasons:
            return False
        if self.since is not None and job.changed_at < self.since:
            return False
        return self.text is None or self.text.casefold() in job.key.casefold()


@dataclass(frozen=True, kw_only=True)
class Page:
    """The order and page of a list; `limit` None is all on one page, and `number` counts from 1."""

    sort: str
    reverse: bool
    limit: int | None
    number: int


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The jobs of a page, and the totals of all pages."""

    jobs: list[Job]
    totals: dict[str, Any]


def since_of(text: str, now: datetime) -> datetime:
    """A point in time, from "2h" or "3d" ago or an RFC 3339 time. Raises `CommandError`."""
    if found := _DURATION.fullmatch(text.strip()):
        return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r}: write 90m, 2h, 3d (ago), or a time as 2031-05-17T12:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def lines_of(bucket: Bucket, key: str) -> list[Line]:
    """The lines of one object of the journal; what cannot be read is passed over."""
    try:
        stored = await bucket.get(key)
    except UnreadableError:
        return []
    return list(lines_in(stored.body, Line)) if stored else []


async def open_records(bucket: Bucket, prefix: str) -> list[OpenRecord]:
    """Open records below a prefix; what cannot be read is passed over: `status` names it."""
    found = list[OpenRecord]()

    async def look(item: tuple[str, Stored]) -> None:
        try:
            stored = await bucket.get(item[0])
            if stored is not None:
                found.append(decode(stored.body, OpenRecord))
        except (UnreadableError, msgspec.DecodeError, RecursionError):
            return

    await at_once(bucket.listed(prefix), look)
    return found


def sorted_page(jobs: Iterable[Job], page: Page) -> list[Job]:
    """One page of them; jobs that are equal in its order are sorted by key."""
    found = sorted(sorted(jobs, key=SORTS["key"]), key=SORTS[page.sort], reverse=page.reverse)
    return found if page.limit is None else found[(page.number - 1) * page.limit : page.number * page.limit]


def totals(jobs: Sequence[Job]) -> dict[str, Any]:
    """Counts by state, tokens and cost."""
    return {
        "jobs": len(jobs),
        "states": dict(Counter(job.shown_state for job in jobs)),
        "tokens": sum(job.tokens for job in jobs),
        "cost": cost_of(jobs),
    }
