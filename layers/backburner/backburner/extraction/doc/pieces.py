"""The piece table: where in the file the characters stand that make up the text."""

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
    """Characters that stand in one place, each of one byte or two."""

    first: int
    last: int
    place: int
    width: int
    properties: bytes

    def place_of(self, position: int) -> int:
        """Where a character stands in the file."""
        return self.place + (position - self.first) * self.width


class Pieces:
    """The text, by the positions of its characters, in units of UTF-16."""

    def __init__(self, clx: bytes, document: bytes) -> None:
        self._document = document
        self._all = _pieces(clx)
        self._firsts = [piece.first for piece in self._all]

    @property
    def count(self) -> int:
        """How many characters there are."""
        return self._all[-1].last if self._all else 0

    def at(self, position: int) -> Piece | None:
        """The piece that a character stands in."""
        place = bisect_right(self._firsts, position) - 1
        return self._all[place] if place >= 0 and position < self._all[place].last else None

    def between(self, first: int, last: int) -> Iterator[Piece]:
        """The pieces of a range."""
        place = max(bisect_right(self._firsts, first) - 1, 0)
        while place < len(self._all) and self._all[place].first < last:
            yield self._all[place]
            place += 1

    def units(self, piece: Piece, first: int, last: int) -> bytes:
        """Characters of a piece, in UTF-16."""
        raw = self._document[piece.place_of(first) : piece.place_of(last)]
        return raw.decode("cp1252", "replace").encode("utf-16-le") if piece.width == 1 else raw


def _pieces(clx: bytes) -> list[Piece]:
    properties: list[bytes] = []
    place = 0
    while place < len(clx) and clx[place] == _PROPERTIES:
        (size,) = struct.unpack_from("<h", clx, place + 1)
        properties.append(clx[place + 3 : place + 3 + max(size, 0)])
        place += 3 + max(size, 0)
    if place >= len(clx) or clx[place] != _TABLE:
        raise damaged()
    (size,) = struct.unpack_from("<I", clx, place + 1)
    firsts, descriptions = plc(clx[place + 5 : place + 5 + size], _PIECE_BYTES)
    return [
        _piece(first, last, description, properties)
        for first, last, description in zip(firsts, firsts[1:], descriptions, strict=False)
        if first < last
    ]


def _piece(first: int, last: int, description: bytes, properties: list[bytes]) -> Piece:
    place, modifier = struct.unpack_from("<IH", description, 2)
    which = modifier >> 1
    changed = properties[which] if modifier & 1 and which < len(properties) else b""
    if place & _COMPRESSED:
        return Piece(first, last, (place & (_COMPRESSED - 1)) // 2, 1, changed)
    return Piece(first, last, place, 2, changed)
