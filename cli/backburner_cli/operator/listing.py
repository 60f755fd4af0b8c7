"""Every document's job in one list: open records, and the journal for what has ended.

The journal is an index: a job whose tick died is missing from it until `backburner audit --repair`. What it saves is
reading a record for each of 100,000 documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from backburner.errors import Reason, UnreadableError
from backburner.ledger.journal import Line
from backburner.ledger.keys import INBOX, JOURNAL, OPEN
from backburner.ledger.records import OpenRecord, State, decode
from backburner.maintenance.snapshot import Progress, at_once
from backburner_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backburner.ports import Bucket, Stored
    from backburner_cli.operator.selection import Selection

_DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TELL_EVERY = 100


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A document's latest run, as lists show it."""

    key: str
    state: State
    job_id: str
    run: int
    recipe: str
    model: str
    reason: Reason | None = None
    waiting_for: str | None = None
    tokens: int = 0
    cost: float | None = None
    polls: int = 0
    uploaded_at: datetime
    finished_at: datetime | None = None
    result_key: str | None = None

    @property
    def changed_at(self) -> datetime:
        """When it ended; of what is under way, when it was uploaded."""
        return self.finished_at or self.uploaded_at


SORTS: dict[str, Callable[[Job], Any]] = {
    "key": lambda job: job.key,
    "state": lambda job: (str(job.state), job.key),
    "time": lambda job: job.changed_at,
    "tokens": lambda job: job.tokens,
    "cost": lambda job: job.cost or 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which jobs to list; what is empty or None lets all pass."""

    chosen: Selection
    states: frozenset[str] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    text: str | None = None
    since: datetime | None = None

    def has(self, job: Job) -> bool:
        """Whether a job passes."""
        if not self.chosen.has(job.key) or (self.states and _shown(job.state) not in self.states):
            return False
        if self.reasons and job.reason not in self.reasons:
            return False
        if self.since is not None and job.changed_at < self.since:
            return False
        return self.text is None or self.text.casefold() in job.key.casefold()


def since_of(text: str, now: datetime) -> datetime:
    """A point in time, from "2h" or "3d" ago or an RFC 3339 time. Raises `CommandError`."""
    if found := _DURATION.fullmatch(text.strip()):
        return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r}: write 90m, 2h, 3d (ago), or a time as 2031-05-17T12:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def jobs_in(bucket: Bucket, progress: Progress) -> list[Job]:
    """The latest run of every document that has or had one. A run that is open comes before what has ended."""
    ended = dict[str, Job]()
    read = 0

    async def of_journal(item: tuple[str, Stored]) -> None:
        nonlocal read
        for line in await lines_of(bucket, item[0]):
            job = _ended(line)
            before = ended.get(job.key)
            if job.key.startswith(INBOX) and (before is None or before.changed_at <= job.changed_at):
                ended[job.key] = job
        read += 1
        if read % _TELL_EVERY == 0:
            progress("journal", len(ended))

    await at_once(bucket.listed(JOURNAL), of_journal)
    for record in await open_records(bucket, OPEN):
        if record.part_of is None:
            ended[record.source.key] = _open(record)
    return list(ended.values())


async def lines_of(bucket: Bucket, key: str) -> list[Line]:
    """The lines of one object of the journal; what cannot be read is passed over."""
    found = list[Line]()
    try:
        stored = await bucket.get(key)
    except UnreadableError:
        return found
    for raw in stored.body.splitlines() if stored else ():
        try:
            found.append(msgspec.json.decode(raw, type=Line))
        except (msgspec.DecodeError, RecursionError):
            continue
    return found


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


def sorted_page(jobs: Iterable[Job], sort: str, *, reverse: bool, limit: int | None, page: int) -> list[Job]:
    """One page of them, counted from 1."""
    found = sorted(jobs, key=SORTS[sort], reverse=reverse)
    return found if limit is None else found[(page - 1) * limit : page * limit]


def totals(jobs: Sequence[Job]) -> dict[str, Any]:
    """Counts by state, tokens and cost."""
    states = dict[str, int]()
    for job in jobs:
        states[_shown(job.state)] = states.get(_shown(job.state), 0) + 1
    costs = [job.cost for job in jobs if job.cost is not None]
    return {
        "jobs": len(jobs),
        "states": states,
        "tokens": sum(job.tokens for job in jobs),
        "cost": round(sum(costs), 6) if costs else None,
    }


def _shown(state: State) -> str:
    """A job that is being submitted runs, as far as anybody who lists jobs cares."""
    return "running" if state is State.SUBMITTING else str(state)


def _ended(line: Line) -> Job:
    return Job(
        key=line.key,
        state=line.state,
        job_id=line.job_id,
        run=line.run,
        recipe=line.recipe,
        model=line.model,
        reason=line.reason,
        tokens=line.usage.total_tokens,
        cost=line.cost,
        polls=line.polls,
        uploaded_at=line.uploaded_at,
        finished_at=line.finished_at,
        result_key=line.result_key,
    )


def _open(record: OpenRecord) -> Job:
    return Job(
        key=record.source.key,
        state=record.state,
        job_id=record.job_id,
        run=record.run,
        recipe=record.recipe.name,
        model=record.provider.model,
        waiting_for=record.waiting_for,
        tokens=record.usage.total_tokens,
        cost=record.cost,
        polls=record.polls,
        uploaded_at=record.uploaded_at,
    )
