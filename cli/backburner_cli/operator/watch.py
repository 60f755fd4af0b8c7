"""The command `watch`: how far it is, looked at again and again until everything has ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from backburner.maintenance.snapshot import at_once
from backburner_cli.operator.figures import cost_of, per_minute
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
"""A look that takes long is followed by a pause of so many times its length."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How it stood at one moment. `documents` is the sum of waiting, running, done, failed and unclaimed."""

    at: datetime
    done: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    waiting_for: dict[str, int] = field(default_factory=dict)
    unclaimed: int = 0
    """Uploaded, and without a job yet."""
    per_minute: float | None = None
    tokens: int = 0
    cost: float | None = None
    pauses: dict[str, str] = field(default_factory=dict)
    reading: tuple[int, int] | None = None
    """How many objects were read of how many, while the first look goes on."""

    @property
    def documents(self) -> int:
        """All of them."""
        return self.done + self.failed + self.running + self.waiting + self.unclaimed

    @property
    def left(self) -> int:
        """Documents that have not ended."""
        return self.running + self.waiting + self.unclaimed

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None where there is none."""
        if not self.left:
            return 0.0
        return round(self.left / self.per_minute * 60, 1) if self.per_minute else None

    def plain(self) -> dict[str, Any]:
        """As JSON tells it."""
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
    """Count jobs by state, and what every run has used; the rate is that of the last five minutes, or since the first.

    `jobs` are the latest runs, `ended` all that are over.
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
    """Which documents, how often, and whether to go on when all have ended."""

    chosen: Filter
    every_s: float
    once: bool


def watch(environment: Mapping[str, str], wanted: Wanted, *, as_json: bool) -> int:
    """Show it until everything has ended; the exit code."""
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
    def tell(_what: str, count: int) -> None:
        screen.reading(lambda: _counted(index, wanted, reading=(count, index.to_read)))

    await index.refresh(tell)
    counters = await records.counters()
    look = _counted(index, wanted, pauses=_pauses(counters))
    return look if look.left else await _with_unclaimed(records, index, wanted, look)


def _counted(index: JobIndex, wanted: Wanted, **more: Any) -> Look:
    has = wanted.chosen.has
    latest, ended = filter(has, index.latest()), filter(has, index.ended())
    return look_at(latest, ended, datetime.now(UTC), **more)


async def _with_unclaimed(records: Records, index: JobIndex, wanted: Wanted, look: Look) -> Look:
    """Before it is called the end: uploads without a job, and those that ended without a line in the journal."""
    known = {job.key for job in index.latest()}
    states = Counter[str]()

    async def see(item: tuple[str, Stored]) -> None:
        key = item[0]
        if wanted.chosen.chosen.has(key):
            record = await ended_record(records.bucket, key)
            states["unclaimed" if record is None else str(record.state)] += 1

    await at_once(without_job(records.bucket, wanted.chosen.chosen.listed, known), see)
    if wanted.chosen.since is not None:
        states = Counter(unclaimed=states["unclaimed"])  # when they ended is not known to be since then
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
    """A line of JSON for each look."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def reading(self, count: Callable[[], Look]) -> None:
        """Half a look is none."""

    def show(self, look: Look) -> None:
        """Print it, now."""
        print(json.dumps(look.plain(), ensure_ascii=False), flush=True)

    def end(self, look: Look) -> None:
        """The last line has said it."""
