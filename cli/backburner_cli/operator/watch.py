"""The command `watch`: shows the progress until everything has ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from backburner.maintenance.snapshot import at_once
from backburner_cli.operator.figures import cost_of, per_minute, seconds_left
from backburner_cli.operator.job_index import ended_record, without_job
from backburner_cli.operator.session import Records, read
from backburner_cli.operator.watch_screen import screen_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from backburner.capacity.limits import Counters
    from backburner.ports import Stored
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.job_index import JobIndex
    from backburner_cli.operator.listing import Filter
    from backburner_cli.operator.watch_screen import Screen

ALL_DONE, SOME_FAILED = 0, 1
_SHARE = 5
"""After a slow look, the pause is this many times as long as the look."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The progress at one moment. `documents` is the sum of waiting, running, done, failed and unclaimed."""

    at: datetime
    done: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    waiting_for: dict[str, int] = field(default_factory=dict)
    unclaimed: int = 0
    """Uploaded documents without a job yet."""
    per_minute: float | None = None
    tokens: int = 0
    cost: float | None = None
    pauses: dict[str, str] = field(default_factory=dict)
    reading: tuple[int, int] | None = None
    """During the first look: how many objects were read, and of how many."""

    @property
    def documents(self) -> int:
        """The number of documents."""
        return self.done + self.failed + self.running + self.waiting + self.unclaimed

    @property
    def left(self) -> int:
        """Documents that have not ended."""
        return self.running + self.waiting + self.unclaimed

    @property
    def seconds_left(self) -> float | None:
        """The time left at the current rate; None if there is no rate, or too few documents have ended to tell."""
        return seconds_left(self.left, self.per_minute, self.done + self.failed) if self.left else 0.0

    def plain(self) -> dict[str, Any]:
        """The look as JSON."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "documents": self.documents,
            "waiting": self.waiting,
            "waiting_for": self.waiting_for,
            "unclaimed": self.unclaimed,
            "running": self.running,
            "done": self.done,
            "failed": self.failed,
            "per_minute": self.per_minute,
            "tokens": self.tokens,
            "cost": self.cost,
            "seconds_left": self.seconds_left,
            "pauses": self.pauses,
        }


def look_at(jobs: Iterable[Job], ended: Iterable[Job], now: datetime, **more: Any) -> Look:
    """Count jobs by state, and add up what all runs have used.

    `jobs` are the latest runs of documents, `ended` all finished runs.
    """
    states, waiting_for = Counter[str](), Counter[str]()
    used, first = list(ended), now
    for job in jobs:
        states[job.shown_state] += 1
        first = min(first, job.uploaded_at)
        if job.waits_for is not None:
            waiting_for[job.waits_for] += 1
        if job.is_open:
            used.append(job)
    return Look(
        at=now,
        done=states["done"],
        failed=states["failed"],
        running=states["running"],
        waiting=states["waiting"],
        waiting_for=dict(waiting_for.most_common()),
        per_minute=per_minute(used, now, first),
        tokens=sum(job.tokens for job in used),
        cost=cost_of(used),
        **more,
    )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The documents to watch, how often to look, and whether to look only once."""

    chosen: Filter
    every_s: float
    once: bool


def watch(environment: Mapping[str, str], wanted: Wanted, *, as_json: bool) -> int:
    """Show the progress until everything has ended, and return the exit code."""
    wanted.chosen.chosen.check()
    screen: Screen = _Lines() if as_json else screen_on()
    with screen:
        last = read(environment, lambda records: _watched(records, records.index(environment), wanted, screen))
    screen.end(last)
    return SOME_FAILED if last.failed else ALL_DONE


async def _watched(records: Records, index: JobIndex, wanted: Wanted, screen: Screen) -> Look:
    while True:
        began = time.monotonic()
        look = await _look(records, index, wanted, screen)
        screen.show(look)
        if wanted.once or not look.left:
            return look
        await asyncio.sleep(max(wanted.every_s, _SHARE * (time.monotonic() - began)))


async def _look(records: Records, index: JobIndex, wanted: Wanted, screen: Screen) -> Look:
    def report(_what: str, count: int) -> None:
        screen.reading(lambda: _counted(index, wanted, reading=(count, index.to_read)))

    await index.refresh(report)
    counters = await records.counters()
    look = _counted(index, wanted, pauses=_pauses(counters))
    return look if look.left else await _with_unclaimed(records, index, wanted, look)


def _counted(index: JobIndex, wanted: Wanted, **more: Any) -> Look:
    has = wanted.chosen.has
    latest, ended = filter(has, index.latest()), filter(has, index.ended())
    return look_at(latest, ended, datetime.now(UTC), **more)


async def _with_unclaimed(records: Records, index: JobIndex, wanted: Wanted, look: Look) -> Look:
    """Before calling it the end, add uploads without a job, and those that ended without a line in the journal."""
    known = {job.key for job in index.latest()}
    states = Counter[str]()

    async def see(item: tuple[str, Stored]) -> None:
        key = item[0]
        if wanted.chosen.chosen.has(key):
            record = await ended_record(records.bucket, key)
            states["unclaimed" if record is None else str(record.state)] += 1

    await at_once(without_job(records.bucket, wanted.chosen.chosen.listed, known), see)
    if wanted.chosen.since is not None:
        states = Counter(unclaimed=states["unclaimed"])  # the others may have ended before then
    return Look(
        **{
            **vars(look),
            "done": look.done + states["done"],
            "failed": look.failed + states["failed"],
            "unclaimed": states["unclaimed"],
        }
    )


def _pauses(counters: Counters) -> dict[str, str]:
    return {"the provider" if name == "*" else name: pause.why for name, pause in counters.pauses.items()}


class _Lines:
    """Prints a line of JSON for each look."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def reading(self, count: Callable[[], Look]) -> None:
        """Do nothing: only complete looks are printed."""

    def show(self, look: Look) -> None:
        """Print it at once."""
        print(json.dumps(look.plain(), ensure_ascii=False), flush=True)

    def end(self, look: Look) -> None:
        """Do nothing: the last look was printed."""
