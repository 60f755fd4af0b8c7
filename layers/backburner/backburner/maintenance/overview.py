"""How many documents are in which state, from listings of the bucket and the open records.

Open records are read before the listings, and new ones once more after them: a document that is claimed or ends in
between is found in one of the two.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.inbox_pages import page_of, records_of
from backburner.ledger.keys import INBOX, OPEN, open_run
from backburner.ledger.ledger import NO_OPEN_RECORD
from backburner.ledger.records import OpenRecord, State, decode
from backburner.maintenance.snapshot import at_once
from backburner.maintenance.sweep import OLD_ENOUGH_S, Sweeper
from backburner.ports import Bucket


@dataclass
class Overview:
    """Counts of documents, by state. `documents` is the sum of waiting, running, done, failed and unclaimed."""

    documents: int = 0
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    unclaimed: int = 0
    """Those whose current version has neither an open record nor a run or error record."""
    young: int = 0
    """Those of the unclaimed that were uploaded within the last 15 minutes: their events may still come."""
    open: Counter[State] = field(default_factory=Counter)
    """Open records by state, including those of parts and segments."""
    waiting_for: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Objects that a person must look at, and why, by key."""


@dataclass(frozen=True, kw_only=True)
class OverviewReader:
    """Counts a bucket's documents, page by page."""

    bucket: Bucket
    sweeper: Sweeper

    async def read(self) -> Overview:
        """Count every document once."""
        found, known, claimed = Overview(), set[str](), dict[tuple[str, str], State]()
        await self._open_records(found, known, claimed)
        unclaimed = dict[tuple[str, str], bool]()
        async for key, etag, age_s, ended in self._documents():
            found.documents += 1
            if (key, etag) in claimed:
                _count(found, claimed[key, etag])
            elif ended is not None:
                _count(found, ended)
            else:
                unclaimed[key, etag] = age_s < OLD_ENOUGH_S
        if unclaimed:
            await self._open_records(found, known, claimed)
        for document, is_young in unclaimed.items():
            if document in claimed:
                _count(found, claimed[document])
            else:
                found.unclaimed += 1
                found.young += is_young
        counters, _ = await self.sweeper.governor.counters()
        for key, why in counters.unreadable.items():
            if key not in found.unreadable and not await self.sweeper.is_readable(key):
                found.unreadable[key] = why
        return found

    async def _open_records(self, found: Overview, known: set[str], claimed: dict[tuple[str, str], State]) -> None:
        """Read the open records that are not known yet."""

        async def read(key: str) -> None:
            known.add(key)
            try:
                stored = await self.bucket.get(key)
                record = decode(stored.body, OpenRecord) if stored else None
            except (UnreadableError, msgspec.DecodeError, RecursionError) as error:
                found.unreadable[key] = str(error)
                return
            if record is None:
                return
            found.open[record.state] += 1
            if record.state is State.WAITING:
                found.waiting_for[record.waiting_for or "turn"] += 1
            document = (record.source.key, record.source.etag)
            if claimed.get(document) in (None, State.WAITING):
                claimed[document] = State.WAITING if record.state is State.WAITING else State.RUNNING

        async def new() -> AsyncIterator[str]:
            async for key, _ in self.bucket.listed(OPEN):
                if open_run(key) is None and not key.endswith("/"):
                    found.unreadable[key] = NO_OPEN_RECORD
                elif open_run(key) is not None and key not in known:
                    yield key

        await at_once(new(), read)

    async def _documents(self) -> AsyncIterator[tuple[str, str, float, State | None]]:
        """Key, ETag and age of every document, and its state if it has ended."""
        after = ""
        while page := await page_of(self.bucket, INBOX, after):
            records = await records_of(self.bucket, page)
            for key, stored in page.items():
                if not key.endswith("/"):
                    yield key, stored.etag, stored.age_s, records.state_of(key, stored)
            after = max(page)


def _count(found: Overview, state: State) -> None:
    name = str(state)
    setattr(found, name, getattr(found, name) + 1)
