"""Cuts a batch, a `.jsonl` of many requests, into segments of lines, each of which is a part (DESIGN section 7).

A batch is never in memory whole: its lines are found by reading ranges.
"""

import codecs
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from backburner.batch.input_lines import MAX_LINE_BYTES, SUFFIX, custom_id_of, split_lines
from backburner.batch.segment_reader import range_at
from backburner.errors import JobError, Reason
from backburner.ledger.segment_state import Segment, Todo
from backburner.ports import Bucket, Stored

MAX_BYTES = 512 * 1024 * 1024
MAX_LINES = 100_000
SEGMENT_LINES = 1000
SEGMENT_BYTES = 8 * 1024 * 1024
"""A segment ends with the line that brings it to this size, since it is read into memory whole."""
_RANGE_BYTES = 8 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_NAME = b'"custom_id"'
_LOOKED_AT = 20
"""One of this many first lines must have a custom_id; otherwise a `.jsonl` is an ordinary document."""


@dataclass(frozen=True)
class Segmenter:
    """Recognises batches and finds their segments."""

    bucket: Bucket

    async def is_batch(self, key: str, source: Stored) -> bool:
        """Whether a document is a batch. Raises `JobError` if it is meant as one but is not JSON Lines."""
        if not key.lower().endswith(SUFFIX) or not source.size_bytes:
            return False
        head = await range_at(self.bucket, key, source, 0, _RANGE_BYTES)
        lines = [line for line in split_lines(head) if line.strip()][:_LOOKED_AT]
        if any(custom_id_of(line) is not None for line in lines):
            return True
        if fault := _fault(head[:_HEAD_BYTES]):
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"a batch {fault}, and upload it again")
        return False

    async def segments(self, key: str, source: Stored) -> list[bytes]:
        """The segments of a batch, each as the object that describes it. Raises `JobError` if it is too large."""
        if source.size_bytes > MAX_BYTES:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{source.size_bytes} bytes: a batch has at most {MAX_BYTES}")
        cuts = _Cuts(key, source.etag)
        async for line, end in self._lines(key, source):
            if cuts.number >= MAX_LINES:
                raise JobError(Reason.DOCUMENT_TOO_LARGE, f"more than {MAX_LINES} lines: cut it into several batches")
            cuts.add(line, end)
        cuts.close()
        if not cuts.segments:
            raise JobError(Reason.EMPTY_DOCUMENT, "a batch without a line")
        return [msgspec.json.encode(segment) for segment in cuts.segments]

    async def _lines(self, key: str, source: Stored) -> AsyncIterator[tuple[bytes | None, int]]:
        """Every line with the offset of its end; None for a line that is too long to be read."""
        rest, dropped, at = b"", 0, 0  # of the unfinished line: what is kept, and how much is dropped
        for first in range(0, source.size_bytes, _RANGE_BYTES):
            block = await range_at(self.bucket, key, source, first, _RANGE_BYTES)
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                at += dropped + len(line) + 1
                yield (None if dropped or len(line) > MAX_LINE_BYTES else line.removesuffix(b"\r")), at
                dropped = 0
            if len(rest) > MAX_LINE_BYTES or dropped:
                dropped, rest = dropped + len(rest), b""
        if rest or dropped:
            yield (None if dropped else rest), at + dropped + len(rest)


@dataclass
class _Cuts:
    """The segments found so far, and the current one."""

    key: str
    etag: str
    segments: list[Segment] = field(default_factory=list)
    number: int = 0
    """The number of lines so far, and the offset of their end."""
    end: int = 0
    first_line: int = 1
    first_byte: int = 0
    todo: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    _names: set[int] = field(default_factory=set)
    """Hashes of the names so far, since the names themselves would not fit into memory."""

    def add(self, line: bytes | None, end: int) -> None:
        """Add a line; None means a line that is too long to be read, which gets a segment of its own."""
        if line is None:
            self.close()
            self.number, self.end = self.number + 1, end
            self.segments.append(_oversized(self.key, self.etag, self.number))
            self._open()
            return
        self.number, self.end = self.number + 1, end
        if line.strip():
            self.todo.append(self.number)
        if (custom_id := custom_id_of(line)) is not None:
            name = hash(custom_id)
            if name in self._names:
                self.repeated.append(self.number)
            self._names.add(name)
        if self.number - self.first_line + 1 >= SEGMENT_LINES or end - self.first_byte >= SEGMENT_BYTES:
            self.close()

    def close(self) -> None:
        """End the current segment if it has a line that is not blank, and begin the next one."""
        if self.todo:
            segment = Segment(
                key=self.key,
                etag=self.etag,
                first_line=self.first_line,
                count=self.number - self.first_line + 1,
                first_byte=self.first_byte,
                end_byte=self.end,
                repeated=self.repeated,
                todo=[Todo(line) for line in self.todo],
            )
            self.segments.append(segment)
        self._open()

    def _open(self) -> None:
        self.first_line, self.first_byte, self.todo, self.repeated = self.number + 1, self.end, [], []


def _fault(head: bytes) -> str | None:
    """Why a file that begins with requests is not JSON Lines; None if it does not contain requests.

    Otherwise such a file would be run as one document: paid for, answered and called done.
    """
    if _NAME not in head and _NAME in head.replace(b"\0", b""):
        return "in UTF-16 or UTF-32: save it as UTF-8"
    if _NAME not in head:
        return None
    begins = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if begins.startswith(b"["):
        return "that is one JSON array: write each of its objects on a line of its own, without the brackets"
    if b"\r" in head and b"\n" not in head:
        return "whose lines end with a carriage return only: end them with a line feed"
    if begins.startswith(b"{"):
        return "whose objects go over several lines: write each on a line of its own"
    return None


def _oversized(key: str, etag: str, number: int) -> Segment:
    """The segment for a single line that is too long to be read."""
    return Segment(
        key=key, etag=etag, first_line=number, count=1, first_byte=0, end_byte=0, is_oversized=True, todo=[Todo(number)]
    )
