"""The index: every run, from the journal and the open records, kept on this disk by key and ETag.

Listings of the bucket say what is there now, so nothing outdated is ever shown: only new and changed objects are read.
For jobs that ended, that is one page of a listing for a thousand journal objects; further refreshes by the same
process list only the last two days.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.journal import Line, line_of, lines_in
from backburner.ledger.keys import INBOX, JOURNAL, OPEN, open_run, output_location
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, R, RunRecord, decode
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.operator.job import Job, ended_job, open_job
from backburner_cli.operator.listing import Listed, sorted_page, totals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Container, Iterator, Mapping
    from datetime import datetime

    from backburner.maintenance.snapshot import Progress
    from backburner.ports import Bucket, Stored
    from backburner_cli.operator.kept_entries import KeptEntries
    from backburner_cli.operator.listing import Filter, Page

_PAGE: Final = 1000
"""If there are more open records than this, they are listed by the first digit of their names, concurrently."""
_REPORT_EVERY: Final = 100


@dataclass(kw_only=True)
class JobIndex:
    """All runs: finished ones from the journal, the others from their open records."""

    bucket: Bucket
    kept: KeptEntries | None = None
    is_far: bool = True
    """Whether a listing waits for a server, so that several at once are faster; on this disk they are not."""
    entries: dict[str, tuple[str, list[Job]]] = field(default_factory=dict)
    read: int = 0
    """The number of objects that the last refresh has read."""
    to_read: int = 0
    _is_loaded: bool = False
    _is_light: bool = False
    """Whether entries that the file has are here without their jobs."""
    _written_at: datetime | None = None
    """When the journal was last written, according to listings."""
    _listed_after: str = ""
    """The journal up to this key is not listed again, since lines are only added on the current day."""
    _changed: dict[str, tuple[str, list[Job]]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _closed: list[Job] = field(default_factory=list)
    """Jobs whose open records are gone; a refresh that fails leaves them to the next one."""
    _unwritten: dict[tuple[str, int], Job] = field(default_factory=dict)

    async def refresh(self, progress: Progress) -> bool:
        """Read what is new or has changed. Returns whether anything was."""
        await self._load()
        there = await self._listed()
        gone = {key for key in self.entries.keys() - there.keys() if key.startswith(OPEN) or key > self._listed_after}
        self._closed += await self._jobs_in([key for key in gone if key.startswith(OPEN)])
        for key in gone:
            del self.entries[key]
        self._gone |= gone
        wanted = {key: etag for key, etag in there.items() if self.entries.get(key, ("",))[0] != etag}
        await self._read(wanted, progress)
        await self._settle()
        if self._written_at is not None:
            self._listed_after = f"{JOURNAL}{self._written_at - timedelta(days=1):%Y-%m-%d}"
        changed, gone, self._changed, self._gone = self._changed, self._gone, {}, set()
        if self.kept is not None and (changed or gone):
            await asyncio.to_thread(self.kept.write, changed, gone)
        return bool(changed or gone)

    async def page(self, wanted: Filter, page: Page, progress: Progress) -> Listed:
        """Refresh, and list a page of the latest runs. The file does it, unless it cannot or this is not in it."""
        self._is_light = self.kept is not None and not self._is_loaded
        await self.refresh(progress)
        if self._is_light and self.kept is not None:
            etags = {key: etag for key, (etag, _) in self.entries.items()}
            listed = None if self._unwritten else await asyncio.to_thread(self.kept.page, wanted, page, etags)
            if listed is not None:
                return listed
            self._is_light = self._is_loaded = False
            self._listed_after = ""  # the file may have lost what was read from there
            await self.refresh(progress)
        return self.page_in_memory(wanted, page)

    def page_in_memory(self, wanted: Filter, page: Page) -> Listed:
        """A page of the latest runs of the last refresh."""
        found = [job for job in self.latest() if wanted.has(job)]
        return Listed(jobs=sorted_page(found, page), totals=totals(found))

    def ended(self) -> list[Job]:
        """Every finished run, not only each document's latest."""
        return [*self._journal(), *self._unwritten.values()]

    def latest(self) -> list[Job]:
        """The latest run of every document; an open run precedes finished ones."""
        ended, opened = dict[str, Job](), dict[str, Job]()
        for job in self.ended():
            _keep_later(ended, job)
        for key, (_, jobs) in self.entries.items():
            if key.startswith(OPEN):
                for job in jobs:
                    if not _is_over(job, ended.get(job.key)):
                        _keep_later(opened, job)
        return [*(ended | opened).values()]

    def _journal(self) -> Iterator[Job]:
        return (job for key, (_, jobs) in self.entries.items() if key.startswith(JOURNAL) for job in jobs)

    async def _settle(self) -> None:
        """Read how jobs ended whose open records are gone, as the journal gets their lines a little later."""
        if not self._closed and not self._unwritten:
            return
        written = await self._written()
        self._unwritten = {name: job for name, job in self._unwritten.items() if name not in written}

        async def look(job: Job) -> None:
            record = await ended_record(self.bucket, job.key)
            if record is not None and (record.job_id, record.run) == (job.job_id, job.run):
                self._unwritten[job.job_id, job.run] = ended_job(line_of(record))

        await at_once(each_of([job for job in self._closed if (job.job_id, job.run) not in written]), look)
        self._closed = []

    async def _written(self) -> set[tuple[str, int]]:
        """Job and run of what has a line in the journal; if the jobs are not here, only of what may be asked for."""
        written = {(job.job_id, job.run) for job in self._journal()}
        if self._is_light and self.kept is not None:
            keys = {job.key for job in (*self._closed, *self._unwritten.values())}
            written |= await asyncio.to_thread(self.kept.ended, keys)
        return written

    async def _jobs_in(self, keys: Collection[str]) -> list[Job]:
        """The jobs of some entries."""
        if self._is_light and self.kept is not None:
            return await asyncio.to_thread(self.kept.jobs_in, keys)
        return [job for key in keys for job in self.entries[key][1]]

    async def _load(self) -> None:
        """Read the index file, once; before the bucket is listed, so that what another process adds is not missed."""
        if self.kept is not None and not self._is_loaded:
            if self._is_light:
                etags = await asyncio.to_thread(self.kept.etags)
                self.entries = {key: (etag, []) for key, etag in etags.items()}
            else:
                self.entries = await asyncio.to_thread(self.kept.read)
        self._is_loaded = True

    async def _listed(self) -> dict[str, str]:
        """Keys and ETags; open records first, so that a run that ends meanwhile is found in the journal."""
        opened = dict[str, str]()
        async for key, stored in self.bucket.listed(OPEN):
            opened[key] = stored.etag
            if self.is_far and len(opened) == _PAGE:
                break
        if self.is_far and len(opened) == _PAGE:
            await at_once(each_of("0123456789abcdef"), lambda digit: self._list_into(opened, f"{OPEN}{digit}"))
        there = {key: etag for key, etag in opened.items() if key in self.entries or open_run(key) is not None}
        async for key, stored in self.bucket.listed(JOURNAL, self._listed_after):
            there[key] = stored.etag
            self._written_at = max(self._written_at or stored.last_modified, stored.last_modified)
        return there

    async def _list_into(self, found: dict[str, str], prefix: str) -> None:
        async for key, stored in self.bucket.listed(prefix):
            found[key] = stored.etag

    async def _read(self, wanted: Mapping[str, str], progress: Progress) -> None:
        """Read objects; those that cannot be read are skipped, as `status` names them."""
        self.read, self.to_read = 0, len(wanted)

        async def look(key: str) -> None:
            try:
                stored = await self.bucket.get(key)
            except UnreadableError:
                self.entries[key] = (wanted[key], [])  # not kept in the file: another process may be able to read it
            else:
                if stored is not None:
                    self.entries[key] = self._changed[key] = (stored.etag, _jobs_in(key, stored.body))
            self.read += 1
            if self.read % _REPORT_EVERY == 0:
                progress("ledger", self.read)

        await at_once(each_of(wanted), look)


async def without_job(bucket: Bucket, prefix: str, known: Container[str]) -> AsyncIterator[tuple[str, Stored]]:
    """Documents below a prefix that are not in `known`."""
    async for key, stored in bucket.listed(prefix):
        if key not in known and not key.endswith("/"):
            yield key, stored


async def ended_record(bucket: Bucket, key: str) -> RunRecord | ErrorRecord | None:
    """The later one of the records at a document's output location; None if there is none that can be read."""
    location = output_location(key)
    found = [
        await _record(bucket, location.run_record_key, RunRecord),
        await _record(bucket, location.error_record_key, ErrorRecord),
    ]
    return max((one for one in found if one is not None), key=_ended_at, default=None)


async def _record(bucket: Bucket, key: str, kind: type[R]) -> R | None:
    try:
        stored = await bucket.get(key)
        return decode(stored.body, kind) if stored else None
    except (UnreadableError, msgspec.DecodeError, RecursionError):
        return None


def _ended_at(record: JobRecord) -> datetime:
    return record.finished_at or record.uploaded_at


def _keep_later(found: dict[str, Job], job: Job) -> None:
    """Keep a document's later run."""
    before = found.get(job.key)
    if before is None or (before.changed_at, before.run) <= (job.changed_at, job.run):
        found[job.key] = job


def _is_over(job: Job, ended: Job | None) -> bool:
    """Whether an open run is known to have ended, so that its open record is a leftover."""
    return ended is not None and ended.job_id == job.job_id and ended.run >= job.run


def _jobs_in(key: str, body: bytes) -> list[Job]:
    if key.startswith(JOURNAL):
        return [ended_job(line) for line in lines_in(body, Line) if line.key.startswith(INBOX)]
    try:
        record = decode(body, OpenRecord)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [open_job(record)] if record.part_of is None else []
