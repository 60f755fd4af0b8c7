"""How many bytes one process may hold: large documents wait before they are read, so a burst does not exhaust memory.

There are two budgets. `own` is shared by everything of moderate size: small documents, answers, texts being merged. The
large slot, of `large_bytes`, belongs to one task at a time and holds a large document, or the child that reads one. A
task with the large slot never waits for the shared budget, so no two tasks wait for each other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

from backburner.documents.plain_text import MAX_DOCUMENT_BYTES, looks_plain
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ports import Bucket, Stored, TooLargeError

MEBIBYTE = 1024 * 1024
OWN_BYTES = 64 * MEBIBYTE
DEFAULT_LARGE_BYTES = 400 * MEBIBYTE
"""Fits a function of 768 MB."""
SMALL_BYTES = 256 * 1024
"""A document up to this size is read by the first call; for a larger one that call only returns the size."""
FACTOR = 10
"""Bytes in memory for each byte of a document that is sent in one piece: its text, the request, its encoding."""
LARGE_FACTOR = 8
"""The same for a document that is cut; one emoji makes Python store every character of a text in four bytes."""
PIECE_BYTES = 4 * MEBIBYTE
"""The finished lines of a segment are written once they have this many bytes."""
MIN_PIECE_BYTES = 256 * 1024
_FIRST_ANSWER_BYTES = 128 * 1024
_ANSWER_FACTOR = 8
_TRIES = 3

_has_large: ContextVar[bool] = ContextVar("has_large", default=False)
_has_own: ContextVar[bool] = ContextVar("has_own", default=False)


class ByteBudget:
    """A number of bytes to share; a task that asks for more than is free waits. Never ask for more than all of them."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = self.free_bytes = size_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Wait until this many bytes are free, and take them."""
        if not self._waiting and size_bytes <= self.free_bytes:
            self.free_bytes -= size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size_bytes)
            raise

    def overdraw(self, size_bytes: int) -> None:
        """Take without waiting: for a task that holds bytes already and could otherwise wait for itself."""
        self.free_bytes -= size_bytes

    def give(self, size_bytes: int) -> None:
        """Give bytes back."""
        self.free_bytes += size_bytes
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self.free_bytes):
            wanted, turn = self._waiting.popleft()
            if not turn.done():
                self.free_bytes -= wanted
                turn.set_result(None)


class LargeSlot:
    """The one large slot, as a context manager; a task that has it already enters without waiting."""

    def __init__(self) -> None:
        self._budget = ByteBudget(1)
        self._entered: ContextVar[tuple[bool, ...]] = ContextVar("entered", default=())

    async def __aenter__(self) -> None:
        """Wait for the slot."""
        mine = not _has_large.get()
        if mine:
            await self._budget.take(1)
            _has_large.set(True)
        self._entered.set((*self._entered.get(), mine))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the slot, unless an outer block of the task has it."""
        *before, mine = self._entered.get()
        self._entered.set(tuple(before))
        if mine:
            _has_large.set(False)
            self._budget.give(1)


@dataclass(kw_only=True)
class MemoryBudget:
    """The budget of one process; `large_bytes` is its memory less what interpreter, libraries and `own` need."""

    large_bytes: int = DEFAULT_LARGE_BYTES
    own: ByteBudget = field(default_factory=lambda: ByteBudget(OWN_BYTES))
    large: LargeSlot = field(default_factory=LargeSlot)
    kept_bytes: int = 0
    """Size of all finished lines that are not written yet."""
    _largest_answer_bytes: int = _FIRST_ANSWER_BYTES

    @property
    def max_document_bytes(self) -> int:
        """The largest document that is read at all."""
        return min(MAX_DOCUMENT_BYTES, self.large_bytes // LARGE_FACTOR)

    @property
    def moderate_bytes(self) -> int:
        """The largest share of `own` that one task may hold."""
        return self.own.size_bytes // 4

    def must_fit(self, size_bytes: int) -> None:
        """Raises `JobError` (`document_too_large`) for a document too large to be read at all."""
        if size_bytes > self.max_document_bytes:
            most = f"at most {self.max_document_bytes // MEBIBYTE} MB are read"
            by_memory = self.max_document_bytes < MAX_DOCUMENT_BYTES
            remedy = "split it up, or raise the functions' memory" if by_memory else "split it up"
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{size_bytes} bytes: {most}; {remedy}")

    @asynccontextmanager
    async def holding(self, size_bytes: int) -> AsyncIterator["Hold"]:
        """Hold this many bytes, but at most `moderate_bytes`, until the block ends."""
        size_bytes, outer = min(size_bytes, self.moderate_bytes), _has_own.get()
        if outer:
            self.own.overdraw(size_bytes)
        else:
            await self.own.take(size_bytes)
        hold = Hold(self, size_bytes, is_inner=outer)
        _has_own.set(True)
        try:
            yield hold
        finally:
            _has_own.set(outer)
            await hold.end()

    @asynccontextmanager
    async def for_document(self, size_bytes: int = SMALL_BYTES) -> AsyncIterator["Hold"]:
        """Hold what a document needs: of a known size, or of `SMALL_BYTES`, to grow if it turns out to be larger."""
        async with self.holding(size_bytes * FACTOR) as hold:
            if size_bytes * FACTOR > self.moderate_bytes:
                await hold.become_large()
            yield hold

    @asynccontextmanager
    async def for_answer(self) -> AsyncIterator["Hold"]:
        """Hold what an answer needs, guessed from the largest one so far."""
        async with self.holding(_ANSWER_FACTOR * self._largest_answer_bytes) as hold:
            yield hold

    def met_answer(self, size_bytes: int) -> None:
        """Remember the size of the largest answer."""
        self._largest_answer_bytes = max(self._largest_answer_bytes, size_bytes)

    def is_full(self, size_bytes: int) -> bool:
        """Whether a segment must write its finished lines now, given their size."""
        much = self.kept_bytes > self.own.size_bytes // 2
        return size_bytes >= PIECE_BYTES or (much and size_bytes >= MIN_PIECE_BYTES)


class Hold:
    """The bytes that one task holds."""

    def __init__(self, memory: MemoryBudget, own_bytes: int, *, is_inner: bool) -> None:
        self._memory, self._own_bytes, self._is_large, self._is_inner = memory, own_bytes, False, is_inner

    async def become_large(self) -> None:
        """Wait for the large slot; keep it until the end, or until the text turns out to be moderate."""
        if not self._is_large:
            await self._memory.large.__aenter__()
            self._is_large = True

    async def document(self, bucket: Bucket, key: str) -> Stored | None:
        """Read a document of unknown size; without its body if it is too large to be read."""
        limit_bytes = SMALL_BYTES
        for _ in range(_TRIES):
            try:
                return await bucket.get(key, limit_bytes)
            except TooLargeError as error:
                limit_bytes = error.size_bytes
            if limit_bytes * FACTOR > self._memory.moderate_bytes:
                await self.become_large()
            else:
                await self._grow(limit_bytes * FACTOR)
            if limit_bytes > self._memory.max_document_bytes:
                return await bucket.head(key)
        raise RetryLaterError(f"{key} keeps growing")

    async def before_reading(self, body: bytes, name: str) -> None:
        """Wait for the large slot if a child will read the document: its text may be much larger."""
        if not looks_plain(body, name):
            await self.become_large()

    async def after_reading(self, text_chars: int) -> None:
        """Give the large slot back if the text is moderate after all."""
        if self._is_large and text_chars * FACTOR <= self._memory.moderate_bytes:
            self._is_large = False
            await self._memory.large.__aexit__(None, None, None)

    async def _grow(self, size_bytes: int) -> None:
        """Hold more, while nothing has been read yet."""
        own = self._memory.own
        own.give(self._own_bytes)
        self._own_bytes = 0
        if self._is_inner or self._is_large:
            own.overdraw(size_bytes)
        else:
            await own.take(size_bytes)
        self._own_bytes = size_bytes

    async def end(self) -> None:
        """Give everything back."""
        self._memory.own.give(self._own_bytes)
        self._own_bytes = 0
        if self._is_large:
            self._is_large = False
            await self._memory.large.__aexit__(None, None, None)
