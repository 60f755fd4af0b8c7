"""Properties of characters and paragraphs: pages of 512 bytes with changes against their styles."""

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
_AS_ASKED = 255


class Sprm(IntEnum):
    """The changes that matter to a text."""

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
class Characters:
    """What holds of a run."""

    is_deleted: bool = False
    is_hidden: bool = False
    is_special: bool = False
    is_data: bool = False
    is_struck: bool = False
    is_object: bool = False
    position: str = ""
    font: int = -1
    symbol: tuple[int, int] | None = None
    """Font and code of a sign."""
    picture: int | None = None
    """Where in the stream of data its picture, or its form field, stands."""

    @property
    def mark(self) -> str:
        """What stands around it."""
        return self.position or (STRUCK if self.is_struck else "")


@dataclass(frozen=True, slots=True)
class Properties:
    """What holds of a paragraph."""

    style: int = 0
    outline: int | None = None
    list_use: int | None = None
    list_level: int | None = None
    is_in_table: bool = False
    is_row_end: bool = False
    depth: int = 0
    is_inner_cell: bool = False
    is_inner_row_end: bool = False
    edges: tuple[int, ...] = ()
    """Of the end of a row: where its cells end."""

    @property
    def table_level(self) -> int:
        """In how many tables it stands."""
        return min(max(self.depth, int(self.is_in_table)), 50)


def changes(grpprl: bytes) -> Iterator[tuple[int, bytes]]:
    """Each change with its operand."""
    place = 0
    while place + 2 <= len(grpprl):
        (code,) = struct.unpack_from("<H", grpprl, place)
        place += 2
        size = _OPERAND_BYTES[code >> 13]
        if code in _TABLE_DEFINITIONS:
            size = 1 + struct.unpack_from("<H", grpprl, place)[0] if place + 2 <= len(grpprl) else 0
        elif not size and place < len(grpprl):
            size = 1 + grpprl[place]
            if code == _TABS and grpprl[place] == _AS_ASKED:
                return
        yield code, grpprl[place : place + size]
        place += size


_SWITCHES = {
    Sprm.DELETED: "is_deleted", Sprm.VANISH: "is_hidden", Sprm.STRIKE: "is_struck", Sprm.DOUBLE_STRIKE: "is_struck",
    Sprm.SPECIAL: "is_special", Sprm.DATA: "is_data", Sprm.OBJECT: "is_object", Sprm.OBJECT_OF_OLE: "is_object",
}  # fmt: skip
_VALUES = {
    Sprm.OUTLINE: "outline", Sprm.LEVEL: "list_level", Sprm.LIST: "list_use", Sprm.IN_TABLE: "is_in_table",
    Sprm.ROW_END: "is_row_end", Sprm.DEPTH: "depth", Sprm.INNER_CELL: "is_inner_cell",
    Sprm.INNER_ROW_END: "is_inner_row_end", Sprm.STYLE: "style",
}  # fmt: skip
_POSITIONS = {1: SUPERSCRIPT, 2: SUBSCRIPT}


def characters(grpprl: bytes, before: Characters = Characters()) -> Characters:
    """The properties of a run that differs from its style so."""
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


def paragraph(grpprl: bytes, data: bytes, before: Properties = Properties()) -> Properties:
    """The properties of a paragraph that differs from its style so; many changes stand in the stream of data."""
    found = before
    for code, operand in changes(grpprl):
        value = _number(operand)
        if code in _VALUES:
            found = replace(found, **_value(_VALUES[Sprm(code)], value))
        elif code == Sprm.ROW:
            found = replace(found, edges=_edges(operand))
        elif code in (Sprm.HUGE, Sprm.HUGE_OLD) and value + 2 <= len(data):
            size = _number(data[value : value + 2])
            found = paragraph(data[value + 2 : value + 2 + size], b"", found)
    return found


def _value(name: str, value: int) -> dict[str, Any]:
    return {name: bool(value) if name.startswith("is_") else value}


def _edges(operand: bytes) -> tuple[int, ...]:
    """Behind the size of a row's definition: how many cells there are, and where they begin and end."""
    count = _number(operand[2:3])
    return struct.unpack_from(f"<{count}h", operand, 5) if len(operand) >= 5 + 2 * count else ()


def _number(operand: bytes) -> int:
    return int.from_bytes(operand, "little")


class Runs:
    """Which changes hold at a place of the file."""

    def __init__(self, table: bytes, document: bytes, *, is_of_paragraphs: bool) -> None:
        self._document = document
        self._is_of_paragraphs = is_of_paragraphs
        self._firsts, pages = plc(table, 4)
        self._pages = [struct.unpack("<I", page)[0] & _PAGE_NUMBER for page in pages]
        self._read: dict[int, tuple[list[int], list[bytes]]] = {}

    def at(self, place: int) -> tuple[bytes, int]:
        """The changes at a place, and where they end."""
        number = bisect_right(self._firsts, place) - 1
        if not 0 <= number < len(self._pages):
            later = self._firsts[0] if self._firsts and place < self._firsts[0] else place + (1 << 31)
            return b"", later
        firsts, changed = self._page(self._pages[number])
        run = bisect_right(firsts, place) - 1
        if not 0 <= run < len(changed):
            return b"", min(self._firsts[number + 1], *(first for first in firsts if first > place), place + (1 << 31))
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
        places = [page[4 * (count + 1) + step * run] * 2 for run in range(count)]
        read = _of_paragraph if self._is_of_paragraphs else _of_characters
        return firsts, [read(page, place) if place else b"" for place in places]


def _of_characters(page: bytes, place: int) -> bytes:
    return page[place + 1 : place + 1 + page[place]]


def _of_paragraph(page: bytes, place: int) -> bytes:
    """Changes behind the number of the style, which is made one of them."""
    size = page[place]
    first, length = (place + 1, 2 * size - 1) if size else (place + 2, 2 * page[place + 1])
    changed = page[first : first + length]
    return struct.pack("<H", Sprm.STYLE) + changed
