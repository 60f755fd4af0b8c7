"""The sweep: finds lost events, messages and reservations by listing the bucket.

It goes through the inbox page by page and can stop at any document: the governor keeps a cursor, so a bucket of any
size is swept over as many ticks as it takes. Two sweeps at once do nothing twice: a submit is idempotent, and a new
ticket makes the old message void. An object that cannot be read is reported and skipped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Reservation, Standing, note_unreadable
from backburner.capacity.reservations import as_noted, noted
from backburner.errors import RetryLaterError, UnreadableError
from backburner.jobs.submit import Submitter
from backburner.ledger.keys import ERROR_RECORD, INBOX, OPEN, RUN_RECORD, open_run, output_location
from backburner.ledger.ledger import NO_OPEN_RECORD, Ledger, Open
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, State, decode, log_keys
from backburner.maintenance.recount import Surplus, surplus
from backburner.ports import Bucket, Clock, Stored, TooLargeError

logger = logging.getLogger(__name__)

T = TypeVar("T")
OLD_ENOUGH_S = 900.0
"""The event of a younger upload may still arrive (DESIGN section 1)."""
SILENT_S = 86_400.0
"""An open record that has not been written for this long gets a new message."""
PAGE = 1000
_READS_AT_ONCE = 32
_MAX_RECOUNTED = 20_000
"""With more open records than this, a sweep does not compare the governor's sums with them."""
_MAX_RECORD_BYTES = 16 * 1024 * 1024
_KINDS: tuple[tuple[str, type[JobRecord]], ...] = (
    (RUN_RECORD, RunRecord),
    (ERROR_RECORD, ErrorRecord),
    (".json", OpenRecord),
)


@dataclass
class Swept:
    """How much a sweep found and did."""

    documents: int = 0
    submitted: int = 0
    woken: int = 0
    released: int = 0
    left: int = 0
    """Objects left to the next sweep, because the store or a queue refused a call."""
    complete: bool = False
    unreadable: dict[str, str] = field(default_factory=dict)
    """Objects that a person must look at, and why, by key."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The records of the documents on one page of the inbox."""

    records: Mapping[str, Stored]

    def is_answered(self, key: str, document: Stored) -> bool:
        """Whether the document has a newer run or error record."""
        location = output_location(key)
        found = (self.records.get(record) for record in (location.run_record_key, location.error_record_key))
        return any(record.last_modified > document.last_modified for record in found if record)

    def state_of(self, key: str, document: Stored) -> State | None:
        """How the document's current version ended, by the later one of the records that are not older than it."""
        location = output_location(key)
        run, error = (self.records.get(record) for record in (location.run_record_key, location.error_record_key))
        ended = [
            (record.last_modified, state)
            for record, state in ((error, State.FAILED), (run, State.DONE))
            if record and record.last_modified >= document.last_modified
        ]
        return max(ended, key=lambda one: one[0])[1] if ended else None


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Sweeps once `every_s` have passed since the last sweep ended, by the store's clock."""

    bucket: Bucket
    ledger: Ledger
    governor: Governor
    submitter: Submitter
    messenger: Messenger
    clock: Clock
    every_s: int

    async def sweep_if_due(self, stop_at: float) -> Swept | None:
        """Sweep to the end, or until `stop_at` (monotonic time). Returns None if no sweep is due."""
        counters, now = await self.governor.counters()
        last, resumed = counters.last_sweep, counters.sweep_cursor != ""
        if not resumed and last is not None and (now - last) < timedelta(seconds=self.every_s):
            return None
        return await self.sweep(stop_at, after=counters.sweep_cursor)

    async def sweep(self, stop_at: float, after: str = "") -> Swept:
        """Sweep the documents after a key, then the open records and the reservations."""
        swept = Swept()
        readable = await self._readable_again()
        under_way = _UnderWay(self, await self._open_records(swept), swept)
        while page := await self.page(after):
            after = await self._documents(page, under_way, swept, stop_at)
            if self.clock.monotonic() >= stop_at:
                await self.governor.change(partial(_stop_at, after, swept.unreadable, readable))
                return swept
        open_records = await self._open_records(swept)
        for key, stored in open_records.items():
            if stored.age_s >= SILENT_S:
                swept.woken += await self.guarded(key, self._wake(key), swept) or 0
        swept.released = await self._reservations(open_records, under_way, readable)
        swept.complete = True
        logger.info("swept", extra=vars(swept) | {"unreadable": len(swept.unreadable)})
        return swept

    async def guarded(self, key: str, work: Awaitable[T], swept: Swept) -> T | None:
        """Do the work on one object and return its result, or None if it failed: the sweep goes on in any case."""
        try:
            return await work
        except UnreadableError as error:
            self._note(error.key, str(error), swept)
        except RetryLaterError as error:
            swept.left += 1
            logger.warning("left to the next sweep", extra={"key": key, "error": str(error)})
        except Exception as error:
            logger.exception("object skipped by the sweep", extra={"key": key})
            self._note(key, type(error).__name__, swept)
        return None

    def _note(self, key: str, why: str, swept: Swept) -> None:
        """Report an object, and log it unless an earlier sweep did."""
        if key not in swept.unreadable and key not in self.governor.seen.unreadable:
            logger.error("object cannot be read", extra={"key": key, "why": why})
        swept.unreadable[key] = why

    async def _open_records(self, swept: Swept) -> dict[str, Stored]:
        """List the open records; report anything else below `ledger/open/`, except folders made in a console."""
        found: dict[str, Stored] = {}
        async for key, stored in self.bucket.listed(OPEN):
            if open_run(key) is not None:
                found[key] = stored
            elif not key.endswith("/"):
                self._note(key, NO_OPEN_RECORD, swept)
        return found

    async def _readable_again(self) -> set[str]:
        """Objects that were reported before, and can be read now or are gone."""
        counters, _ = await self.governor.counters()
        return {key for key in counters.unreadable if await self.is_readable(key)}

    async def is_readable(self, key: str) -> bool:
        """Whether an object is gone, or can be read and is what its key says."""
        kind = None if key.startswith(INBOX) else next((kind for end, kind in _KINDS if key.endswith(end)), None)
        try:
            stored = await self.bucket.get(key, _MAX_RECORD_BYTES if kind else 0)
            if stored is not None and kind is not None:
                decode(stored.body, kind)
        except TooLargeError:  # it can be read; but no open record is this large
            return not key.startswith(OPEN)
        except (RetryLaterError, msgspec.DecodeError, RecursionError):
            return False
        return stored is None or not key.startswith(OPEN) or open_run(key) is not None

    async def page(self, after: str) -> dict[str, Stored]:
        """The next page of documents after a key."""
        page: dict[str, Stored] = {}
        async for key, stored in self.bucket.listed(INBOX, after):
            page[key] = stored
            if len(page) >= PAGE:
                break
        return page

    async def _documents(self, page: Mapping[str, Stored], under_way: "_UnderWay", swept: Swept, stop_at: float) -> str:
        """Submit every document without a record and without an open run, as if its event had just come.

        Returns the last key that was handled: the page's last, or an earlier one if time ran out.
        """
        window = await self.window(page)
        for key, document in page.items():
            if key.endswith("/"):
                continue
            swept.documents += 1
            if document.age_s < OLD_ENOUGH_S or window.is_answered(key, document):
                continue
            was_quick = await self.guarded(key, self._document(key, document, under_way, swept), swept)
            if not was_quick and self.clock.monotonic() >= stop_at:
                return key
        return max(page)

    async def _document(self, key: str, document: Stored, under_way: "_UnderWay", swept: Swept) -> bool:
        """Submit a document unless a run of it is open. Returns whether that was quick, as no submit was needed."""
        if await under_way.includes(key, document):
            return True
        outcome = await self.submitter.submit(key)
        swept.submitted += 1
        logger.warning("upload without a record", extra={"key": key, "outcome": outcome})
        return False

    async def window(self, page: Mapping[str, Stored]) -> Window:
        """List the run and error records of the documents on a page."""
        locations, records = [output_location(key) for key in page], dict[str, Stored]()
        for wanted in (
            {location.run_record_key for location in locations},
            {location.error_record_key for location in locations},
        ):
            first, last = min(wanted), max(wanted)  # with their suffixes, keys sort differently from the documents
            async for key, stored in self.bucket.listed(f"{first.partition('/')[0]}/", first[:-1]):
                if key > last:
                    break
                if key in wanted:
                    records[key] = stored
        return Window(records=records)

    async def _wake(self, key: str) -> int:
        """Send a new message for an open record that has not been written for a day."""
        held = await self.ledger.open_record(*_run(key))
        if held is None:
            return 0
        record = held.record
        ticket = await self.messenger.renew(record)
        elapsed_before_write_s = held.generation_age_s if record.state is State.RUNNING else 0.0
        division = record.division and replace(record.division, opened=False)  # opens lost parts again
        await self.ledger.rewrite(
            held.with_changes(ticket=ticket, elapsed_before_write_s=elapsed_before_write_s, division=division)
        )
        logger.warning("silent job woken", extra=log_keys(record) | {"state": record.state})
        return 1

    async def _reservations(
        self, open_records: Mapping[str, Stored], under_way: "_UnderWay", readable: Collection[str]
    ) -> int:
        """Correct the governor's reservations; those no run explains are dropped once two sweeps in a row find them."""
        names = {key.removeprefix(OPEN).removesuffix(".json") for key in open_records}
        await self.governor.review()
        counters, _ = await self.governor.counters()
        missing = await under_way.missing_reservations(counters) if counters.last_sweep is None else {}
        found = await self._surplus(under_way, counters)

        def change(counters: Counters, now: datetime) -> int:
            note_unreadable(counters, under_way.swept.unreadable, readable)
            if counters.last_sweep == found.of:  # else another sweep has corrected the sums
                counters.standing = found.taken_from(counters.standing)
            return put_right(counters, now, names, missing)

        return await self.governor.change(change)

    async def _surplus(self, under_way: "_UnderWay", counters: Counters) -> Surplus:
        """By how much the governor's sums disagree with the open records, which are read only if there are sums."""
        if counters.standing == Standing() or len(under_way.open_records) > _MAX_RECOUNTED:
            return Surplus(counters.last_sweep)
        recorded = {held.record.name: (held.etag, held.record.counted) for held in await under_way.read()}
        counters, _ = await self.governor.counters()
        now = {key: stored.etag for key, stored in (await self._open_records(under_way.swept)).items()}
        etags = {f"{OPEN}{name}.json": etag for name, (etag, _) in recorded.items()}
        moving = sum(now.get(key) != etags.get(key) for key in now.keys() | etags.keys())
        return surplus(counters, {name: counted for name, (_, counted) in recorded.items()}, moving)


@dataclass
class _UnderWay:
    """The jobs under way: their ids from one listing, their records only where an id does not answer the question."""

    sweeper: Sweeper
    open_records: Mapping[str, Stored]
    swept: Swept
    recipes: dict[str, bytes | None] = field(default_factory=dict)
    _sources: set[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        """Take the job ids from the keys."""
        self.jobs = {_run(key)[0] for key in self.open_records}

    async def includes(self, key: str, document: Stored) -> bool:
        """Whether a run of this version of a document is open, under the current recipe or an older one."""
        location, current_jobs = output_location(key), self.sweeper.submitter.current_jobs
        if location.recipe not in self.recipes:
            self.recipes[location.recipe] = await current_jobs.recipe(location.recipe)
        if current_jobs.job_of(location, document, self.recipes[location.recipe]).job_id in self.jobs:
            return True
        if self._sources is None:
            found = await self.read()
            self._sources = {(held.record.source.key, held.record.source.etag) for held in found}
        return (key, document.etag) in self._sources

    async def missing_reservations(self, before: Counters) -> dict[str, Reservation]:
        """Reservations that generations under way must hold, but that neither their records nor `before` know.

        Leaves out those that `before` noted: if they are gone now, they were settled. Leaves out runs that are over as
        well, whose open record is about to be removed. Restoring either would book the run's use twice.
        """
        return {
            held.record.name: held.record.reservation
            for held in await self.read()
            if held.record.reservation is not None
            and held.record.reserves
            and held.record.counted is None
            and noted(before, held.record.name) is None
            and held.record.name not in before.settled
            and not await self._is_over(held.record)
        }

    async def _is_over(self, record: OpenRecord) -> bool:
        committed = await self.sweeper.ledger.committed(record.location, record.job_id)
        return committed.is_over(record.run)

    async def read(self) -> list[Open]:
        """All open records that can be read, as they are now."""
        at_once = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(key: str) -> Open | None:
            async with at_once:
                return await self.sweeper.guarded(key, self.sweeper.ledger.open_record(*_run(key)), self.swept)

        return [held for held in await asyncio.gather(*map(read, self.open_records)) if held is not None]


def _run(key: str) -> tuple[str, int]:
    """Job and run of an open record."""
    run = open_run(key)
    assert run is not None, "not an open record"
    return run


def _stop_at(here: str, found: Mapping[str, str], readable: Collection[str], counters: Counters, _: datetime) -> None:
    counters.sweep_cursor = here
    note_unreadable(counters, found, readable)


def put_right(counters: Counters, now: datetime, names: set[str], missing: Mapping[str, Reservation]) -> int:
    """End a sweep: drop notes of runs without an open record if the sweep before found them too; add the missing."""
    unexplained = [name for name in counters.reserved | counters.unsettled if name not in names]
    gone = [name for name in unexplained if name in counters.unexplained]
    for name in gone:
        counters.reserved.pop(name, None)
        counters.unsettled.pop(name, None)
    for name, reservation in missing.items():
        if noted(counters, name) is None and name not in counters.settled:
            counters.reserved[name] = as_noted(reservation, is_old=True)
    counters.unexplained = [name for name in unexplained if name not in gone]
    counters.last_sweep, counters.sweep_cursor = now, ""
    return len(gone)
