"""The jobs under way, as a sweep meets them: which documents they work on, and which reservations they must hold."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from backburner.capacity.limits import Counters, Reservation
from backburner.capacity.reservations import noted
from backburner.ledger.keys import open_run, output_location
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.records import OpenRecord
from backburner.outcome.current_job import CurrentJobs
from backburner.ports import Stored

T = TypeVar("T")
_READS_AT_ONCE = 32
Guarded = Callable[[str, Awaitable[Open | None]], Awaitable[Open | None]]
"""Reads the record with a key, or reports it and returns None if it cannot be read."""


def run_of(key: str) -> tuple[str, int]:
    """Job and run of the open record with this key."""
    run = open_run(key)
    assert run is not None, "not an open record"
    return run


@dataclass
class UnderWay:
    """The jobs under way: their ids from one listing, their records only where an id does not answer the question."""

    ledger: Ledger
    current_jobs: CurrentJobs
    open_records: Collection[str]
    """Their keys."""
    guarded: Guarded
    recipes: dict[str, bytes | None] = field(default_factory=dict)
    _sources: set[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        """Take the job ids from the keys."""
        self.jobs = {run_of(key)[0] for key in self.open_records}

    async def includes(self, key: str, document: Stored) -> bool:
        """Whether a run of this version of a document is open, under the current recipe or an older one."""
        location = output_location(key)
        if location.recipe not in self.recipes:
            self.recipes[location.recipe] = await self.current_jobs.recipe(location.recipe)
        if self.current_jobs.job_of(location, document, self.recipes[location.recipe]).job_id in self.jobs:
            return True
        if self._sources is None:
            self._sources = set(await self.read(lambda held: (held.record.source.key, held.record.source.etag)))
        return (key, document.etag) in self._sources

    async def missing_reservations(self, before: Counters) -> dict[str, Reservation]:
        """Reservations that generations under way must hold, but that neither their records nor `before` know.

        Leaves out those that `before` noted: if they are gone now, they were settled. Leaves out runs that are over as
        well, whose open record is about to be removed. Restoring either would book the run's use twice.
        """

        def missing(held: Open) -> OpenRecord | None:
            record = held.record
            is_unknown = noted(before, record.name) is None and record.name not in before.settled
            holds = record.reservation is not None and record.reserves and record.counted is None
            return record if holds and is_unknown else None

        return {
            record.name: record.reservation
            for record in await self.read(missing)
            if record.reservation is not None and not await self._is_over(record)
        }

    async def _is_over(self, record: OpenRecord) -> bool:
        committed = await self.ledger.committed(record.location, record.job_id)
        return committed.is_over(record.run)

    async def read(self, wanted: Callable[[Open], T | None]) -> list[T]:
        """What is `wanted` of each open record that can be read, as they are now, except None.

        There may be very many, so the records themselves are not kept.
        """
        found, keys = list[T](), iter(self.open_records)

        async def read() -> None:
            for key in keys:
                held = await self.guarded(key, self.ledger.open_record(*run_of(key)))
                if held is not None and (one := wanted(held)) is not None:
                    found.append(one)

        await asyncio.gather(*(read() for _ in range(_READS_AT_ONCE)))
        return found
