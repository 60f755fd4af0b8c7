"""The sweep: what events, messages and counters may have lost is found again from the bucket's own lists.

It goes through the inbox a page at a time and can stop after any page: the place is kept with the governor, so a bucket
of any size is swept over as many ticks as it takes. Two sweeps at once do nothing twice: a submit is idempotent, and a
message under a new ticket makes the old one void.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from backburner.capacity import Counters, Reservation
from backburner.governor import Governor
from backburner.keys import INBOX, place_of
from backburner.ledger import Ledger, Open
from backburner.ports import Bucket, Clock, Queue, Stored
from backburner.records import State, log_keys
from backburner.submit import Submitter

logger = logging.getLogger(__name__)

OPEN = "ledger/open/"
OLD_ENOUGH_S = 900.0
"""An upload younger than this still has its event coming (DESIGN section 1)."""
SILENT_S = 86_400.0
"""An open record that nobody has written for so long gets a new message."""
PAGE = 1000
_READS_AT_ONCE = 32


@dataclass
class Swept:
    """What a sweep found and did, by number."""

    documents: int = 0
    submitted: int = 0
    woken: int = 0
    released: int = 0
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class _Window:
    """What stands at the places of one page of the inbox."""

    records: Mapping[str, Stored]

    def is_answered(self, key: str, document: Stored) -> bool:
        """Whether a run or error record newer than the document stands at its place."""
        place = place_of(key)
        found = (self.records.get(record) for record in (place.run_record_key, place.error_record_key))
        return any(record.last_modified > document.last_modified for record in found if record)


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Sweeps when `every_s` have passed since the last sweep ended, by the store's clock."""

    bucket: Bucket
    ledger: Ledger
    governor: Governor
    submitter: Submitter
    pending: Queue
    backlog: Queue
    clock: Clock
    every_s: int

    async def sweep_if_due(self, stop_at: float) -> Swept | None:
        """Sweep until `stop_at` on the monotonic clock, or to the end; None if none is due."""
        counters, now = await self.governor.counters()
        last, resumed = counters.last_sweep, counters.sweep_cursor != ""
        if not resumed and last is not None and (now - last) < timedelta(seconds=self.every_s):
            return None
        return await self.sweep(stop_at, after=counters.sweep_cursor)

    async def sweep(self, stop_at: float, after: str = "") -> Swept:
        """Sweep the inbox from a key on, then the open records and the reservations."""
        swept = Swept()
        under_way = _UnderWay(self, {key: stored async for key, stored in self.bucket.listed(OPEN)})
        while page := await self._page(after):
            await self._documents(page, under_way, swept)
            after = max(page)
            if self.clock.monotonic() >= stop_at:
                await self.governor.change(partial(_stop_at, after))
                return swept
        open_records = {key: stored async for key, stored in self.bucket.listed(OPEN)}
        for key, stored in open_records.items():
            if stored.age_s >= SILENT_S:
                swept.woken += await self._wake(key)
        swept.released = await self._reservations(open_records, under_way)
        swept.complete = True
        logger.info("swept", extra=vars(swept))
        return swept

    async def _page(self, after: str) -> dict[str, Stored]:
        page: dict[str, Stored] = {}
        async for key, stored in self.bucket.listed(INBOX, after):
            page[key] = stored
            if len(page) >= PAGE:
                break
        return page

    async def _documents(self, page: Mapping[str, Stored], under_way: "_UnderWay", swept: Swept) -> None:
        """Treat every document that nothing answers and nobody works on as if its event had just come."""
        window = await self._window(min(page).removeprefix(INBOX), max(page).removeprefix(INBOX))
        for key, document in page.items():
            if key.endswith("/"):
                continue
            swept.documents += 1
            if document.age_s < OLD_ENOUGH_S or window.is_answered(key, document):
                continue
            if await under_way.includes(key, document):
                continue
            outcome = await self.submitter.submit(key)
            swept.submitted += 1
            logger.warning("upload without a record", extra={"key": key, "outcome": outcome})

    async def _window(self, first: str, last: str) -> _Window:
        records: dict[str, Stored] = {}
        for folder, suffix in (("results/", ".run.json"), ("failed/", ".error.json")):
            async for key, stored in self.bucket.listed(folder, folder + first):
                if key > f"{folder}{last}\U0010ffff":
                    break
                if key.endswith(suffix):
                    records[key] = stored
        return _Window(records=records)

    async def _wake(self, key: str) -> int:
        """A new message for a record that nobody has written for a day."""
        held = await self.ledger.open_record(*_job_and_run(key))
        if held is None:
            return 0
        record = held.record
        message = record.message(record.response_id)
        await (self.backlog if record.state is State.WAITING else self.pending).send(message.encode(), 0)
        ran_s = held.generation_age_s if record.state is State.RUNNING else 0.0
        division = record.division and replace(record.division, opened=False)  # parts that were lost are opened again
        await self.ledger.rewrite(held.but(ticket=message.ticket, ran_s=ran_s, division=division))
        logger.warning("silent job woken", extra=log_keys(record) | {"state": record.state})
        return 1

    async def _reservations(self, open_records: Mapping[str, Stored], under_way: "_UnderWay") -> int:
        """Put the governor's reservations right, where two sweeps in a row say the same of them."""
        names = {key.removeprefix(OPEN).removesuffix(".json") for key in open_records}
        counters, _ = await self.governor.counters()
        missing = await under_way.reservations() if counters.last_sweep is None else {}
        return await self.governor.change(lambda counters, now: _put_right(counters, now, names, missing))


@dataclass
class _UnderWay:
    """The jobs under way: their names from one listing; their records only if a name does not tell."""

    sweeper: Sweeper
    open_records: Mapping[str, Stored]
    recipes: dict[str, bytes | None] = field(default_factory=dict)
    _sources: set[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        """Know the jobs by their ids."""
        self.jobs = {_job_and_run(key)[0] for key in self.open_records}

    async def includes(self, key: str, document: Stored) -> bool:
        """Whether somebody works on this version of a document: as its job is now, or under an older recipe."""
        place, inbox = place_of(key), self.sweeper.submitter.inbox
        if place.recipe not in self.recipes:
            self.recipes[place.recipe] = await inbox.recipe(place.recipe)
        if inbox.job_of(place, document, self.recipes[place.recipe]).job_id in self.jobs:
            return True
        if self._sources is None:
            found = await self._read()
            self._sources = {(held.record.source.key, held.record.source.etag) for held in found}
        return (key, document.etag) in self._sources

    async def reservations(self) -> dict[str, Reservation]:
        """What the generations under way must have reserved."""
        return {
            held.record.name: held.record.wants
            for held in await self._read()
            if held.record.wants is not None and held.record.reserves
        }

    async def _read(self) -> list[Open]:
        at_once = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(key: str) -> Open | None:
            async with at_once:
                return await self.sweeper.ledger.open_record(*_job_and_run(key))

        return [held for held in await asyncio.gather(*map(read, self.open_records)) if held is not None]


def _job_and_run(key: str) -> tuple[str, int]:
    job, _, run = key.removeprefix(OPEN).removesuffix(".json").rpartition(".")
    return job, int(run)


def _stop_at(here: str, counters: Counters, _now: datetime) -> None:
    counters.sweep_cursor = here


def _put_right(counters: Counters, now: datetime, names: set[str], missing: Mapping[str, Reservation]) -> int:
    unexplained = [name for name in counters.reserved | counters.owed if name not in names]
    gone = [name for name in unexplained if name in counters.unexplained]
    for name in gone:
        counters.reserved.pop(name, None)
        counters.owed.pop(name, None)
    counters.reserved |= {name: wanted for name, wanted in missing.items() if name not in counters.reserved}
    counters.unexplained = [name for name in unexplained if name not in gone]
    counters.last_sweep, counters.sweep_cursor = now, ""
    return len(gone)
