"""XLSB, XLS and ODS files written record by record, each with just what a test needs."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from . import corpus
from .workbooks import relations

ERRORS = {"#DIV/0!": 0x07, "#N/A": 0x2A}
URN = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = " ".join(
    f'xmlns:{name}="{URN}:{full}:1.0"'
    for name, full in {
        "office": "office",
        "text": "text",
        "table": "table",
        "style": "style",
        "draw": "drawing",
    }.items()
)


Value = float | str | bool
"""The value of a cell."""


class Cell(NamedTuple):
    """Row and column from 1, a value (a string in `ERRORS` is an error), and the style's number."""

    row: int
    column: int
    value: Value
    style: int = 0


Sheets = Mapping[str, Sequence[Cell]]


def xlsb(
    sheets: Sheets,
    formats: Sequence[str] = (),
    *,
    states: Sequence[int] = (),
    is_1904: bool = False,
    beside: bytes = b"",
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """A binary workbook; styles 1, 2, … have the formats; records in `beside` follow the first sheet's cells."""
    texts = list(dict.fromkeys(one.value for cells in sheets.values() for one in cells if isinstance(one.value, str)))
    listed = b"".join(
        _record(156, struct.pack("<II", state, number) + _wide(f"s{number}") + _wide(name))
        for number, (name, state) in enumerate(zip(sheets, [*states, *[0] * len(sheets)], strict=False), 1)
    )
    codes = b"".join(_record(44, struct.pack("<H", 200 + n) + _wide(code)) for n, code in enumerate(formats))
    styles = b"".join(_record(47, struct.pack("<HH", 0, n) + bytes(12)) for n in (0, *range(200, 200 + len(formats))))
    files = {
        "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": relations(("m", "officeDocument", "xl/workbook.bin")),
        "xl/workbook.bin": _record(131) + _record(153, struct.pack("<II", is_1904, 0) + _wide("")) + listed,
        "xl/_rels/workbook.bin.rels": relations(
            *((f"s{n}", "worksheet", f"worksheets/sheet{n}.bin") for n in range(1, len(sheets) + 1)),
            ("styles", "styles", "styles.bin"),
            ("strings", "sharedStrings", "sharedStrings.bin"),
        ),
        "xl/styles.bin": _record(626) + codes + _record(47, bytes(16)) + _record(617) + styles + _record(618),
        "xl/sharedStrings.bin": b"".join(_record(19, b"\0" + _wide(text)) for text in texts),
    }
    for number, cells in enumerate(sheets.values(), 1):
        inside = b""
        last = 0
        for one in cells:
            if one.row != last:
                inside += _record(0, struct.pack("<I", one.row - 1) + bytes(13))
                last = one.row
            inside += _binary_cell(one, texts)
        files[f"xl/worksheets/sheet{number}.bin"] = inside + (beside if number == 1 else b"")
    return corpus.packed(files | dict(more or {}))


def _binary_cell(one: Cell, texts: Sequence[str]) -> bytes:
    head = struct.pack("<II", one.column - 1, one.style)
    if isinstance(one.value, bool):
        return _record(4, head + bytes([one.value]))
    if isinstance(one.value, str):
        if one.value in ERRORS:
            return _record(3, head + bytes([ERRORS[one.value]]))
        return _record(7, head + struct.pack("<I", texts.index(one.value)))
    return _record(5, head + struct.pack("<d", one.value))


def _record(kind: int, body: bytes = b"") -> bytes:
    return _sevens(kind) + _sevens(len(body)) + body


def _sevens(number: int) -> bytes:
    written = b""
    while number > 0x7F:
        written += bytes([number & 0x7F | 0x80])
        number >>= 7
    return written + bytes([number])


def _wide(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded) // 2) + encoded


record, wide = _record, _wide


def xls(
    sheets: Sheets,
    formats: Sequence[str] = (),
    *,
    states: Sequence[int] = (),
    is_1904: bool = False,
    beside: bytes = b"",
    charts: Mapping[str, bytes] | None = None,
) -> bytes:
    """An Excel 97 workbook, without the container that programs put around it; charts are sheets of records."""
    texts = list(dict.fromkeys(one.value for cells in sheets.values() for one in cells if isinstance(one.value, str)))
    codes = b"".join(biff(0x41E, struct.pack("<H", 200 + n) + _short(code, "<H")) for n, code in enumerate(formats))
    numbers = (0, *range(200, 200 + len(formats)))
    styles = b"".join(biff(0xE0, struct.pack("<HH", 0, n) + bytes(16)) for n in numbers)
    shared = struct.pack("<II", len(texts), len(texts)) + b"".join(_short(text, "<H") for text in texts)
    head = biff(0x42, struct.pack("<H", 1200)) + biff(0x22, struct.pack("<H", is_1904)) + codes + styles
    tail = biff(0xFC, shared) + biff(0x0A)
    bodies = {name: _old_sheet(cells, texts, b"") for name, cells in sheets.items()}
    first = next(iter(sheets))
    bodies[first] = _old_sheet(sheets[first], texts, beside)
    bodies |= {name: _begin(0x20) + inside + biff(0x0A) for name, inside in (charts or {}).items()}
    kinds = [0] * len(sheets) + [2] * len(charts or {})
    hidden = [*states, *[0] * len(bodies)]
    length = sum(len(biff(0x85, bytes(6) + _short(name, "<B"))) for name in bodies)
    place = len(_begin(5) + head) + length + len(tail)
    listed = b""
    for name, kind, state in zip(bodies, kinds, hidden, strict=False):
        listed += biff(0x85, struct.pack("<IBB", place, state, kind) + _short(name, "<B"))
        place += len(bodies[name])
    return _begin(5) + head + listed + tail + b"".join(bodies.values())


def biff(kind: int, body: bytes = b"") -> bytes:
    """A record of an old workbook."""
    return struct.pack("<HH", kind, len(body)) + body


def _begin(kind: int) -> bytes:
    return biff(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))


def _short(text: str, length: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack(length, len(encoded) // 2) + b"\x01" + encoded


def _old_sheet(cells: Sequence[Cell], texts: Sequence[str], beside: bytes) -> bytes:
    inside = b""
    for row, column, value, style in cells:
        head = struct.pack("<HHH", row - 1, column - 1, style)
        if isinstance(value, bool):
            inside += biff(0x205, head + bytes([value, 0]))
        elif isinstance(value, str) and value in ERRORS:
            inside += biff(0x205, head + bytes([ERRORS[value], 1]))
        elif isinstance(value, str):
            inside += biff(0xFD, head + struct.pack("<I", texts.index(value)))
        else:
            inside += biff(0x203, head + struct.pack("<d", value))
    return _begin(0x10) + inside + beside + biff(0x0A)


def ods(tables: Mapping[str, str], *, styles: str = "", more: Mapping[str, bytes] | None = None) -> bytes:
    """An OpenDocument workbook whose tables contain the given XML."""
    listed = "".join(
        f"<table:table table:name={quoteattr(name)} {inside}</table:table>" for name, inside in tables.items()
    )
    content = (
        f'<office:document-content {_SPACES} xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><office:automatic-styles>{styles}</office:automatic-styles>'
        f"<office:body><office:spreadsheet>{listed}</office:spreadsheet></office:body></office:document-content>"
    )
    return corpus.packed(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f'<manifest xmlns="{URN}:manifest:1.0"/>'.encode(),
            "content.xml": content.encode(),
        }
        | dict(more or {})
    )


def ods_cells(cells: Sequence[Cell]) -> str:
    """The rows of a table in order, with the blank cells between them."""
    rows = ""
    last = 0
    for number in sorted({one.row for one in cells}):
        if number > last + 1:
            skipped = f'<table:table-row table:number-rows-repeated="{number - last - 1}">'
            rows += f"{skipped}<table:table-cell/></table:table-row>"
        inside, column = "", 0
        for one in sorted(one for one in cells if one.row == number):
            if one.column > column + 1:
                inside += f'<table:table-cell table:number-columns-repeated="{one.column - column - 1}"/>'
            inside += ods_cell(one.value)
            column = one.column
        rows += f"<table:table-row>{inside}</table:table-row>"
        last = number
    return f">{rows}"


def ods_cell(value: Value) -> str:
    """One cell."""
    if isinstance(value, bool):
        attributes = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
    elif isinstance(value, str):
        lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in value.split("\n"))
        return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'
    else:
        attributes = f'office:value-type="float" office:value="{value!r}"'
    return f"<table:table-cell {attributes}/>"
