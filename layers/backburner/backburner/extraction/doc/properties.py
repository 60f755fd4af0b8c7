"""Character and paragraph properties: 512-byte pages of changes to the styles."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from backburner.extraction.composition import STRUCK, SUBSCRIPT, SUPERSCRIPT
from backburner.extraction.doc.plc import plc

_PAGE = 512
_PAGE_NUMBER = 0x3FFFFF
_OPERAND_BYTES = (1, 1, 2, 4, 2, 2, 0, 3)
_PARAGRAPH_BYTES = 13
_TABLE_DEFINITIONS = frozenset({0xD608, 0xD606})
_TABS = 0xC615
_SIZE_BY_CONTENT = 255


class Sprm(IntEnum):
    """The property changes that affect the text."""

    DELETED = 0x0800
    VANISH = 0x083C
    STRIKE = 0x0837
    DOUBLE_STRIKE = 0x2A53
    POSITION = 0x2A48
    SPECIAL = 0x0855
    DATA = 0x0806
    SYMBOL = 0x6A09
    FONT = 0x4A4F
    PICTURE = 0x6A03
    OBJECT = 0x0856
    OBJECT_OF_OLE = 0x080A
    OUTLINE = 0x2640
    LEVEL = 0x260A
    LIST = 0x460B
    IN_TABLE = 0x2416
    ROW_END = 0x2417
    DEPTH = 0x6649
    INNER_CELL = 0x244B
    INNER_ROW_END = 0x244C
    STYLE = 0x4600
    ROW = 0xD608
    HUGE = 0x6646
    HUGE_OLD = 0x6645


@dataclass(frozen=True, slots=True)
class CharacterProperties:
    """The properties of a run."""

    is_deleted: bool = False
    is_hidden: bool = False
    is_special: bool = False
    is_data: bool = False
    is_struck: bool = False
    is_object: bool = False
    position: str = ""
    font: int = -1
    symbol: tuple[int, int] | None = None
    """Font and code of a symbol."""
    picture: int | None = None
    """The offset of its picture or form field in the data stream."""

    @property
    def mark(self) -> str:
        """The Markdown mark that encloses it."""
        return self.position or (STRUCK if self.is_struck else "")


@dataclass(frozen=True, slots=True)
class ParagraphProperties:
    """The properties of a paragraph."""

    style: int = 0
    outline: int | None = None
    list_override: int | None = None
    list_level: int | None = None
    is_in_table: bool = False
    is_row_end: bool = False
    depth: int = 0
    is_inner_cell: bool = False
    is_inner_row_end: bool = False
    edges: tuple[int, ...] = ()
    """Where the cells of a row end; only at the end of a row."""

    @property
    def table_level(self) -> int:
        """The number of tables that contain the paragraph."""
        return min(max(self.depth, int(self.is_in_table)), 50)


def changes(grpprl: bytes) -> Iterator[tuple[int, bytes]]:
    """Each property change with its operand."""
    offset = 0
    while offset + 2 <= len(grpprl):
        (code,) = struct.unpack_from("<H", grpprl, offset)
        offset += 2
        size = _OPERAND_BYTES[code >> 13]
        if code in _TABLE_DEFINITIONS:
            size = 1 + struct.unpack_from("<H", grpprl, offset)[0] if offset + 2 <= len(grpprl) else 0
        elif not size and offset < len(grpprl):
            size = 1 + grpprl[offset]
            if code == _TABS and grpprl[offset] == _SIZE_BY_CONTENT:
                return
        yield code, grpprl[offset : offset + size]
        offset += size


_SWITCHES = {
    Sprm.DELETED: "is_deleted", Sprm.VANISH: "is_hidden", Sprm.STRIKE: "is_struck", Sprm.DOUBLE_STRIKE: "is_struck",
    Sprm.SPECIAL: "is_special", Sprm.DATA: "is_data", Sprm.OBJECT: "is_object", Sprm.OBJECT_OF_OLE: "is_object",
}  # fmt: skip
_VALUES = {
    Sprm.OUTLINE: "outline", Sprm.LEVEL: "list_level", Sprm.LIST: "list_override", Sprm.IN_TABLE: "is_in_table",
    Sprm.ROW_END: "is_row_end", Sprm.DEPTH: "depth", Sprm.INNER_CELL: "is_inner_cell",
    Sprm.INNER_ROW_END: "is_inner_row_end", Sprm.STYLE: "style",
}  # fmt: skip
_POSITIONS = {1: SUPERSCRIPT, 2: SUBSCRIPT}


def character_properties(grpprl: bytes, before: CharacterProperties = CharacterProperties()) -> CharacterProperties:
    """A run's properties, given those of its style and the changes to them."""
    changed: dict[str, Any] = {}
    for code, operand in changes(grpprl):
        if code in _SWITCHES:
            changed[_SWITCHES[Sprm(code)]] = operand[:1] in (b"\x01", b"\x81")
        elif code == Sprm.POSITION:
            changed["position"] = _POSITIONS.get(_number(operand), "")
        elif code == Sprm.FONT:
            changed["font"] = _number(operand)
        elif code == Sprm.PICTURE:
            changed["picture"] = _number(operand)
        elif code == Sprm.SYMBOL:
            changed["symbol"] = _number(operand[:2]), _number(operand[2:])
    return replace(before, **changed) if changed else before


def paragraph_properties(
    grpprl: bytes, data: bytes, before: ParagraphProperties = ParagraphProperties()
) -> ParagraphProperties:
    """A paragraph's properties, given those of its style and the changes, many of which are in the data stream."""
    found = before
    for code, operand in changes(grpprl):
        value = _number(operand)
        if code in _VALUES:
            found = replace(found, **_value(_VALUES[Sprm(code)], value))
        elif code == Sprm.ROW:
            found = replace(found, edges=_edges(operand))
        elif code in (Sprm.HUGE, Sprm.HUGE_OLD) and value + 2 <= len(data):
            size = _number(data[value : value + 2])
            found = paragraph_properties(data[value + 2 : value + 2 + size], b"", found)
    return found


def _value(name: str, value: int) -> dict[str, Any]:
    return {name: bool(value) if name.startswith("is_") else value}


def _edges(operand: bytes) -> tuple[int, ...]:
    """The positions in a row definition: after its size, the number of cells and their edges."""
    count = _number(operand[2:3])
    return struct.unpack_from(f"<{count}h", operand, 5) if len(operand) >= 5 + 2 * count else ()


def _number(operand: bytes) -> int:
    return int.from_bytes(operand, "little")


class PropertyRuns:
    """The property changes in effect at each offset of the file."""

    def __init__(self, table: bytes, document: bytes, *, is_of_paragraphs: bool) -> None:
        self._document = document
        self._is_of_paragraphs = is_of_paragraphs
        self._firsts, pages = plc(table, 4)
        self._pages = [struct.unpack("<I", page)[0] & _PAGE_NUMBER for page in pages]
        self._read: dict[int, tuple[list[int], list[bytes]]] = {}

    def at(self, offset: int) -> tuple[bytes, int]:
        """The changes at an offset, and where they end."""
        number = bisect_right(self._firsts, offset) - 1
        if not 0 <= number < len(self._pages):
            later = self._firsts[0] if self._firsts and offset < self._firsts[0] else offset + (1 << 31)
            return b"", later
        firsts, changed = self._page(self._pages[number])
        run = bisect_right(firsts, offset) - 1
        if not 0 <= run < len(changed):
            return b"", min(
                self._firsts[number + 1], *(first for first in firsts if first > offset), offset + (1 << 31)
            )
        return changed[run], firsts[run + 1]

    def _page(self, number: int) -> tuple[list[int], list[bytes]]:
        if number not in self._read:
            self._read[number] = self._parse(self._document[number * _PAGE : (number + 1) * _PAGE])
        return self._read[number]

    def _parse(self, page: bytes) -> tuple[list[int], list[bytes]]:
        if len(page) < _PAGE:
            return [], []
        count = page[_PAGE - 1]
        firsts = list(struct.unpack_from(f"<{count + 1}I", page))
        step = _PARAGRAPH_BYTES if self._is_of_paragraphs else 1
        offsets = [page[4 * (count + 1) + step * run] * 2 for run in range(count)]
        read = _of_paragraph if self._is_of_paragraphs else _of_characters
        return firsts, [read(page, offset) if offset else b"" for offset in offsets]


def _of_characters(page: bytes, offset: int) -> bytes:
    return page[offset + 1 : offset + 1 + page[offset]]


def _of_paragraph(page: bytes, offset: int) -> bytes:
    """The changes after the style number, which becomes the first of them."""
    size = page[offset]
    first, length = (offset + 1, 2 * size - 1) if size else (offset + 2, 2 * page[offset + 1])
    changed = page[first : first + length]
    return struct.pack("<H", Sprm.STYLE) + changed
