"""The index: every run, from the journal and the open records, kept on this disk by key and ETag.

Listings of the bucket say what is there now, so nothing outdated is ever shown: only new and changed objects are read.
For jobs that ended, that is one page of a listing for a thousand journal objects; further refreshes by the same
process list only the last two days.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.journal import Line, line_of
from backburner.ledger.keys import INBOX, JOURNAL, OPEN, open_run, output_location
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, R, RunRecord, decode
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.operator.job import Job, ended_job, open_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping
    from datetime import datetime

    from backburner.maintenance.snapshot import Progress
    from backburner.ports import Bucket, Stored

_PAGE: Final = 1000
"""If there are more open records than this, they are listed by the first digit of their names, concurrently."""
_REPORT_EVERY: Final = 100
_SHAPE: Final = int.from_bytes(hashlib.sha256(repr(("2", Job.__struct_fields__)).encode()).digest()[:3])
"""The version of the file's content; a file with another one is emptied."""
_DECODER: Final = msgspec.msgpack.Decoder(list[Job])


@dataclass(kw_only=True)
class KeptEntries:
    """The index file: for each object its ETag and jobs. It may be removed at any time."""

    path: Path

    @staticmethod
    def of(environment: Mapping[str, str], identity: str) -> KeptEntries:
        """The file of one deployment, in this user's cache."""
        home = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        mark = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return KeptEntries(path=Path(home) / "backburner" / f"jobs-{mark}.db")

    def read(self) -> dict[str, tuple[str, list[Job]]]:
        """Read all entries; none if the file cannot be read."""
        try:
            db = self._open()
            try:
                rows = db.execute("SELECT key, etag, jobs FROM entries").fetchall()
            finally:
                db.close()
            return {key: (etag, _DECODER.decode(jobs)) for key, etag, jobs in rows}
        except (sqlite3.Error, OSError, msgspec.DecodeError):
            return {}

    def write(self, changed: Mapping[str, tuple[str, list[Job]]], gone: Iterable[str]) -> None:
        """Keep what has changed. If that fails, the objects are read again the next time."""
        with suppress(sqlite3.Error, OSError):
            db = self._open()
            try:
                with db:
                    db.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in gone])
                    rows = ((key, etag, msgspec.msgpack.encode(jobs)) for key, (etag, jobs) in changed.items())
                    db.executemany("INSERT OR REPLACE INTO entries (key, etag, jobs) VALUES (?, ?, ?)", rows)
            finally:
                db.close()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(self.path, timeout=5)
        try:
            (shape,) = db.execute("PRAGMA user_version").fetchone()
            if shape != _SHAPE:
                with db:
                    db.execute("DROP TABLE IF EXISTS entries")
                    db.execute(f"PRAGMA user_version = {_SHAPE}")
            db.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, etag TEXT, jobs BLOB) WITHOUT ROWID")
        except sqlite3.Error:
            db.close()
            raise
        return db


@dataclass(kw_only=True)
class JobIndex:
    """All runs: finished ones from the journal, the others from their open records."""

    bucket: Bucket
    kept: KeptEntries | None = None
    entries: dict[str, tuple[str, list[Job]]] = field(default_factory=dict)
    read: int = 0
    """The number of objects that the last refresh has read."""
    to_read: int = 0
    _is_loaded: bool = False
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
        there, _ = await asyncio.gather(self._listed(), self._load())
        for key in self.entries.keys() - there.keys():
            if key.startswith(OPEN):
                self._closed += self.entries[key][1]
            elif key <= self._listed_after:
                continue
            del self.entries[key]
            self._gone.add(key)
        wanted = {key: etag for key, etag in there.items() if self.entries.get(key, ("",))[0] != etag}
        await self._read(wanted, progress)
        await self._settle()
        if self._written_at is not None:
            self._listed_after = f"{JOURNAL}{self._written_at - timedelta(days=1):%Y-%m-%d}"
        changed, gone, self._changed, self._gone = self._changed, self._gone, {}, set()
        if self.kept is not None and (changed or gone):
            await asyncio.to_thread(self.kept.write, changed, gone)
        return bool(changed or gone)

    def ended(self) -> list[Job]:
        """Every finished run, not only each document's latest."""
        return [*self._journal(), *self._unwritten.values()]

    def latest(self) -> list[Job]:
        """The latest run of every document; an open run precedes finished ones."""
        found = dict[str, Job]()
        for job in self.ended():
            before = found.get(job.key)
            if before is None or before.changed_at <= job.changed_at:
                found[job.key] = job
        for key, (_, jobs) in self.entries.items():
            if key.startswith(OPEN):
                found.update((job.key, job) for job in jobs if not _is_over(job, found.get(job.key)))
        return list(found.values())

    def _journal(self) -> Iterator[Job]:
        return (job for key, (_, jobs) in self.entries.items() if key.startswith(JOURNAL) for job in jobs)

    async def _settle(self) -> None:
        """Read how jobs ended whose open records are gone, as the journal gets their lines only after the tick."""
        if not self._closed and not self._unwritten:
            return
        written = {(job.job_id, job.run) for job in self._journal()}
        self._unwritten = {name: job for name, job in self._unwritten.items() if name not in written}

        async def look(job: Job) -> None:
            record = await ended_record(self.bucket, job.key)
            if record is not None and (record.job_id, record.run) == (job.job_id, job.run):
                self._unwritten[job.job_id, job.run] = ended_job(line_of(record))

        await at_once(each_of([job for job in self._closed if (job.job_id, job.run) not in written]), look)
        self._closed = []

    async def _load(self) -> None:
        """Read the index file, once."""
        if self.kept is not None and not self._is_loaded:
            self.entries = await asyncio.to_thread(self.kept.read)
        self._is_loaded = True

    async def _listed(self) -> dict[str, str]:
        """Keys and ETags; open records first, so that a run that ends meanwhile is found in the journal."""
        opened = dict[str, str]()
        async for key, stored in self.bucket.listed(OPEN):
            opened[key] = stored.etag
            if len(opened) == _PAGE:
                break
        if len(opened) == _PAGE:
            await at_once(each_of("0123456789abcdef"), lambda digit: self._list_into(opened, f"{OPEN}{digit}"))
        there = {key: etag for key, etag in opened.items() if open_run(key) is not None}
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
    place = output_location(key)
    found = [
        await _record(bucket, place.run_record_key, RunRecord),
        await _record(bucket, place.error_record_key, ErrorRecord),
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


def _is_over(job: Job, ended: Job | None) -> bool:
    """Whether an open run is known to have ended, so that its open record is a leftover."""
    return ended is not None and ended.job_id == job.job_id and ended.run >= job.run


def _jobs_in(key: str, body: bytes) -> list[Job]:
    if key.startswith(JOURNAL):
        return [ended_job(line) for line in lines_in(body) if line.key.startswith(INBOX)]
    try:
        record = decode(body, OpenRecord)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [open_job(record)] if record.part_of is None else []


def lines_in(body: bytes) -> list[Line]:
    """The lines of a journal object; those that cannot be read are skipped."""
    found = list[Line]()
    for raw in body.splitlines():
        with suppress(msgspec.DecodeError, RecursionError):
            found.append(_LINES.decode(raw))
    return found


_LINES: Final = msgspec.json.Decoder(Line)
