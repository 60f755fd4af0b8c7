"""Takes a snapshot of the bucket for the audit: reads everything once, with about a kilobyte of memory per document."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.journal import lines_in
from backburner.ledger.keys import (
    ERROR_RECORD,
    FAILED,
    INBOX,
    JOURNAL,
    OPEN,
    RESULTS,
    RUN_RECORD,
    SUPERSEDED,
    OutputLocation,
    open_run,
    output_location,
)
from backburner.ledger.ledger import NO_OPEN_RECORD
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, R, RunRecord, State, decode
from backburner.ports import Bucket, Stored

T = TypeVar("T")
Progress = Callable[[str, int], None]
"""Called with what is being read and how many objects have been read so far."""

AT_ONCE = 32
_REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run or error record, whose own ETag is `etag`. The last three fields are set for run records only."""

    job: str
    run: int
    source_etag: str
    etag: str
    written: datetime
    age_s: float
    result_key: str = ""
    result_etag: str = ""
    replaced_error: str | None = None

    @property
    def name(self) -> str:
        """The name of its run."""
        return f"{self.job}.{self.run}"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """An open record. `silent_s`: seconds since it was written; `reserves`: whether it must hold a reservation."""

    job: str
    run: int
    source_etag: str
    state: State
    silent_s: float
    reserves: bool
    etag: str = ""
    """The open record's own ETag."""

    @property
    def name(self) -> str:
        """The name of its run."""
        return f"{self.job}.{self.run}"


@dataclass(slots=True)
class LocationState:
    """What the bucket holds for one document: ETag and age, records, open runs; `text` is the ETag of its result."""

    etag: str | None = None
    age_s: float = 0.0
    done: EndedRun | None = None
    failed: EndedRun | None = None
    text: str | None = None
    working: tuple[OpenRun, ...] = ()


@dataclass
class Snapshot:
    """Everything that was read. `texts` are the ETags of results that no run record names, by key."""

    locations: dict[str, LocationState] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    superseded: dict[str, float] = field(default_factory=dict)
    """The age in seconds of each superseded record, by `<job_id>.<run>`."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why an object cannot be read, by key."""

    def at(self, key: str) -> LocationState:
        """What is known about a document so far."""
        return self.locations.setdefault(key, LocationState())

    def working(self) -> Iterable[tuple[str, OpenRun]]:
        """Every open record, with its document's key."""
        return ((key, working) for key, seen in self.locations.items() for working in seen.working)


@dataclass(frozen=True, kw_only=True)
class SnapshotReader:
    """Reads snapshots, open records first: a run that ends meanwhile is then found again by its run or error record."""

    bucket: Bucket
    progress: Progress

    async def everything(self) -> Snapshot:
        """Read the whole bucket, except the journal."""
        snapshot = Snapshot()
        await self.open_records(snapshot)
        await self._each(RESULTS, lambda key, stored: self._result(snapshot, key, stored))
        await self._each(FAILED, lambda key, stored: self._failure(snapshot, key, stored))
        async for key, stored in self.bucket.listed(SUPERSEDED):
            name = key.removeprefix(SUPERSEDED).removesuffix(".json")
            if open_run(f"{OPEN}{name}.json"):  # both are named <job_id>.<run>.json
                snapshot.superseded[name] = stored.age_s
        for seen in snapshot.locations.values():
            if seen.done:
                seen.text = snapshot.texts.pop(seen.done.result_key, None)
        await self._each(INBOX, lambda key, stored: _document(snapshot, key, stored))
        return snapshot

    async def open_records(self, snapshot: Snapshot) -> None:
        """Read all open records."""

        async def read(key: str, _: Stored) -> None:
            if open_run(key) is None:
                if not key.endswith("/"):  # a folder made in a cloud's console
                    snapshot.unreadable[key] = NO_OPEN_RECORD
                return
            stored, record = await self._record(snapshot, key, OpenRecord)
            if stored is None or record is None:
                return
            seen = snapshot.at(record.source.key)
            working = OpenRun(
                job=record.job_id,
                run=record.run,
                source_etag=record.source.etag,
                state=record.state,
                silent_s=stored.age_s,
                reserves=record.reserves,
                etag=stored.etag,
            )
            seen.working = (*seen.working, working)

        await self._each(OPEN, read)

    async def again(self, key: str, working: tuple[OpenRun, ...]) -> LocationState:
        """Read one document and its records again."""
        snapshot, location = Snapshot(), output_location(key)
        document = await self.bucket.head(key)
        await self.done(snapshot, location.run_record_key)
        await self._failure(snapshot, location.error_record_key, None)
        seen = snapshot.at(key)
        if document is not None:
            seen.etag, seen.age_s = document.etag, document.age_s
        if seen.done is not None and (text := await self.bucket.head(seen.done.result_key)):
            seen.text = text.etag
        seen.working = working
        return seen

    async def journal(self, snapshot: Snapshot) -> AsyncIterator[tuple[str, int]]:
        """Job and run of every journal line; lines that cannot be read are skipped."""
        async for key, _ in self.bucket.listed(JOURNAL):
            try:
                stored = await self.bucket.get(key)
            except UnreadableError as error:
                snapshot.unreadable[key] = str(error)
                continue
            for line in lines_in(stored.body, _Line) if stored else ():
                yield line.job_id, line.run

    async def _result(self, snapshot: Snapshot, key: str, stored: Stored) -> None:
        if key.endswith(RUN_RECORD):
            await self.done(snapshot, key)
        else:
            snapshot.texts[key] = stored.etag

    async def done(self, snapshot: Snapshot, key: str) -> None:
        """Read one run record, if it is there."""
        stored, record = await self._record(snapshot, key, RunRecord, lambda location: location.run_record_key)
        if stored is not None and record is not None:
            snapshot.at(record.source.key).done = EndedRun(
                **_ended(stored, record),
                result_key=record.result_key,
                result_etag=record.result_etag,
                replaced_error=record.replaces.error_etag,
            )

    async def _failure(self, snapshot: Snapshot, key: str, _: Stored | None) -> None:
        if not key.endswith(ERROR_RECORD):
            return
        stored, record = await self._record(snapshot, key, ErrorRecord, lambda location: location.error_record_key)
        if stored is not None and record is not None:
            snapshot.at(record.source.key).failed = EndedRun(**_ended(stored, record))

    async def _record(
        self, snapshot: Snapshot, key: str, kind: type[R], key_at: Callable[[OutputLocation], str] | None = None
    ) -> tuple[Stored | None, R | None]:
        try:
            stored = await self.bucket.get(key)
        except UnreadableError as error:
            snapshot.unreadable[key] = str(error)
            return None, None
        if stored is None:
            return None, None
        try:
            record = decode(stored.body, kind)
            location = output_location(record.source.key)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            snapshot.unreadable[key] = str(error)
            return stored, None
        if key_at is not None and key_at(location) != key:
            snapshot.unreadable[key] = f"it is the record of {record.source.key}, which belongs elsewhere"
            return stored, None
        return stored, record

    async def _each(self, prefix: str, work: Callable[[str, Stored], Awaitable[None]]) -> None:
        """Do the work for every object below a prefix, `AT_ONCE` at a time, and report the progress."""
        what, count = prefix.rstrip("/"), 0
        listed = self.bucket.listed(prefix)
        self.progress(what, count)

        async def counted(item: tuple[str, Stored]) -> None:
            nonlocal count
            await work(*item)
            count += 1
            if count % _REPORT_EVERY == 0:
                self.progress(what, count)

        await at_once(listed, counted)
        self.progress(what, count)


async def at_once(items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], most: int = AT_ONCE) -> None:
    """Do the work for each item as it comes, at most `most` at a time; no items are read ahead."""
    turn = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with turn:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await work(item)

    workers = [asyncio.create_task(worker()) for _ in range(most)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()


async def each_of(items: Iterable[T]) -> AsyncIterator[T]:
    """Items in memory as an async iterator, for `at_once`."""
    for item in items:
        yield item


class _Line(msgspec.Struct):
    job_id: str
    run: int


async def _document(snapshot: Snapshot, key: str, stored: Stored) -> None:
    if not key.endswith("/"):
        seen = snapshot.at(key)
        seen.etag, seen.age_s = stored.etag, stored.age_s


def _ended(stored: Stored, record: JobRecord) -> dict[str, Any]:
    return {
        "job": record.job_id,
        "run": record.run,
        "source_etag": record.source.etag,
        "etag": stored.etag,
        "written": stored.last_modified,
        "age_s": stored.age_s,
    }
