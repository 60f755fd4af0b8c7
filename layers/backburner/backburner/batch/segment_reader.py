"""Reads the lines of one segment: from the batch, and from the pieces with their outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backburner.batch.input_lines import custom_id_of, split_lines
from backburner.errors import RetryLaterError
from backburner.ledger.segment_state import Segment
from backburner.memory.spool import Spool
from backburner.outcome.current_job import RECENT_S
from backburner.ports import Bucket, Clock, ConflictError, Stored

_MAX_SEEN = 64


@dataclass(frozen=True, kw_only=True)
class SegmentReader:
    """Reads a segment's lines, which `Segment` locates."""

    bucket: Bucket
    clock: Clock
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)
    """The ETag that this process last saw of a batch, and when."""

    async def raw(self, segment: Segment) -> dict[int, bytes]:
        """The lines by their numbers; none if the batch is gone or its only line is too long to be read.

        Raises `RetryLaterError` if the batch was replaced: the new one supersedes it and ends all its segments.
        """
        if segment.is_oversized:
            return {}
        try:
            block = await self.bucket.get_range(segment.key, segment.first_byte, segment.end_byte, segment.etag)
        except ConflictError as error:
            raise RetryLaterError(f"{segment.key} was replaced") from error
        self._note(segment.key, None if block is None else segment.etag)
        return dict(enumerate(split_lines(block), segment.first_line)) if block else {}

    async def names(self, segment: Segment) -> "LineNames":
        """The `custom_id` of each line; None if it has none, or if the batch was replaced or removed."""
        try:
            return LineNames(await self.raw(segment))
        except RetryLaterError:
            return LineNames({})

    async def are_current(self, segment: Segment) -> bool:
        """Whether the batch is still the one that the lines were read from, or was at most `RECENT_S` ago."""
        etag, seen_s = self._seen.get(segment.key, ("", 0.0))
        if etag == segment.etag and self.clock.monotonic() - seen_s <= RECENT_S:
            return True
        there = await self.bucket.head(segment.key)
        self._note(segment.key, there.etag if there else None)
        return there is not None and there.etag == segment.etag

    def _note(self, key: str, etag: str | None) -> None:
        """Remember a batch's current ETag, for all of its segments."""
        self._seen.pop(key, None)
        if etag is not None:
            self._seen[key] = (etag, self.clock.monotonic())
        if len(self._seen) > _MAX_SEEN:
            del self._seen[next(iter(self._seen))]

    async def ended(self, segment: Segment, spool: Spool) -> list[str]:
        """Write the finished lines of all pieces to the spool. Returns the keys of pieces that are gone."""
        gone = list[str]()
        for key in segment.pieces:
            piece = await self.bucket.get(key)
            if piece is None:
                gone.append(key)
                continue
            for line in piece.body.splitlines(keepends=True):
                number, _, written = line.partition(b"\t")
                spool.put(int(number), written)
        return gone


async def range_at(bucket: Bucket, key: str, stored: Stored, first: int, size_bytes: int) -> bytes:
    """A range of an object from `first` on. Raises `RetryLaterError` if it was replaced or removed."""
    try:
        block = await bucket.get_range(key, first, min(first + size_bytes, stored.size_bytes), stored.etag)
    except ConflictError:
        block = None
    if block is None:
        raise RetryLaterError(f"{key} was replaced while it was read")
    return block


def piece_of(lines: Mapping[int, bytes]) -> bytes:
    """The body of a piece: finished lines, each preceded by its number."""
    return b"".join(b"%d\t%s" % (number, lines[number]) for number in sorted(lines))


@dataclass(frozen=True)
class LineNames:
    """Names of lines by their numbers, each read only when it is asked for."""

    raw: Mapping[int, bytes]

    def __getitem__(self, number: int) -> str | None:
        return custom_id_of(self.raw.get(number, b""))
