"""The ledger: one open record per run, written only by its owner, and the records committed at output locations.

Own the record or stop (DESIGN section 6): a claim is a put that succeeds only if there is no record; every later write
is a put on the ETag last read, with a new nonce. After a conflict the record is read: it may be our own write, whose
answer was lost.
"""

import asyncio
import dataclasses
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

import msgspec

from backburner.documents.pictures import Pages
from backburner.errors import RetryLaterError, UnreadableError
from backburner.ledger.changes import added_up, has_all_of, running, waited
from backburner.ledger.keys import OutputLocation, open_key, response_key, superseded_key
from backburner.ledger.records import (
    ErrorRecord,
    JobRecord,
    OpenRecord,
    R,
    RunRecord,
    Source,
    State,
    SupersededRecord,
    decode,
    encode,
)
from backburner.ports import ABSENT, JSON, PLAIN_TEXT, Bucket, ConflictError, Stored
from backburner.provider.answers import Generation

NO_OPEN_RECORD = "not an open record: move it elsewhere"
"""What operators read about other objects found among the open records."""
_TRIES = 5
"""How often a write is tried after a temporary conflict (409), before the message is left for later."""


@dataclass(frozen=True)
class Held(Generic[R]):
    """A record as read or written, with the ETag that the next write must match."""

    record: R
    etag: str


@dataclass(frozen=True)
class Open(Held[OpenRecord]):
    """An open record as this process last read or wrote it; `age_s` is its age then, by the store's clock."""

    age_s: float

    def with_changes(self, **changes: Any) -> "Open":
        """The record with changed fields, to be written next. With another `waiting_for`, this wait is counted."""
        age_s = self.age_s
        if "waiting_for" in changes and self.record.state is State.WAITING:
            changes["waited"], age_s = waited(self.record, age_s), 0.0
        return dataclasses.replace(self, record=msgspec.structs.replace(self.record, **changes), age_s=age_s)

    def as_running(self, generation: Generation, ticket: str, now: datetime) -> "Open":
        """The record as running, to be written next."""
        return dataclasses.replace(self, record=running(self.record, generation, ticket, now))

    @property
    def generation_age_s(self) -> float:
        """Seconds since its generation was recorded as running, by the store's clock."""
        return self.record.elapsed_before_write_s + self.age_s


@dataclass(frozen=True)
class Committed:
    """The records at an output location, and a job's last superseded run: together they say which runs are over."""

    job: str
    run: Held[RunRecord] | None
    error: Held[ErrorRecord] | None
    superseded_run: int

    @property
    def etags(self) -> list[str]:
        """ETags of the records there."""
        return [held.etag for held in (self.run, self.error) if held]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the job's last run could not read in the document."""
        return tuple(self._last_source.notes) if self._last_source else ()

    @property
    def pages(self) -> Pages | None:
        """How the job's last run sent each page."""
        return (self._last_source.pages or None) if self._last_source else None

    @property
    def _last_source(self) -> Source | None:
        held = [held.record for held in (self.run, self.error) if held and held.record.job_id == self.job]
        return max(held, key=lambda record: record.run).source if held else None

    @property
    def last_run(self) -> int:
        """The job's last run that is over; 0 if none is."""
        return max(self._run_of(self.run), self._run_of(self.error), self.superseded_run)

    def _run_of(self, held: Held[R] | None) -> int:
        return held.record.run if held and held.record.job_id == self.job else 0

    def is_over(self, run: int) -> bool:
        """Whether a run of the job is over."""
        return run <= self.last_run

    def is_overtaken(self, run: int) -> bool:
        """Whether a later run of the job has ended, and no record here is this run's."""
        return self.superseded_run < run < self.last_run

    def run_for_event(self, last_modified: datetime) -> int | None:
        """The run that an upload event opens, or None if there is nothing to do: DESIGN section 3.

        That is run 1, or the next run if the last one was superseded, or failed and the object was uploaded again
        since. Both times are the store's.
        """
        last = self.last_run
        if last == self.superseded_run:
            return last + 1
        if last == self._run_of(self.run) or self.error is None:
            return None
        return last + 1 if last_modified > self.error.record.source.last_modified else None

    def is_done(self, run: int) -> bool:
        """Whether the run record there, the run's own or a later one's, shows that a run of the job is over."""
        return 0 < run <= self._run_of(self.run)

    def committed_by(self, record: JobRecord) -> bool:
        """Whether the run record there is this run's."""
        return bool(self.run and (self.run.record.job_id, self.run.record.run) == (record.job_id, record.run))

    def knows(self, response_id: str) -> bool:
        """Whether a record there accounts for a generation."""
        return any(response_id in held.record.response_ids for held in (self.run, self.error) if held)


@dataclass(frozen=True)
class Ledger:
    """Reads and writes records in the bucket."""

    bucket: Bucket

    async def open_record(self, job: str, run: int) -> Open | None:
        """The open record of a run; None if there is none."""
        key = open_key(job, run)
        stored = await self.bucket.get(key)
        return None if stored is None else _open(stored, key)

    async def claim(self, record: OpenRecord) -> Open | None:
        """Write the first open record of a run; None if another process has done so."""
        return await self._own(record, ABSENT)

    async def rewrite(self, held: Open) -> Open | None:
        """Write an open record that this process holds; None if another process has written it since."""
        return await self._own(held.record, held.etag)

    async def close(self, record: JobRecord) -> None:
        """Remove the open record: the run is over."""
        await self.bucket.delete(open_key(record.job_id, record.run))

    async def is_given_to(self, record: OpenRecord, response_id: str) -> bool:
        """Note that a response id belongs to the current attempt; False if another attempt or run already has it.

        A gateway that caches answers may give one id to two creates, and the second would get the first one's text.
        """
        key, attempt = response_key(response_id), f"{record.name}.{record.attempt}".encode()
        try:
            await self.bucket.put(key, attempt, match=ABSENT, content_type=PLAIN_TEXT)
        except ConflictError:
            noted = await self.bucket.get(key)
            return noted is None or noted.body == attempt
        return True

    async def committed(self, location: OutputLocation, job: str) -> Committed:
        """What is committed at an output location, as far as it concerns one job."""
        run, error, superseded = await asyncio.gather(
            self._read(location.run_record_key, RunRecord),
            self._read(location.error_record_key, ErrorRecord),
            self._superseded_run(job),
        )
        return Committed(job, run, error, superseded)

    async def run_record(self, location: OutputLocation) -> RunRecord | None:
        """The run record at an output location."""
        held = await self._read(location.run_record_key, RunRecord)
        return held.record if held else None

    async def put(self, key: str, record: JobRecord, match: str) -> str:
        """Write a record if `match` holds; returns its new ETag. Raises `ConflictError` if it does not."""
        return await self.bucket.put(key, encode(record), match=match, content_type=JSON)

    async def set_aside(self, record: SupersededRecord) -> SupersededRecord:
        """Write the record of a superseded run. Returns it, or the one there if that has all that this run generated.

        A run that was superseded earlier under the same name stays named: the new record adds up both.
        """
        key = superseded_key(record.job_id, record.run)
        for _ in range(_TRIES):
            with suppress(ConflictError):
                await self.put(key, record, ABSENT)
                return record
            kept = await self._read(key, SupersededRecord)
            if kept is not None and kept.record.nonce == record.nonce:
                return record  # our own write, sent twice
            if kept is not None and has_all_of(kept.record, record):
                return kept.record
            with suppress(ConflictError):
                if kept is not None:
                    await self.put(key, added_up(kept.record, record), kept.etag)
                    return record
        raise RetryLaterError("the superseded record was neither written nor there")

    async def _own(self, record: OpenRecord, match: str) -> Open | None:
        key, record = open_key(record.job_id, record.run), msgspec.structs.replace(record, nonce=new_nonce())
        for _ in range(_TRIES):
            try:
                etag = await self.put(key, record, match)
            except ConflictError:
                stored = await self.bucket.get(key)
                found = None if stored is None else _open(stored, key)
                if found and found.record.nonce == record.nonce:
                    return found  # our own write, sent twice
                if (found.etag if found else ABSENT) != match:
                    return None
            else:
                return Open(record, etag, age_s=0.0)
        raise RetryLaterError(f"{key} answers with conflicts although nobody else writes it")

    async def _read(self, key: str, kind: type[R]) -> Held[R] | None:
        stored = await self.bucket.get(key)
        return None if stored is None else Held(_decoded(stored, kind, key), stored.etag)

    async def _superseded_run(self, job: str) -> int:
        run = 0
        while await self.bucket.head(superseded_key(job, run + 1)):
            run += 1
        return run


def nothing_committed(job: str) -> Committed:
    """An output location at which nothing was ever committed."""
    return Committed(job, None, None, 0)


def new_nonce() -> str:
    """A new random mark, different from that of every other write."""
    return secrets.token_hex(8)


def _open(stored: Stored, key: str) -> Open:
    return Open(_decoded(stored, OpenRecord, key), stored.etag, stored.age_s)


def _decoded(stored: Stored, kind: type[R], key: str) -> R:
    try:
        return decode(stored.body, kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError(key, f"{key} cannot be read ({error}): was it edited by hand?") from error
