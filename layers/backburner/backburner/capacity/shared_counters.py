"""The one object that all processes share, `ledger/governor.json`, changed by compare-and-swap.

Times are the store's, as of the read that the swap is based on. If a change depends on a run's open record, the record
is read after the counters and before the swap: any process that changes the run in between makes the swap fail.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from backburner.capacity import recent_writes, reservations
from backburner.capacity.counters_format import decoded, encoded
from backburner.capacity.limits import Counters
from backburner.capacity.record_marks import RecordMarks
from backburner.capacity.reservations import RecordState
from backburner.capacity.timing import RANDOM
from backburner.errors import RetryLaterError
from backburner.ports import ABSENT, Bucket, Clock, ConflictError, Stored

logger = logging.getLogger(__name__)

TRIES = 12
MAX_NOTED = 64
"""Notes are folded once the object has more names of a kind than this; it never has many more."""
_MAX_FOLD_READS = 16
"""Records that one swap reads in order to fold; as a swap adds about one name, that makes one read a swap or fewer."""
_MAX_KNOWN = 4096
_RECENT_S = 10.0
"""Counters read or written within this time are assumed to be current; if they are not, the swap is refused."""
_REFUSED_S = 60.0
"""After such a refusal other processes are writing too: for this long, read the counters first."""

T = TypeVar("T")
Rebuild = Callable[[Bucket, bytes, datetime], Awaitable[Counters]]
"""Rebuilds the counters from the bucket if their object, with these bytes, cannot be read."""
ReadRecord = Callable[[Bucket, str], Awaitable[RecordState]]
"""Reads what the open record of a run, `<job_id>.<run>`, says about its reservation."""
Change = Callable[[Counters, datetime, Mapping[str, RecordState]], T]
NeededRecords = Callable[[Counters], Collection[str]]


@dataclass(eq=False)
class _QueuedChange:
    """A change that a caller waits for, and the runs whose records it depends on."""

    change: Change[Any]
    needed: NeededRecords
    name: str | None
    """The run whose reservation it changes."""
    answer: Any = None
    error: RetryLaterError | None = None

    def apply(self, counters: Counters, now: datetime, records: Mapping[str, RecordState]) -> None:
        """Make the change; if it raises, the counters stay as they were."""
        try:
            self.answer, self.error = self.change(counters, now, records), None
        except RetryLaterError as error:
            self.error = error


@dataclass(frozen=True)
class _Version:
    """The object as read or written, with the store's time and this process's monotonic time."""

    body: bytes
    etag: str
    nonce: str
    at: datetime
    at_s: float


@dataclass(kw_only=True)
class SharedCounters:
    """The counters as one process sees them. Concurrent changes share one swap.

    `tries`: how often a lost swap is tried again; fewer in submit, which then puts its job into the backlog.
    """

    bucket: Bucket
    key: str
    clock: Clock
    rebuild: Rebuild
    read_record: ReadRecord
    tries: int = TRIES
    max_noted: int = MAX_NOTED
    last_read: Counters = field(default_factory=Counters)
    """The counters as last read: good enough where being wrong only costs effort."""
    in_flight: int = 0
    """Generations that were open by those counters: added up once, since every poll needs it."""
    _queued: list[_QueuedChange] = field(default_factory=list)
    _swapping: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: dict[str, RecordState] = field(default_factory=dict)
    _marks: RecordMarks = field(default_factory=RecordMarks)
    _with_next_swap: list[Callable[[Counters], None]] = field(default_factory=list)
    _last: _Version | None = None
    _read_first_until: float = -math.inf

    def change_with_next_swap(self, change: Callable[[Counters], None]) -> None:
        """Make a change along with the next swap; it may be lost."""
        self._with_next_swap.append(change)

    def mark(self) -> int:
        """Take this before reading a run's record, and give it to `remember` with what was read."""
        return self._marks.now()

    def remember(self, name: str, state: RecordState, mark: int | None = None) -> None:
        """Remember what a run's record said: for the next swap that folds and, with a `mark`, for one that needs it."""
        if mark is None:
            self._marks.touch(name)
        elif not self._marks.put(name, mark):
            return
        self._known.pop(name, None)
        self._known[name] = state
        if len(self._known) > _MAX_KNOWN:
            del self._known[next(iter(self._known))]

    async def change(
        self,
        change: Change[T],
        *,
        needed: NeededRecords = lambda _: (),
        name: str | None = None,
        tries: int | None = None,
    ) -> T:
        """Change the counters and return the result of `change`, which is called once for each try.

        `name`: the run whose reservation is changed. Raises `RetryLaterError` if other processes win every swap.
        """
        queued = _QueuedChange(change, needed, name)
        self._queued.append(queued)
        try:
            async with self._swapping:
                if queued in self._queued:  # else the swap before ours included it
                    await self._swap(tries or self.tries)
        finally:
            self._queued = [other for other in self._queued if other is not queued]
        if queued.error is not None:
            raise queued.error
        return queued.answer  # type: ignore[no-any-return]

    async def change_quietly(
        self, change: Change[None], *, needed: NeededRecords = lambda _: (), name: str | None = None
    ) -> None:
        """Make a change without which everything works; it is lost if other processes win every swap."""
        try:
            await self.change(change, needed=needed, name=name)
        except RetryLaterError:
            logger.warning("governor not written: other processes win every swap")

    async def read(self) -> tuple[Counters, str, datetime]:
        """The counters, the ETag to match, and the store's time."""
        stored = await self.bucket.get(self.key) or await self._begin()
        try:
            counters = decoded(stored.body)
        except (msgspec.DecodeError, RecursionError):
            stored, counters = await self._heal(stored)
        self.last_read, self.in_flight = counters, counters.in_flight
        self._compare(counters, stored.etag)
        self._last = _Version(stored.body, stored.etag, counters.nonce, stored.read_at, self.clock.monotonic())
        return counters, stored.etag, stored.read_at

    def _compare(self, counters: Counters, etag: str) -> None:
        """Note which runs others have changed between the counters as last known and as just read."""
        last = self._last
        if last is not None and last.etag == etag:
            return
        is_edited = last is None or last.nonce == counters.nonce
        changed = None if last is None or is_edited else recent_writes.since(counters, last.nonce)
        if changed is None:
            self._marks.forget_all()
        else:
            self._marks.others_changed(changed)

    async def read_lately(self, max_s: float) -> tuple[Counters, datetime]:
        """The counters and the store's time, as read or written here at most so many seconds ago, else read now."""
        if self._last is None or self.clock.monotonic() - self._last.at_s > max_s:
            await self.read()
        assert self._last is not None, "just read"
        elapsed = timedelta(seconds=self.clock.monotonic() - self._last.at_s)
        return decoded(self._last.body), self._last.at + elapsed

    def _recent(self) -> _Version | None:
        """The object as this process knows it, if that is likely to be current."""
        now_s, last = self.clock.monotonic(), self._last
        is_recent = last is not None and now_s - last.at_s <= _RECENT_S and now_s >= self._read_first_until
        return last if is_recent else None

    async def _begun(self, guess: _Version | None) -> tuple[Counters, str, datetime]:
        """What a swap starts from: a guess costs no call, and the swap is refused if it is wrong."""
        if guess is None:
            return await self.read()
        elapsed = timedelta(seconds=self.clock.monotonic() - guess.at_s)
        return decoded(guess.body), guess.etag, guess.at + elapsed

    async def _swap(self, tries: int) -> None:
        """Make all changes that are asked for, those asked for between two tries included."""
        along, self._with_next_swap = self._with_next_swap, []
        guess = self._recent()
        for attempt in range(-1 if guess else 0, tries):
            counters, etag, now = await self._begun(guess)
            batch, named = self._queued.copy(), recent_writes.named(counters)
            records, is_same = await self._apply(counters, now, batch, along)
            was_guess, guess = guess is not None, None
            if was_guess and is_same:
                continue  # nothing to write, so no refusal would show that the guess is out of date
            try:
                if not is_same:
                    recent_writes.add(counters, named, _names(batch))
                    await self._put(counters, etag, now)
            except ConflictError:
                if was_guess:
                    self._read_first_until = self.clock.monotonic() + _REFUSED_S
                else:
                    await self.clock.sleep(0.05 * 2 ** min(attempt, 5) * RANDOM.uniform(0.5, 1.5))
            else:
                self._swapped(counters, batch, records)
                return
        raise RetryLaterError(f"other processes keep writing {self.key}")

    async def _apply(
        self,
        counters: Counters,
        now: datetime,
        batch: list[_QueuedChange],
        along: Collection[Callable[[Counters], None]],
    ) -> tuple[Mapping[str, RecordState], bool]:
        """Change the counters. Returns what was read of records, and whether the counters are still the same."""
        before, to_fold = msgspec.json.encode(counters), reservations.names_to_fold(counters, self.max_noted)
        records = await self._read_records(counters, batch, [name for name in to_fold if name not in self._known])
        for queued in batch:
            queued.apply(counters, now, records)
        for change in along:
            change(counters)
        if to_fold or msgspec.json.encode(counters) != before:
            self._tidy(counters, records)
        return records, msgspec.json.encode(counters) == before

    def _swapped(self, counters: Counters, batch: list[_QueuedChange], records: Mapping[str, RecordState]) -> None:
        self.last_read, self.in_flight = counters, counters.in_flight
        for name in _names(batch) | records.keys():
            self._marks.touch(name)
        self._known = {name: known for name, known in self._known.items() if name not in records}
        self._queued = [other for other in self._queued if other not in batch]

    async def _put(self, counters: Counters, match: str, now: datetime) -> None:
        body, at_s = encoded(counters), self.clock.monotonic()
        etag = await self.bucket.put(self.key, body, match=match, content_type="application/json")
        self._last = _Version(body, etag, counters.nonce, now, at_s)

    async def _read_records(
        self, counters: Counters, batch: list[_QueuedChange], to_fold: list[str]
    ) -> dict[str, RecordState]:
        """Read the records that the changes depend on, and some of those that may be folded.

        A record that was read before is not read again unless the run has been changed since: any process that changes
        a run notes that in the counters first.
        """
        needed = dict.fromkeys(name for queued in batch for name in queued.needed(counters))
        known = {name: self._known[name] for name in needed if name in self._known and self._marks.holds(name)}
        wanted = dict.fromkeys(name for name in needed if name not in known)
        wanted |= dict.fromkeys(to_fold[:_MAX_FOLD_READS])

        async def read(name: str) -> RecordState | None:
            mark = self.mark()
            try:
                found = await self.read_record(self.bucket, name)
            except RetryLaterError:  # a change that depends on it is refused
                return None
            if found.is_open and name in needed:  # if this swap is refused, the next one may not need to read it
                self.remember(name, found, mark)
            return found

        found = await asyncio.gather(*map(read, wanted))
        return known | {name: state for name, state in zip(wanted, found, strict=True) if state is not None}

    def _tidy(self, counters: Counters, records: Mapping[str, RecordState]) -> None:
        """Fold the notes that records are known to repeat, if there are too many names."""
        for name in counters.settled.copy():
            if name in self._known:
                reservations.fold(counters, name, self._known[name])
        for name in reservations.names_to_fold(counters, self.max_noted):
            if name in records:
                reservations.fold_or_drop(counters, name, records[name])
            elif name in self._known:
                reservations.fold(counters, name, self._known[name])

    async def _heal(self, stored: Stored) -> tuple[Stored, Counters]:
        """Replace an object that cannot be read, from what the rest of the bucket says."""
        logger.error("governor could not be read: rebuilding it", extra={"key": self.key})
        counters = await self.rebuild(self.bucket, stored.body, stored.read_at)
        counters.nonce, counters.recent = recent_writes.new_nonce(), []
        try:
            body = encoded(counters)
            await self.bucket.put(self.key, body, match=stored.etag, content_type="application/json")
            again = await self.bucket.get(self.key)
            if again is not None:
                return again, decoded(again.body)
        except (ConflictError, msgspec.DecodeError):
            pass
        raise RetryLaterError(f"another process is rebuilding {self.key}")

    async def _begin(self) -> Stored:
        """Create the object, so that its times are the store's from the start."""
        with contextlib.suppress(ConflictError):
            body = encoded(Counters(nonce=recent_writes.new_nonce()))
            await self.bucket.put(self.key, body, match=ABSENT, content_type="application/json")
        stored = await self.bucket.get(self.key)
        if stored is None:
            raise RetryLaterError(f"{self.key} was written but cannot be found")
        return stored


def _names(batch: Collection[_QueuedChange]) -> set[str]:
    return {queued.name for queued in batch if queued.name}
