"""XLS, the workbooks of Excel 2 to 2003: cells by xlrd, everything else from the records."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import xlrd
from xlrd.biffh import XLRDError, error_text_from_code
from xlrd.compdoc import CompDocError

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import cell
from backburner.extraction.sheets.biff import SheetEntry, listed_sheets, sheet_objects
from backburner.extraction.sheets.grid import Row, column_name
from backburner.extraction.sheets.numberformats import Formats, NumberFormat
from backburner.extraction.sheets.values import number_cell, text_cell
from backburner.extraction.sheets.workbook import Sheet, Writer, without_codes

_DAMAGE = (
    XLRDError, CompDocError, AssertionError, struct.error, LookupError, ValueError, TypeError, AttributeError,
    ArithmeticError, RecursionError, NotImplementedError,
)  # fmt: skip
"""What xlrd raises on damaged files."""
_STATES = {1: "hidden", 2: "very hidden"}
_WORKSHEET, _MACROS, _CHART, _CODE = 0, 1, 2, 6
_LISTED, _UNICODE = 50, 80


class _NullLog:
    """Discards what xlrd prints."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return


class _Cells(Protocol):
    """The part of xlrd's untyped sheets that is used."""

    nrows: int
    cell_note_map: dict[tuple[int, int], Any]
    hyperlink_list: list[Any]

    def row_len(self, rowx: int) -> int: ...
    def row_types(self, rowx: int) -> list[int]: ...
    def row_values(self, rowx: int) -> list[Any]: ...
    def cell_xf_index(self, rowx: int, colx: int) -> int: ...


@dataclass(frozen=True)
class _Book:
    """An open workbook and the number formats of its cells."""

    book: Any
    stream: bytes
    styles: list[NumberFormat | None]


def read_xls(body: bytes) -> Extracted:
    """The workbook as Markdown, with a note for each thing that cannot be read. Raises `JobError`."""
    book = _opened(body)
    stream = bytes(memoryview(book.mem)[book.base : book.base + book.stream_len])
    formats = Formats({key: one.format_str for key, one in book.format_map.items()}, since_1904=book.datemode == 1)
    opened = _Book(book, stream, [formats.of_number(one.format_key) for one in book.xf_list])
    writer = Writer()
    for sheet in _sheets(opened):
        writer.add(sheet)
    return writer.extracted()


def _opened(body: bytes) -> Any:
    try:
        return xlrd.open_workbook(
            file_contents=body, logfile=_NullLog(), formatting_info=True, on_demand=True, ragged_rows=True,
            ignore_workbook_corruption=True,
        )  # fmt: skip
    except XLRDError as error:
        if "encrypted" in str(error):
            message = "an encrypted XLS: save it without a password"
            raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error
        raise _damaged() from error
    except _DAMAGE as error:
        raise _damaged() from error


def _damaged() -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, "a damaged XLS: save it again, preferably as XLSX, and upload that")


def _sheets(opened: _Book) -> Iterator[Sheet]:
    """All sheets in order; before Excel 97 only their cells, before Excel 5 all as visible."""
    names = iter(range(opened.book.nsheets))
    version = opened.book.biff_version
    encoding = None if version >= _UNICODE else opened.book.encoding or "latin-1"
    listed = list(listed_sheets(opened.stream, encoding)) if version >= _LISTED else []
    for one in listed or [SheetEntry(name, 0, 0, _WORKSHEET) for name in opened.book.sheet_names()]:
        sheet = Sheet(one.name, _STATES.get(one.visibility, ""))
        if one.kind == _CODE:
            continue
        if one.kind == _WORKSHEET:
            _add_cells(opened, sheet, next(names))
        elif one.kind == _CHART:
            sheet.state = ", ".join(word for word in (sheet.state, "chart") if word)
        else:
            sheet.missing("a macro or dialog sheet is not read")
        if version >= _UNICODE:
            _add_objects(sheet, opened.stream, one.offset)
        yield sheet


def _add_cells(opened: _Book, sheet: Sheet, number: int) -> None:
    """Add the cells, comments and links of a worksheet."""
    try:
        cells: _Cells = opened.book.sheet_by_index(number)
        sheet.rows.extend(_rows(opened, cells))
        notes = sorted(cells.cell_note_map.items())
        links = [one for one in cells.hyperlink_list if one.url_or_path]
        opened.book.unload_sheet(number)
    except _DAMAGE:
        sheet.missing("damaged, not read" if not sheet.rows else "damaged, parts of it are not read")
        return
    comments = [
        f"- {column_name(column + 1)}{row + 1}: {_comment(note.text, note.author)}" for (row, column), note in notes
    ]
    if comments:
        sheet.below.append("\n".join(["Comments:", *comments]))
    if links:
        targets = [f"- {column_name(one.fcolx + 1)}{one.frowx + 1}: {_address(one.url_or_path)}" for one in links]
        sheet.below.append("\n".join(["Links:", *targets]))


def _rows(opened: _Book, cells: _Cells) -> Iterator[Row]:
    for number in range(cells.nrows):
        if not cells.row_len(number):
            continue
        columns: list[int] = []
        texts: list[str] = []
        values = cells.row_values(number)
        for column, kind in enumerate(cells.row_types(number)):
            if kind in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                continue
            style = opened.styles[cells.cell_xf_index(number, column)]
            if text := _shown(kind, values[column], style):
                columns.append(column + 1)
                texts.append(text)
        if texts:
            yield Row(number + 1, columns, texts)


def _shown(kind: int, value: Any, style: NumberFormat | None) -> str:
    if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
        return number_cell(repr(value), style)
    if kind == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if value else "FALSE"
    if kind == xlrd.XL_CELL_ERROR:
        return str(error_text_from_code.get(value, "#N/A"))
    return text_cell(cell(str(value)), style)


def _comment(text: str, author: str) -> str:
    author = author.strip()
    comment = " ".join(text.split()).removeprefix(f"{author}:").strip()
    return f"{comment} ({author})" if author else comment


def _address(target: str | bytes) -> str:
    return target.decode("latin-1") if isinstance(target, bytes) else target.rstrip("\0")


def _add_objects(sheet: Sheet, stream: bytes, offset: int) -> None:
    """Add text boxes, charts, page headers and footers, and a note for each embedded object."""
    found = sheet_objects(stream, offset)
    sheet.below.extend(text for one in found.headers_and_footers if (text := without_codes(one)).partition(": ")[2])
    sheet.below.extend(f"Text box: {text}" for one in found.boxes if (text := "\n".join(one.splitlines()).strip()))
    sheet.below.extend(f"Chart: {', '.join(dict.fromkeys(names))}" for names in found.charts if names)
    sheet.has_pictures = bool(found.pictures)
    for _ in range(found.embedded):
        sheet.missing("an embedded object is not read")
