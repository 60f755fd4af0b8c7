"""The records of a presentation: an eight-byte header, then data or nested records."""

import struct
from collections.abc import Iterator  # noqa: TC003 - imports look the same in all modules
from dataclasses import dataclass
from enum import IntEnum

from backburner.extraction.compound import damaged

_HEADER_BYTES = 8
_CONTAINER = 0xF
MAX_DEPTH = 100
"""How deep records may be nested, as groups of shapes are."""


class Type(IntEnum):
    """The record types that are read."""

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
    HEADER_FIELD = 0x0FF9
    FOOTER_FIELD = 0x0FFA
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
    """A record: its type, its instance number, and the range of its data."""

    data: bytes
    type: int
    instance: int
    is_container: bool
    first: int
    last: int
    depth: int = 0

    @property
    def body(self) -> bytes:
        """The record's data."""
        return self.data[self.first : self.last]

    def number(self, offset: int, size: int = 4) -> int:
        """A number in the data; 0 past their end."""
        return int.from_bytes(self.data[self.first + offset : min(self.first + offset + size, self.last)], "little")

    def children(self) -> "Iterator[Record]":
        """The records directly inside."""
        if self.depth > MAX_DEPTH:
            raise damaged()
        offset = self.first
        while offset + _HEADER_BYTES <= self.last:
            record = record_at(self.data, offset, self.depth + 1, self.last)
            yield record
            offset = record.last

    def all(self) -> "Iterator[Record]":
        """All nested records, in order."""
        for child in self.children():
            yield child
            if child.is_container or child.type == Type.TAGS_DATA:
                yield from child.all()

    def find(self, kind: Type) -> "Record | None":
        """The first record of a type directly inside."""
        return next((child for child in self.children() if child.type == kind), None)


def record_at(data: bytes, offset: int, depth: int = 0, end: int | None = None) -> Record:
    """The record at an offset."""
    head, kind, length = struct.unpack_from("<HHI", data, offset)
    first = offset + _HEADER_BYTES
    last = min(first + length, len(data) if end is None else end)
    return Record(data, kind, head >> 4, head & 0xF == _CONTAINER, first, last, depth)
