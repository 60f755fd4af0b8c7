"""The piece table: where in the file the characters of the text are."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from backburner.extraction.compound import damaged
from backburner.extraction.doc.plc import plc

_PROPERTIES, _TABLE = 1, 2
_COMPRESSED = 0x4000_0000
_PIECE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """Contiguous characters of one or two bytes each."""

    first: int
    last: int
    offset: int
    width: int
    properties: bytes

    def offset_of(self, position: int) -> int:
        """The file offset of a character."""
        return self.offset + (position - self.first) * self.width


class Pieces:
    """The text by character position, in UTF-16 units."""

    def __init__(self, clx: bytes, document: bytes) -> None:
        self._document = document
        self._all = _pieces(clx)
        self._firsts = [piece.first for piece in self._all]

    @property
    def count(self) -> int:
        """The number of characters."""
        return self._all[-1].last if self._all else 0

    def at(self, position: int) -> Piece | None:
        """The piece that contains a character."""
        index = bisect_right(self._firsts, position) - 1
        return self._all[index] if index >= 0 and position < self._all[index].last else None

    def between(self, first: int, last: int) -> Iterator[Piece]:
        """The pieces that overlap a range."""
        index = max(bisect_right(self._firsts, first) - 1, 0)
        while index < len(self._all) and self._all[index].first < last:
            yield self._all[index]
            index += 1

    def units(self, piece: Piece, first: int, last: int) -> bytes:
        """Characters of a piece as UTF-16."""
        raw = self._document[piece.offset_of(first) : piece.offset_of(last)]
        return raw.decode("cp1252", "replace").encode("utf-16-le") if piece.width == 1 else raw


def _pieces(clx: bytes) -> list[Piece]:
    properties: list[bytes] = []
    offset = 0
    while offset < len(clx) and clx[offset] == _PROPERTIES:
        (size,) = struct.unpack_from("<h", clx, offset + 1)
        properties.append(clx[offset + 3 : offset + 3 + max(size, 0)])
        offset += 3 + max(size, 0)
    if offset >= len(clx) or clx[offset] != _TABLE:
        raise damaged()
    (size,) = struct.unpack_from("<I", clx, offset + 1)
    firsts, descriptions = plc(clx[offset + 5 : offset + 5 + size], _PIECE_BYTES)
    return [
        _piece(first, last, description, properties)
        for first, last, description in zip(firsts, firsts[1:], descriptions, strict=False)
        if first < last
    ]


def _piece(first: int, last: int, description: bytes, properties: list[bytes]) -> Piece:
    offset, modifier = struct.unpack_from("<IH", description, 2)
    which = modifier >> 1
    changed = properties[which] if modifier & 1 and which < len(properties) else b""
    if offset & _COMPRESSED:
        return Piece(first, last, (offset & (_COMPRESSED - 1)) // 2, 1, changed)
    return Piece(first, last, offset, 2, changed)
