"""What stands in the bucket, read for an audit: everything once, about a kilobyte of memory per document."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.journal import FOLDER as JOURNAL
from backburner.ledger.keys import INBOX, OPEN, Place, open_run, place_of
from backburner.ledger.ledger import NO_OPEN_RECORD
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, R, RunRecord, State, decode
from backburner.ports import Bucket, Stored

T = TypeVar("T")
Progress = Callable[[str, int], None]
"""Told what is read at the moment, and how much of it."""

RUN_RECORD, ERROR_RECORD = ".run.json", ".error.json"
SUPERSEDED = "ledger/superseded/"
AT_ONCE = 32
_TELL_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """A run or error record. `source_etag` is the document's, `etag` its own; the rest only run records have."""

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
        """Of its run."""
        return f"{self.job}.{self.run}"


@dataclass(frozen=True, slots=True)
class Working:
    """An open record. `silent_s`: how long nobody has written it; `reserves`: whether the governor must know of it."""

    job: str
    run: int
    source_etag: str
    state: State
    silent_s: float
    reserves: bool
    etag: str = ""
    """Its own."""

    @property
    def name(self) -> str:
        """Of its run."""
        return f"{self.job}.{self.run}"


@dataclass(slots=True)
class Seen:
    """What stands at one document's place; `text` is the ETag of what stands where the run record says."""

    etag: str | None = None
    age_s: float = 0.0
    done: Ended | None = None
    failed: Ended | None = None
    text: str | None = None
    working: tuple[Working, ...] = ()


@dataclass
class Books:
    """Everything that was read. `texts` are the results that no run record names, with their ETags."""

    places: dict[str, Seen] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    superseded: dict[str, float] = field(default_factory=dict)
    """Ages in seconds, by `<job_id>.<run>`."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why, by key."""

    def at(self, key: str) -> Seen:
        """The place of a document."""
        return self.places.setdefault(key, Seen())

    def working(self) -> Iterable[tuple[str, Working]]:
        """Every open record, with its document's key."""
        return ((key, working) for key, seen in self.places.items() for working in seen.working)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads books: open records first, since what ends meanwhile is then met again where it ended."""

    bucket: Bucket
    progress: Progress

    async def everything(self) -> Books:
        """The whole bucket, but for the journal."""
        books = Books()
        await self.open_records(books)
        await self._each("results/", lambda key, stored: self._result(books, key, stored))
        await self._each("failed/", lambda key, stored: self._failure(books, key, stored))
        async for key, stored in self.bucket.listed(SUPERSEDED):
            name = key.removeprefix(SUPERSEDED).removesuffix(".json")
            if open_run(f"{OPEN}{name}.json"):  # named alike
                books.superseded[name] = stored.age_s
        for seen in books.places.values():
            if seen.done:
                seen.text = books.texts.pop(seen.done.result_key, None)
        await self._each(INBOX, lambda key, stored: _document(books, key, stored))
        return books

    async def open_records(self, books: Books) -> None:
        """All that is under way."""

        async def read(key: str, _: Stored) -> None:
            if open_run(key) is None:
                if not key.endswith("/"):  # a folder of somebody's console
                    books.unreadable[key] = NO_OPEN_RECORD
                return
            stored, record = await self._record(books, key, OpenRecord)
            if stored is None or record is None:
                return
            seen = books.at(record.source.key)
            working = Working(
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

    async def again(self, key: str, working: tuple[Working, ...]) -> Seen:
        """One place, looked at anew."""
        books, place = Books(), place_of(key)
        document = await self.bucket.head(key)
        await self.done(books, place.run_record_key)
        await self._failure(books, place.error_record_key, None)
        seen = books.at(key)
        if document is not None:
            seen.etag, seen.age_s = document.etag, document.age_s
        if seen.done is not None and (text := await self.bucket.head(seen.done.result_key)):
            seen.text = text.etag
        seen.working = working
        return seen

    async def journal(self, books: Books) -> AsyncIterator[tuple[str, int]]:
        """Job and run of every line; a line that cannot be read is passed over."""
        async for key, _ in self.bucket.listed(JOURNAL):
            try:
                stored = await self.bucket.get(key)
            except UnreadableError as error:
                books.unreadable[key] = str(error)
                continue
            for line in stored.body.splitlines() if stored else ():
                try:
                    run = msgspec.json.decode(line, type=_Line)
                except msgspec.DecodeError:
                    continue
                yield run.job_id, run.run

    async def _result(self, books: Books, key: str, stored: Stored) -> None:
        if key.endswith(RUN_RECORD):
            await self.done(books, key)
        else:
            books.texts[key] = stored.etag

    async def done(self, books: Books, key: str) -> None:
        """One run record, if it is there."""
        stored, record = await self._record(books, key, RunRecord, lambda place: place.run_record_key)
        if stored is not None and record is not None:
            books.at(record.source.key).done = Ended(
                **_ended(stored, record),
                result_key=record.result_key,
                result_etag=record.result_etag,
                replaced_error=record.replaces.error_etag,
            )

    async def _failure(self, books: Books, key: str, _: Stored | None) -> None:
        if not key.endswith(ERROR_RECORD):
            return
        stored, record = await self._record(books, key, ErrorRecord, lambda place: place.error_record_key)
        if stored is not None and record is not None:
            books.at(record.source.key).failed = Ended(**_ended(stored, record))

    async def _record(
        self, books: Books, key: str, kind: type[R], stands_at: Callable[[Place], str] | None = None
    ) -> tuple[Stored | None, R | None]:
        try:
            stored = await self.bucket.get(key)
        except UnreadableError as error:
            books.unreadable[key] = str(error)
            return None, None
        if stored is None:
            return None, None
        try:
            record = decode(stored.body, kind)
            place = place_of(record.source.key)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            books.unreadable[key] = str(error)
            return stored, None
        if stands_at is not None and stands_at(place) != key:
            books.unreadable[key] = f"it is the record of {record.source.key}, whose place is elsewhere"
            return stored, None
        return stored, record

    async def _each(self, prefix: str, work: Callable[[str, Stored], Awaitable[None]]) -> None:
        """Do something with every object of a list, at most so many at the same time."""
        told, count = prefix.rstrip("/"), 0
        listed = self.bucket.listed(prefix)
        self.progress(told, count)

        async def counted(item: tuple[str, Stored]) -> None:
            nonlocal count
            await work(*item)
            count += 1
            if count % _TELL_EVERY == 0:
                self.progress(told, count)

        await at_once(listed, counted)
        self.progress(told, count)


async def at_once(items: AsyncIterator[T], work: Callable[[T], Awaitable[None]], most: int = AT_ONCE) -> None:
    """Do something with each item as it comes, with at most so many at the same time and none waiting in memory."""
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
    """What is in memory already, for `at_once`."""
    for item in items:
        yield item


class _Line(msgspec.Struct):
    job_id: str
    run: int


async def _document(books: Books, key: str, stored: Stored) -> None:
    if not key.endswith("/"):
        seen = books.at(key)
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
