"""The sweep: finds lost events, messages and reservations by listing the bucket.

It goes through the inbox page by page and can stop at any document: the governor keeps a cursor, so a bucket of any
size is swept over as many ticks as it takes. Two sweeps at once do nothing twice: a submit is idempotent, and a new
ticket makes the old message void. An object that cannot be read is reported and skipped.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Reservation, Totals, note_unreadable
from backburner.capacity.reservations import as_note, noted
from backburner.errors import RetryLaterError, UnreadableError
from backburner.jobs.submit import Submitter
from backburner.ledger.inbox_pages import page_of, records_of
from backburner.ledger.keys import ERROR_RECORD, INBOX, OPEN, RUN_RECORD, open_run
from backburner.ledger.ledger import NO_OPEN_RECORD, Ledger
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, State, decode, log_keys
from backburner.maintenance.recount import Surplus, surplus
from backburner.maintenance.under_way import UnderWay, run_of
from backburner.ports import Bucket, Clock, Stored, TooLargeError

logger = logging.getLogger(__name__)

T = TypeVar("T")
OLD_ENOUGH_S = 900.0
"""The event of a younger upload may still arrive (DESIGN section 1)."""
SILENT_S = 86_400.0
"""An open record that has not been written for this long gets a new message."""
_MAX_RECOUNTED = 20_000
"""With more open records than this, a sweep does not compare the governor's totals with them."""
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
        under_way = UnderWay(
            ledger=self.ledger,
            current_jobs=self.submitter.current_jobs,
            open_records=[key async for key, _ in self._open_records(swept)],
            guarded=partial(self.guarded, swept=swept),
        )
        while page := await page_of(self.bucket, INBOX, after):
            after = await self._documents(page, under_way, swept, stop_at)
            if self.clock.monotonic() >= stop_at:
                await self.governor.change(partial(_stop_at, after, swept.unreadable, readable))
                return swept
        names, silent = set[str](), list[str]()
        async for key, stored in self._open_records(swept):
            names.add(key.removeprefix(OPEN).removesuffix(".json"))
            if stored.age_s >= SILENT_S:
                silent.append(key)
        for key in silent:
            swept.woken += await self.guarded(key, self._wake(key), swept) or 0
        swept.released = await self._reservations(names, under_way, readable, swept)
        swept.complete = True
        logger.info("swept", extra=vars(swept) | {"unreadable": len(swept.unreadable)})
        return swept

    async def guarded(self, key: str, work: Awaitable[T], swept: Swept) -> T | None:
        """Do the work on one object and return its result, or None if it failed: the sweep continues in any case."""
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
        if key not in swept.unreadable and key not in self.governor.last_read.unreadable:
            logger.error("object cannot be read", extra={"key": key, "why": why})
        swept.unreadable[key] = why

    async def _open_records(self, swept: Swept) -> AsyncIterator[tuple[str, Stored]]:
        """List the open records; report anything else below `ledger/open/`, except folders made in a console."""
        async for key, stored in self.bucket.listed(OPEN):
            if open_run(key) is not None:
                yield key, stored
            elif not key.endswith("/"):
                self._note(key, NO_OPEN_RECORD, swept)

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

    async def _documents(self, page: Mapping[str, Stored], under_way: UnderWay, swept: Swept, stop_at: float) -> str:
        """Submit every document without a record and without an open run, as if its event had just come.

        Returns the last key that was handled: the page's last, or an earlier one if time ran out.
        """
        records = await records_of(self.bucket, page)
        for key, document in page.items():
            if key.endswith("/"):
                continue
            swept.documents += 1
            if document.age_s < OLD_ENOUGH_S or records.is_answered(key, document):
                continue
            was_quick = await self.guarded(key, self._document(key, document, under_way, swept), swept)
            if not was_quick and self.clock.monotonic() >= stop_at:
                return key
        return max(page)

    async def _document(self, key: str, document: Stored, under_way: UnderWay, swept: Swept) -> bool:
        """Submit a document unless a run of it is open. Returns whether that was quick, as no submit was needed."""
        if await under_way.includes(key, document):
            return True
        outcome = await self.submitter.submit(key)
        swept.submitted += 1
        logger.warning("upload without a record", extra={"key": key, "outcome": outcome})
        return False

    async def _wake(self, key: str) -> int:
        """Send a new message for an open record that has not been written for a day."""
        held = await self.ledger.open_record(*run_of(key))
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
        self, names: Collection[str], under_way: UnderWay, readable: Collection[str], swept: Swept
    ) -> int:
        """Correct the governor's reservations; those no run explains are dropped once two sweeps in a row find them.

        `names` are those of the runs that are open.
        """
        await self.governor.review()
        counters, _ = await self.governor.counters()
        missing = await under_way.missing_reservations(counters) if counters.last_sweep is None else {}
        found = await self._surplus(under_way, counters, swept)

        def change(counters: Counters, now: datetime) -> int:
            note_unreadable(counters, swept.unreadable, readable)
            if counters.last_sweep == found.last_sweep:  # else another sweep has corrected the totals
                counters.recorded_totals = found.subtracted_from(counters.recorded_totals)
            return put_right(counters, now, names, missing)

        return await self.governor.change(change)

    async def _surplus(self, under_way: UnderWay, counters: Counters, swept: Swept) -> Surplus:
        """By how much the governor's totals disagree with the open records, which are read only if there are totals."""
        if counters.recorded_totals == Totals() or len(under_way.open_records) > _MAX_RECOUNTED:
            return Surplus(counters.last_sweep)
        read = await under_way.read(lambda held: (held.record.name, (held.etag, held.record.counted)))
        recorded = dict(read)
        counters, _ = await self.governor.counters()
        now = {key: stored.etag async for key, stored in self._open_records(swept)}
        etags = {f"{OPEN}{name}.json": etag for name, (etag, _) in recorded.items()}
        moving = sum(now.get(key) != etags.get(key) for key in now.keys() | etags.keys())
        return surplus(counters, {name: counted for name, (_, counted) in recorded.items()}, moving)


def _stop_at(here: str, found: Mapping[str, str], readable: Collection[str], counters: Counters, _: datetime) -> None:
    counters.sweep_cursor = here
    note_unreadable(counters, found, readable)


def put_right(counters: Counters, now: datetime, names: Collection[str], missing: Mapping[str, Reservation]) -> int:
    """End a sweep: drop notes of runs without an open record if the sweep before found them too; add the missing."""
    unexplained = [name for name in counters.reserved | counters.unsettled if name not in names]
    gone = [name for name in unexplained if name in counters.unexplained]
    for name in gone:
        counters.reserved.pop(name, None)
        counters.unsettled.pop(name, None)
    for name, reservation in missing.items():
        if noted(counters, name) is None and name not in counters.settled:
            counters.reserved[name] = as_note(reservation, is_old=True)
    counters.unexplained = [name for name in unexplained if name not in gone]
    counters.last_sweep, counters.sweep_cursor = now, ""
    return len(gone)
