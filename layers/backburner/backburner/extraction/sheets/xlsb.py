"""XLSB: workbooks whose parts are binary records instead of XML."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.graphics import related_parts
from backburner.extraction.markdown import cell, counted
from backburner.extraction.parts import Parts, Relationship, packed_parts
from backburner.extraction.sheets.biff12 import records, text
from backburner.extraction.sheets.extras import Extras
from backburner.extraction.sheets.grid import Row, column_name
from backburner.extraction.sheets.numberformats import Formats, NumberFormat
from backburner.extraction.sheets.values import number_cell, text_cell
from backburner.extraction.sheets.workbook import Sheet, Writer, without_codes
from backburner.extraction.sheets.worksheet import Shared
from backburner.extraction.sheets.xlsx import has_cells

_ROW, _FIRST_CELL, _LAST_CELL, _FIRST_SHORT, _LAST_SHORT, _RICH_CELL = 0, 1, 11, 12, 18, 62
_COMPRESSED, _SHARED = 2, 7
_NUMBERS, _BOOLEANS, _FAILED = (2, 5, 9), (4, 10), (3, 11)
_TEXTS = {6: 0, 8: 0, 62: 1}
"""Cells with a string of their own, and its offset in the record."""
_TEXT_ITEM, _FORMAT, _STYLE, _STYLES, _STYLES_END = 19, 44, 47, 617, 618
_WORKBOOK, _SHEET, _HEADER_FOOTER, _LINK = 153, 156, 479, 494
_AUTHOR, _COMMENT, _COMMENT_TEXT = 632, 635, 637
_STATES = {1: "hidden", 2: "very hidden"}
_ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
_CELL_HEADER = struct.Struct("<II")
_INDEX = struct.Struct("<I")
_REAL = struct.Struct("<d")
_RANGE = struct.Struct("<IIII")
_STYLE_BITS = 0x00FF_FFFF
_LOST_TEXT = "[text missing from the file]"


def read_xlsb(body: bytes) -> Extracted:
    """The workbook as Markdown, with a note for each thing that cannot be read. Raises `JobError`."""
    parts = packed_parts(body, "an XLSB")
    main = parts.main(".main")
    writer = Writer()
    sheets, is_1904 = _listed(parts, main)
    shared = Shared(_strings(parts, main, writer), _styles(parts, main, writer, since_1904=is_1904))
    extras = Extras(parts, main, _comments)
    for sheet, relationship in sheets:
        if has_cells(parts, sheet, relationship) and relationship is not None:
            _read_sheet(parts, shared, sheet, relationship.target)
        if relationship is not None:
            extras.add_to(sheet, relationship.target)
        writer.add(sheet)
    return writer.extracted()


def _listed(parts: Parts, main: str) -> tuple[list[tuple[Sheet, Relationship | None]], bool]:
    """The sheets in the workbook's order, each with its relationship; and whether days are counted from 1904."""
    relationships = parts.relationships(main)
    sheets: list[tuple[Sheet, Relationship | None]] = []
    is_1904 = False
    with parts.open(main) as file:
        for kind, body in records(file, "an XLSB"):
            if kind == _WORKBOOK and body:
                is_1904 = bool(body[0] & 1)
            elif kind == _SHEET and len(body) > _CELL_HEADER.size:
                identity, offset = text(body, _CELL_HEADER.size)
                state = _STATES.get(_INDEX.unpack_from(body)[0], "")
                sheets.append((Sheet(text(body, offset)[0], state), relationships.get(identity)))
    return sheets, is_1904


def _strings(parts: Parts, main: str, writer: Writer) -> list[str]:
    """The shared strings, fit for a table."""
    texts: list[str] = []
    for part in related_parts(parts, main, "sharedStrings")[:1]:
        try:
            with parts.open(part) as file:
                texts.extend(cell(text(body, 1)[0]) for kind, body in records(file, "texts") if kind == _TEXT_ITEM)
        except JobError:
            writer.notes.append(f"the workbook's shared strings are damaged after {len(texts)} strings")
    return texts


def _styles(parts: Parts, main: str, writer: Writer, *, since_1904: bool) -> list[NumberFormat | None]:
    """The number format of each cell style."""
    formats = Formats(since_1904=since_1904)
    numbers: list[int] = []
    is_inside = False
    for part in related_parts(parts, main, "styles")[:1]:
        try:
            with parts.open(part) as file:
                for kind, body in records(file, "styles"):
                    is_inside = kind == _STYLES or (is_inside and kind != _STYLES_END)
                    if kind == _FORMAT and len(body) > 2:  # noqa: PLR2004 - number, code
                        formats.codes[struct.unpack_from("<H", body)[0]] = text(body, 2)[0]
                    elif kind == _STYLE and is_inside and len(body) >= 4:  # noqa: PLR2004 - parent, number
                        numbers.append(struct.unpack_from("<HH", body)[1])
        except JobError:
            writer.notes.append("the workbook's styles are damaged: dates may appear as numbers")
    return [formats.of_number(number) for number in numbers]


def _read_sheet(parts: Parts, shared: Shared, sheet: Sheet, part: str) -> None:
    """A sheet's rows; if it is damaged, those up to that point."""
    reading = _Reading(shared, sheet)
    try:
        with parts.open(part) as file:
            for kind, body in records(file, "a sheet"):
                reading.take(kind, body)
    except (JobError, struct.error):
        sheet.truncated_after(reading.row)
    reading.finish(parts, part)


@dataclass
class _Reading:
    """Takes the records of a sheet one by one."""

    shared: Shared
    sheet: Sheet
    row: int = 0
    _column: int = 0
    _lost_texts: int = 0
    _links: list[tuple[str, str]] = field(default_factory=list)

    def take(self, kind: int, body: bytes) -> None:
        """Take a record."""
        if kind == _ROW:
            self.row, self._column = _INDEX.unpack_from(body)[0] + 1, 0
        elif _FIRST_CELL <= kind <= _LAST_CELL or kind == _RICH_CELL:
            column, style = _CELL_HEADER.unpack_from(body)
            self._add_cell(kind, body[_CELL_HEADER.size :], column + 1, style & _STYLE_BITS)
        elif _FIRST_SHORT <= kind <= _LAST_SHORT:
            style = _INDEX.unpack_from(body)[0] & _STYLE_BITS
            self._add_cell(kind - _FIRST_SHORT + _FIRST_CELL, body[_INDEX.size :], self._column + 1, style)
        elif kind == _LINK:
            row, _, column, _ = _RANGE.unpack_from(body)
            self._links.append((f"{column_name(column + 1)}{row + 1}", text(body, _RANGE.size)[0]))
        elif kind == _HEADER_FOOTER:
            self._add_headers_and_footers(body)

    def finish(self, parts: Parts, part: str) -> None:
        """Add what was collected: links, and a note on missing texts."""
        try:
            relationships = parts.relationships(part)
        except JobError:
            relationships = {}
        targets = [
            f"- {reference}: {relationships[one].target}" for reference, one in self._links if one in relationships
        ]
        if targets:
            self.sheet.below.append("\n".join(["Links:", *targets]))
        if self._lost_texts:
            self.sheet.missing(f"the text of {counted(self._lost_texts, 'cell')} is missing from the file")

    def _add_cell(self, kind: int, body: bytes, column: int, style: int) -> None:
        self._column = column
        formats = self.shared.styles
        shown = self._shown(kind, body, formats[style] if style < len(formats) else None)
        if not shown:
            return
        rows = self.sheet.rows
        if not rows or rows[-1].number != self.row:
            rows.append(Row(self.row, [], []))
        rows[-1].columns.append(column)
        rows[-1].texts.append(shown)

    def _shown(self, kind: int, body: bytes, style: NumberFormat | None) -> str:
        if kind in _NUMBERS:
            value = _compressed(_INDEX.unpack_from(body)[0]) if kind == _COMPRESSED else _REAL.unpack_from(body)[0]
            return number_cell(repr(value), style)
        if kind in _TEXTS:
            return text_cell(cell(text(body, _TEXTS[kind])[0]), style)
        if kind == _SHARED:
            return self._shared_text(_INDEX.unpack_from(body)[0], style)
        if kind in _BOOLEANS:
            return "TRUE" if body[:1] == b"\x01" else "FALSE"
        return _ERRORS.get(body[0], "#N/A") if kind in _FAILED and body else ""

    def _shared_text(self, index: int, style: NumberFormat | None) -> str:
        if index < len(self.shared.texts):
            return text_cell(self.shared.texts[index], style)
        self._lost_texts += 1
        return _LOST_TEXT

    def _add_headers_and_footers(self, body: bytes) -> None:
        """Add the headers and footers of odd, even and first pages."""
        offset = 2
        for kind in ("Header", "Footer") * 3:
            shown_text, offset = text(body, offset)
            if shown := without_codes(shown_text):
                self.sheet.below.append(f"{kind}: {shown}")


def _compressed(number: int) -> float:
    """A number in 30 bits: an integer, or the upper half of a float; either may be in hundredths."""
    if number & 2:
        value = float((number >> 2) - ((number & 0x8000_0000) >> 1))
    else:
        value = _REAL.unpack(b"\0\0\0\0" + _INDEX.pack(number & ~3))[0]
    return value / 100 if number & 1 else value


def _comments(parts: Parts, part: str) -> Iterator[tuple[str, str, str]]:
    """The cell, author and text of each comment."""
    authors: list[str] = []
    reference, author = "", ""
    with parts.open(part) as file:
        for kind, body in records(file, "comments"):
            if kind == _AUTHOR:
                authors.append(text(body, 0)[0])
            elif kind == _COMMENT and len(body) >= _INDEX.size + _RANGE.size:
                index = _INDEX.unpack_from(body)[0]
                row, _, column, _ = _RANGE.unpack_from(body, _INDEX.size)
                reference, author = (
                    f"{column_name(column + 1)}{row + 1}",
                    authors[index] if index < len(authors) else "",
                )
            elif kind == _COMMENT_TEXT:
                yield reference, author, " ".join(text(body, 1)[0].split()).removeprefix(f"{author}:").strip()
