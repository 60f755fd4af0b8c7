"""The file information block (FIB) of a Word file: where its tables are, and how long its texts."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from backburner.errors import JobError, Reason
from backburner.extraction.compound import Compound, damaged

_WORD_97, _WORD_6 = 0xA5EC, 0xA5DC
_COUNTS, _TABLES_AT = 76, 154
_ENCRYPTED, _SECOND_TABLE = 0x0100, 0x0200
_FIRST_FIB_OF_97 = 0xC1 - 32


class Table(IntEnum):
    """The tables that are read, by their index in the FIB."""

    STYLES = 1
    FOOTNOTE_MARKS = 2
    FOOTNOTES = 3
    COMMENT_MARKS = 4
    COMMENTS = 5
    HEADERS = 11
    CHARACTERS = 12
    PARAGRAPHS = 13
    FONTS = 15
    PIECES = 33
    AUTHORS = 36
    SHAPES = 40
    ENDNOTE_MARKS = 46
    ENDNOTES = 47
    BOXES = 56
    HEADER_BOXES = 58
    LISTS = 73
    LIST_OVERRIDES = 74


@dataclass(frozen=True)
class Lengths:
    """The length of each text in characters; the texts follow one another."""

    body: int
    footnotes: int
    headers: int
    macros: int
    comments: int
    endnotes: int
    boxes: int
    header_boxes: int


class Fib:
    """The file information block. Raises `JobError` if the file is encrypted or from an older Word."""

    def __init__(self, compound: Compound) -> None:
        self.document = compound.read("WordDocument")
        self.data = compound.read("Data")
        if len(self.document) < _TABLES_AT:
            raise damaged()
        magic, version = struct.unpack_from("<HH", self.document)
        (flags,) = struct.unpack_from("<H", self.document, 10)
        if flags & _ENCRYPTED:
            raise JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted DOC: save it without a password")
        if magic == _WORD_6 or version < _FIRST_FIB_OF_97:
            raise JobError(
                Reason.UNSUPPORTED_TYPE,
                "a Word 95 or older document: open it in Word or LibreOffice and save it as DOCX",
            )
        if magic != _WORD_97:
            raise damaged()
        self.table = compound.read("1Table" if flags & _SECOND_TABLE else "0Table")
        counts = struct.unpack_from("<8i", self.document, _COUNTS)
        self.lengths = Lengths(*(max(count, 0) for count in counts))

    def part(self, table: Table) -> bytes:
        """A table's bytes."""
        first, size = self.location(table)
        return self.table[first : first + size] if size else b""

    def location(self, table: Table) -> tuple[int, int]:
        """A table's offset and size."""
        offset = _TABLES_AT + 8 * table
        if offset + 8 > len(self.document):
            return 0, 0
        first, size = struct.unpack_from("<II", self.document, offset)
        return first, size
