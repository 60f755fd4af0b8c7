"""The index of jobs behind the page: refreshed by listing, and by reading only what has changed since.

Open records are listed before the journal is: what ends in between is then in both, and the next refresh puts it right.
A record that is gone, and that the journal does not tell of yet, is looked up where its run has ended.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from backburner.errors import BackburnerError, UnreadableError
from backburner.ledger.journal import Line, line_of
from backburner.ledger.keys import INBOX, JOURNAL, OPEN, open_run, output_location
from backburner.ledger.records import ErrorRecord, OpenRecord, RunRecord, decode
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.console.rows import Row, of_document, of_line, of_open
from backburner_cli.operator.listing import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from backburner.ports import Bucket, Stored

REFRESH_S = 2.0
INBOX_EVERY_S = 60.0
"""The inbox is listed less often: only documents without a job are learnt from it."""
WATCHED_S = 20.0
"""So long after the page last asked, the bucket is asked nothing."""
_REST = 3
"""A refresh that took long is followed by a rest of so many times as long."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows as of one refresh; `version` grows with every change."""

    version: int = 0
    rows: tuple[Row, ...] = ()


@dataclass
class JobIndex:
    """Every document's latest run, in memory."""

    bucket: Bucket
    clock: Callable[[], float] = time.monotonic
    snapshot: Snapshot = field(default_factory=Snapshot)
    is_ready: bool = False
    problem: str | None = None
    """Why the last refresh failed, if it did."""
    reads: int = 0
    """Objects that were read so far."""
    _ended: dict[str, Row] = field(default_factory=dict)
    _open: dict[str, tuple[str, Row | None]] = field(default_factory=dict)
    """ETag and row of each open record by its key; no row for parts, and for what cannot be read."""
    _unclaimed: dict[str, Row] = field(default_factory=dict)
    _journal: set[str] = field(default_factory=set)
    _latest_day: str = ""
    _listed_inbox_at: float | None = None
    _asked_at: float | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self) -> Snapshot:
        """The rows, for a page that looks on: for a while they are kept fresh."""
        self._asked_at = self.clock()
        return self.snapshot

    @property
    def is_watched(self) -> bool:
        """Whether a page has asked lately: while none does, the bucket is asked nothing."""
        return self._asked_at is not None and self.clock() - self._asked_at <= WATCHED_S

    def hurry(self) -> None:
        """Refresh at once, the inbox too: something was uploaded or asked for."""
        self._listed_inbox_at = None
        self._wake.set()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled, as long as somebody looks on."""
        self._asked_at = self.clock()
        while True:
            began = self.clock()
            if self.is_watched:
                await self.try_refresh()
            took = self.clock() - began
            try:
                await asyncio.wait_for(self._wake.wait(), max(REFRESH_S, _REST * took))
            except TimeoutError:
                continue
            self._wake.clear()

    async def try_refresh(self) -> None:
        """Refresh; what the store refuses is told on the page and tried again."""
        try:
            await self.refresh()
            self.problem = None
        except BackburnerError as error:
            self.problem = str(error)

    async def refresh(self) -> None:
        """Read what has changed. Raises `BackburnerError` where the store does not answer."""
        before = self.reads
        gone = await self._open_records()
        await self._new_lines()
        await at_once(each_of(gone), self._look_up)
        listed = await self._documents_without_job()
        if self.reads != before or gone or listed or not self.is_ready:
            self._publish()
        self.is_ready = True

    def _publish(self) -> None:
        rows = self._unclaimed | self._ended
        for _, row in self._open.values():
            if row is not None and not _is_over(row, rows.get(row.key)):
                rows[row.key] = row
        self.snapshot = Snapshot(self.snapshot.version + 1, tuple(rows.values()))

    async def _open_records(self) -> list[Row]:
        """Read open records that are new or were written since; the rows of those that are gone."""
        seen = set[str]()

        async def look(item: tuple[str, Stored]) -> None:
            key, listed = item
            seen.add(key)
            known = self._open.get(key)
            if open_run(key) is None or (known is not None and known[0] == listed.etag):
                return
            self.reads += 1
            try:
                stored = await self.bucket.get(key)
                record = decode(stored.body, OpenRecord) if stored else None
            except (UnreadableError, msgspec.DecodeError, RecursionError):
                self._open[key] = (listed.etag, None)
                return
            if stored is None or record is None:
                seen.discard(key)
                return
            self._open[key] = (stored.etag, of_open(record) if record.part_of is None else None)

        await at_once(self.bucket.listed(OPEN), look)
        gone = [self._open.pop(key)[1] for key in self._open.keys() - seen]
        return [row for row in gone if row is not None]

    async def _new_lines(self) -> None:
        """Read what was added to the journal: of days gone by, once; of the last two, what is not known yet."""
        after = f"{JOURNAL}{_day_before(self._latest_day)}" if self._latest_day else ""

        async def look(item: tuple[str, Stored]) -> None:
            key = item[0]
            if key in self._journal:
                return
            self.reads += 1
            for line in await lines_of(self.bucket, key):
                self._end(line)
            self._journal.add(key)
            self._latest_day = max(self._latest_day, key.removeprefix(JOURNAL).partition("/")[0])

        await at_once(self.bucket.listed(JOURNAL, after), look)
        if self._latest_day:
            kept = f"{JOURNAL}{_day_before(self._latest_day)}"
            self._journal = {key for key in self._journal if key > kept}

    def _end(self, line: Line) -> None:
        """Take a run that is over, unless a later one of the same document is known."""
        if not line.key.startswith(INBOX):
            return  # a part: its document tells
        row, before = of_line(line), self._ended.get(line.key)
        if before is None or before.changed_at <= row.changed_at:
            self._ended[row.key] = row

    async def _look_up(self, row: Row) -> None:
        """Find how a run ended whose open record is gone, where the journal does not tell."""
        if _is_over(row, self._ended.get(row.key)):
            return
        place = output_location(row.key)
        for key, kind in ((place.run_record_key, RunRecord), (place.error_record_key, ErrorRecord)):
            self.reads += 1
            try:
                stored = await self.bucket.get(key)
                record = decode(stored.body, kind) if stored else None
            except (UnreadableError, msgspec.DecodeError, RecursionError):
                continue
            if record is not None:
                self._end(line_of(record))

    async def _documents_without_job(self) -> bool:
        """List the inbox if it is time; whether it was."""
        now = self.clock()
        if self._listed_inbox_at is not None and now - self._listed_inbox_at < INBOX_EVERY_S:
            claimed = self._unclaimed.keys() & self._known() if self._unclaimed else ()
            if not claimed:
                return False
            for key in claimed:
                del self._unclaimed[key]
            return True
        self._listed_inbox_at = now
        known, found = self._known(), dict[str, Row]()
        async for key, stored in self.bucket.listed(INBOX):
            if key not in known and not key.endswith("/"):
                found[key] = of_document(key, output_location(key).recipe, stored)
        self._unclaimed = found
        return True

    def _known(self) -> set[str]:
        return self._ended.keys() | {row.key for _, row in self._open.values() if row is not None}


def _is_over(row: Row, ended: Row | None) -> bool:
    return ended is not None and ended.job_id == row.job_id and ended.run >= row.run


def _day_before(day: str) -> str:
    """The day before one that stands in a key of the journal; the same where it is no day."""
    try:
        return str(date.fromisoformat(day) - timedelta(days=1))
    except ValueError:
        return day
