"""A batch: a `.jsonl` of many requests is one job, cut into segments of lines, each of them a part (DESIGN section 7).

Nothing of it is in memory whole: its lines are found by reading ranges, its results are joined in a file.
"""

import codecs
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from backburner.batch.lines import CANCELLED_LINE, MAX_LINE_BYTES, SUFFIX, custom_id_of, failed, number_of, split_lines
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ledger.keys import output_location
from backburner.ledger.records import LineCounts, OpenRecord, Part
from backburner.ledger.segment_state import Segment, Todo
from backburner.memory.budget import MemoryBudget
from backburner.memory.spool import open_spool
from backburner.outcome.finish import Finisher
from backburner.ports import ABSENT, Bucket, ConflictError, Stored, TooLargeError

MAX_BYTES = 512 * 1024 * 1024
MAX_LINES = 100_000
SEGMENT_LINES = 1000
SEGMENT_BYTES = 8 * 1024 * 1024
"""A segment is read into memory whole: it ends behind the line with which it has so many."""
_RANGE_BYTES = 8 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_NAME = b'"custom_id"'
_JOINED_BYTES = 4 * 1024 * 1024
"""What became of a segment's lines is read whole up to this size, else in ranges of it."""
_LOOKED_AT = 20
"""One of so many lines must have a custom_id, or a `.jsonl` is a document like any other."""


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """Finds the lines of a batch, and joins what became of them."""

    bucket: Bucket
    finisher: Finisher
    memory: MemoryBudget

    async def is_batch(self, key: str, source: Stored) -> bool:
        """Whether a document is one. Raises `JobError` where it is meant as one and is not written in lines."""
        if not key.lower().endswith(SUFFIX) or not source.size_bytes:
            return False
        head = await self._range(key, 0, min(source.size_bytes, _RANGE_BYTES), source.etag)
        lines = [line for line in split_lines(head) if line.strip()][:_LOOKED_AT]
        if any(custom_id_of(line) is not None for line in lines):
            return True
        if fault := _fault(head[:_HEAD_BYTES]):
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"a batch {fault}, and upload it again")
        return False

    async def segments(self, key: str, source: Stored) -> list[bytes]:
        """The segments of a batch, each as the object that describes it. Raises `JobError` where it is too large."""
        if source.size_bytes > MAX_BYTES:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{source.size_bytes} bytes: a batch has at most {MAX_BYTES}")
        found, seen = list[Segment](), set[int]()
        now = _Open(first_line=1, first_byte=0)
        number, end = 0, 0
        async for line, behind in self._lines(key, source):
            number, before, end = number + 1, end, behind
            if number > MAX_LINES:
                raise JobError(Reason.DOCUMENT_TOO_LARGE, f"more than {MAX_LINES} lines: cut it into several batches")
            custom_id = custom_id_of(line) if line is not None else None
            name = hash(custom_id) if custom_id is not None else None
            if line is None:
                found += now.closed(key, source.etag, number - 1, before)
                found.append(_oversized(key, source.etag, number))
                now = _Open(first_line=number + 1, first_byte=end)
            elif not line.strip():
                pass
            elif name is not None and name in seen:
                now.repeated.append(number)
                now.todo.append(number)
            else:
                now.todo.append(number)
            if name is not None:
                seen.add(name)
            if number - now.first_line + 1 >= SEGMENT_LINES or end - now.first_byte >= SEGMENT_BYTES:
                found += now.closed(key, source.etag, number, end)
                now = _Open(first_line=number + 1, first_byte=end)
        found += now.closed(key, source.etag, number, end)
        if not found:
            raise JobError(Reason.EMPTY_DOCUMENT, "a batch without a line")
        return [msgspec.json.encode(segment) for segment in found]

    async def finish(self, record: OpenRecord, parts: list[Part], cancelled_for: Reason | None = None) -> None:
        """Join what became of all lines: outputs to the result, errors apart, in the order of the input.

        Of a batch that was cancelled, lines that nobody came to are errors too, and it is done if any line is.
        """
        async with self.memory.holding(self.memory.moderate_bytes):
            await self._join(record, parts, cancelled_for)

    async def _join(self, record: OpenRecord, parts: list[Part], cancelled_for: Reason | None) -> None:
        with tempfile.TemporaryDirectory(prefix="backburner-") as folder:
            outputs, errors = Path(folder) / "outputs", Path(folder) / "errors"
            with outputs.open("wb") as good, errors.open("wb") as bad:
                counts, first_error = await self._sorted_out(parts, good, bad, cancelled_for)
            record = replace(record, lines=counts)
            if counts.failed:
                await self._put_errors(record.location.errors_key, errors)
            if counts.completed:
                await self.finisher.done(record, outputs)
            elif cancelled_for:
                await self.finisher.fail(record, cancelled_for, "cancelled before any of its lines was done")
            else:
                await self.finisher.fail(record, *first_error)

    async def _sorted_out(
        self, parts: list[Part], good: IO[bytes], bad: IO[bytes], cancelled_for: Reason | None
    ) -> tuple[LineCounts, tuple[Reason, str]]:
        completed = failed = 0
        first_error = (Reason.UNREADABLE_DOCUMENT, "no line of the batch succeeded")
        for part in parts:
            left = await self._left(part) if cancelled_for else None
            lines = self._cancelled(left, cancelled_for) if left and cancelled_for else self._ended(part)
            async for line in lines:
                if number_of(line):
                    first_error = first_error if failed else _reason(line)
                    failed += 1
                    bad.write(line)
                else:
                    completed += 1
                    good.write(line)
        return LineCounts(total=completed + failed, completed=completed, failed=failed), first_error

    async def _ended(self, part: Part) -> AsyncIterator[bytes]:
        """What became of each line of a segment. Raises `JobError` where that is gone."""
        key = output_location(part.key).result_key(SUFFIX[1:])
        try:
            stored = await self.bucket.get(key, _JOINED_BYTES)
            lines = iter(()) if stored is None else iter(stored.body.splitlines(keepends=True))
        except TooLargeError:
            stored, lines = await self.bucket.head(key), iter(())
        if stored is None:
            raise JobError(Reason.LOST, f"the lines of {part.key} are gone")
        for line in lines:
            yield line
        rest = b""
        for first in range(0, 0 if stored.body else stored.size_bytes, _JOINED_BYTES):
            last = min(first + _JOINED_BYTES, stored.size_bytes)
            *whole, rest = (rest + await self._range(key, first, last, stored.etag)).split(b"\n")
            for line in whole:
                yield line + b"\n"
        if rest:
            yield rest

    async def _left(self, part: Part) -> Segment | None:
        """A segment that has not ended with a result of all its lines, as it was left; None for one that has."""
        committed = await self.finisher.ledger.committed(output_location(part.key), "")
        done, error = committed.run, committed.error
        if done is not None and (error is None or error.record.run < done.record.run):
            return None
        stored = await self.bucket.get(part.key)
        if stored is None:
            raise JobError(Reason.LOST, f"{part.key}, which describes a segment, is gone")
        segment = msgspec.json.decode(stored.body, type=Segment)
        resume = error.record.resume if error else None
        return replace(segment, pieces=resume.segment.pieces) if resume and resume.segment else segment

    async def _cancelled(self, segment: Segment, reason: Reason) -> AsyncIterator[bytes]:
        """What became of each line of a segment that was left: it had ended, or was cancelled."""
        with open_spool() as spool:
            for key in segment.pieces:
                piece = await self.bucket.get(key)
                for line in piece.body.splitlines(keepends=True) if piece else ():
                    numbered, _, written = line.partition(b"\t")
                    spool.put(int(numbered), written)
            raw = await self._raw(segment)
            for todo in segment.todo:
                number = todo.number
                custom_id = custom_id_of(raw.get(number, b""))
                yield spool.take(number) if number in spool else failed(number, custom_id, reason, CANCELLED_LINE)

    async def _raw(self, segment: Segment) -> dict[int, bytes]:
        """The lines of a segment by their numbers; empty if they are not there any more."""
        try:
            there = not segment.is_oversized
            block = await self._range(segment.key, segment.first_byte, segment.end_byte, segment.etag) if there else b""
        except RetryLaterError:  # replaced, or removed: only their names are missing
            block = b""
        return dict(enumerate(split_lines(block), segment.first_line)) if block else {}

    async def _put_errors(self, key: str, errors: Path) -> None:
        there = await self.bucket.head(key)
        try:
            await self.bucket.put(
                key, errors, match=there.etag if there else ABSENT, content_type="application/x-ndjson"
            )
        except ConflictError as error:
            raise RetryLaterError(f"{key} is written by others") from error

    async def _lines(self, key: str, source: Stored) -> AsyncIterator[tuple[bytes | None, int]]:
        """Every line, with the byte behind it; None for one that is too long to be read."""
        rest, dropped, at = b"", 0, 0  # of the line that is not at its end: what is kept, and how much is not
        for first in range(0, source.size_bytes, _RANGE_BYTES):
            last = min(first + _RANGE_BYTES, source.size_bytes)
            lines = (rest + await self._range(key, first, last, source.etag)).split(b"\n")
            rest = lines.pop()
            for line in lines:
                at += dropped + len(line) + 1
                yield (None if dropped or len(line) > MAX_LINE_BYTES else line.removesuffix(b"\r")), at
                dropped = 0
            if len(rest) > MAX_LINE_BYTES or dropped:
                dropped, rest = dropped + len(rest), b""
        if rest or dropped:
            yield (None if dropped else rest), at + dropped + len(rest)

    async def _range(self, key: str, first: int, last: int, etag: str) -> bytes:
        try:
            block = await self.bucket.get_range(key, first, last, etag)
        except ConflictError:
            block = None
        if block is None:
            raise RetryLaterError(f"{key} was replaced while it was read")
        return block


def _fault(head: bytes) -> str | None:
    """What keeps the beginning of a file that names requests from being lines; None where it names none.

    Such a file would otherwise be one document: billed, answered, and taken for done.
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
    """A segment of its own for a line that nobody reads."""
    return Segment(
        key=key, etag=etag, first_line=number, count=1, first_byte=0, end_byte=0, is_oversized=True, todo=[Todo(number)]
    )


class _Open:
    """The segment whose lines are being found."""

    def __init__(self, first_line: int, first_byte: int) -> None:
        self.first_line, self.first_byte = first_line, first_byte
        self.todo: list[int] = []
        self.repeated: list[int] = []

    def closed(self, key: str, etag: str, number: int, end: int) -> list[Segment]:
        """The segment up to a line, none if it has no line that says anything."""
        if not self.todo:
            return []
        return [
            Segment(
                key=key,
                etag=etag,
                first_line=self.first_line,
                count=number - self.first_line + 1,
                first_byte=self.first_byte,
                end_byte=end,
                repeated=self.repeated,
                todo=[Todo(line) for line in self.todo],
            )
        ]


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str


class _ErrorLine(msgspec.Struct, frozen=True):
    error: _Error


def _reason(line: bytes) -> tuple[Reason, str]:
    error = msgspec.json.decode(line, type=_ErrorLine).error
    reason = Reason(error.code) if error.code in set(Reason) else Reason.UNREADABLE_DOCUMENT
    return reason, f"no line of the batch succeeded; the first: {error.message}"
