"""The records that a presentation consists of: a head of eight bytes, and data or records within."""

import struct
from collections.abc import Iterator  # noqa: TC003 - one way to import in all modules
from dataclasses import dataclass
from enum import IntEnum

from backburner.extraction.compound import damaged

_HEAD_BYTES = 8
_CONTAINER = 0xF
MAX_DEPTH = 100
"""Records within each other; groups of shapes are such."""


class Type(IntEnum):
    """The records that are read."""

    DOCUMENT = 0x03E8
    SLIDE = 0x03EE
    SLIDE_ATOM = 0x03EF
    NOTES = 0x03F0
    SLIDE_PERSIST = 0x03F3
    SHOW_INFO = 0x03F9
    OBJECT = 0x0BC1
    PLACEHOLDER = 0x0BC3
    OUTLINE_TEXT = 0x0F9E
    TEXT_HEADER = 0x0F9F
    TEXT_CHARS = 0x0FA0
    TEXT_STYLE = 0x0FA1
    TEXT_BYTES = 0x0FA8
    STRING = 0x0FBA
    HEADERS_FOOTERS = 0x0FD9
    SLIDE_NUMBER = 0x0FD8
    DATE_TIME = 0x0FF7
    GENERIC_DATE = 0x0FF8
    HEADER_PLACE = 0x0FF9
    FOOTER_PLACE = 0x0FFA
    LIST_WITH_TEXT = 0x0FF0
    USER_EDIT = 0x0FF5
    CURRENT_USER = 0x0FF6
    DIRECTORY = 0x1772
    TAGS_DATA = 0x138B
    COMMENT = 0x2EE0
    GROUP = 0xF003
    SHAPE = 0xF004
    SHAPE_ATOM = 0xF00A
    PROPERTIES = 0xF00B
    TEXT_BOX = 0xF00D
    CHILD_ANCHOR = 0xF00F
    MORE_PROPERTIES = 0xF122


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its kind, its number among those of its kind, and where its data stand."""

    data: bytes
    type: int
    instance: int
    is_container: bool
    first: int
    last: int
    depth: int = 0

    @property
    def body(self) -> bytes:
        """Its data."""
        return self.data[self.first : self.last]

    def number(self, place: int, size: int = 4) -> int:
        """A number in its data; 0 behind their end."""
        return int.from_bytes(self.data[self.first + place : min(self.first + place + size, self.last)], "little")

    def children(self) -> "Iterator[Record]":
        """The records within."""
        if self.depth > MAX_DEPTH:
            raise damaged()
        place = self.first
        while place + _HEAD_BYTES <= self.last:
            record = record_at(self.data, place, self.depth + 1, self.last)
            yield record
            place = record.last

    def all(self) -> "Iterator[Record]":
        """Everything within, in order."""
        for child in self.children():
            yield child
            if child.is_container or child.type == Type.TAGS_DATA:
                yield from child.all()

    def find(self, kind: Type) -> "Record | None":
        """The first of a kind that is directly within."""
        return next((child for child in self.children() if child.type == kind), None)


def record_at(data: bytes, place: int, depth: int = 0, end: int | None = None) -> Record:
    """The record at a place."""
    head, kind, length = struct.unpack_from("<HHI", data, place)
    first = place + _HEAD_BYTES
    last = min(first + length, len(data) if end is None else end)
    return Record(data, kind, head >> 4, head & 0xF == _CONTAINER, first, last, depth)
