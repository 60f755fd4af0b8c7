"""Ends a batch: joins its finished lines, outputs in the result and errors in a separate file, in the input's order.

The lines are joined in files on disk, never in memory.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from backburner.batch.input_lines import SUFFIX
from backburner.batch.output_lines import CANCELLED_LINE, failed, number_of
from backburner.batch.segment_reader import SegmentReader, range_at
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import LineCounts, OpenRecord, Part
from backburner.ledger.segment_state import Segment
from backburner.memory.budget import MemoryBudget
from backburner.memory.spool import open_spool, temporary_file
from backburner.outcome.finish import Finisher
from backburner.ports import ABSENT, Bucket, ConflictError, TooLargeError

_RANGE_BYTES = 4 * 1024 * 1024
"""Results of segments up to this size are read whole, larger ones in ranges of this size."""


@dataclass(frozen=True, kw_only=True)
class BatchFinisher:
    """Ends batches."""

    bucket: Bucket
    ledger: Ledger
    finisher: Finisher
    segment_reader: SegmentReader
    memory: MemoryBudget

    async def finish(self, record: OpenRecord, parts: list[Part], cancelled_for: Reason | None = None) -> None:
        """End a batch whose segments have ended. Raises `JobError` if finished lines are gone.

        If the batch was cancelled, lines that were never started become errors; the batch is done if any line is.
        """
        async with self.memory.holding(self.memory.moderate_bytes):
            with temporary_file() as outputs, temporary_file() as errors:
                await self._join(record, parts, cancelled_for, outputs, errors)

    async def _join(
        self, record: OpenRecord, parts: list[Part], cancelled_for: Reason | None, outputs: Path, errors: Path
    ) -> None:
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
        """The output or error of each line of a segment. Raises `JobError` if they are gone."""
        key = output_location(part.key).result_key(SUFFIX[1:])
        try:
            stored = await self.bucket.get(key, _RANGE_BYTES)
            lines = iter(()) if stored is None else iter(stored.body.splitlines(keepends=True))
        except TooLargeError:
            stored, lines = await self.bucket.head(key), iter(())
        if stored is None:
            raise JobError(Reason.LOST, f"the lines of {part.key} are gone")
        for line in lines:
            yield line
        rest = b""
        for first in range(0, 0 if stored.body else stored.size_bytes, _RANGE_BYTES):
            block = await range_at(self.bucket, key, stored, first, _RANGE_BYTES)
            *complete, rest = (rest + block).split(b"\n")
            for line in complete:
                yield line + b"\n"
        if rest:
            yield rest

    async def _left(self, part: Part) -> Segment | None:
        """The state in which a segment was left; None if it ended with a result for all of its lines."""
        committed = await self.ledger.committed(output_location(part.key), "")
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
        """The output or error of each line of a segment that was cut short: lines that had not ended are cancelled."""
        with open_spool() as spool:
            await self.segment_reader.ended(segment, spool)
            names = await self.segment_reader.names(segment)
            for todo in segment.todo:
                number = todo.number
                yield spool.take(number) if number in spool else failed(number, names[number], reason, CANCELLED_LINE)

    async def _put_errors(self, key: str, errors: Path) -> None:
        there = await self.bucket.head(key)
        try:
            await self.bucket.put(
                key, errors, match=there.etag if there else ABSENT, content_type="application/x-ndjson"
            )
        except ConflictError as error:
            raise RetryLaterError(f"{key} is being written by other processes") from error


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str


class _ErrorLine(msgspec.Struct, frozen=True):
    error: _Error


def _reason(line: bytes) -> tuple[Reason, str]:
    error = msgspec.json.decode(line, type=_ErrorLine).error
    reason = Reason(error.code) if error.code in set(Reason) else Reason.UNREADABLE_DOCUMENT
    return reason, f"no line of the batch succeeded; the first: {error.message}"
