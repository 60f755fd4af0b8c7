"""XLSB, XLS and ODS: everything other than plain cells, and what becomes of damaged files."""

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus
from .binarybooks import Cell, biff, ods, ods_cells, record, wide, xls, xlsb
from .conftest import Extract
from .test_sheets import drawing, lines
from .workbooks import relations

CASES = Path(__file__).parent / "cases"
FORMATS = ("yyyy-mm-dd", "[h]:mm", "0.0%", '#,##0.00 "€"', "00000", '"Mr. "@')
FORMATTED = {
    "S": [
        Cell(1, 1, 45761.0, 1),
        Cell(1, 2, 2.0625, 2),
        Cell(1, 3, 0.1234, 3),
        Cell(1, 4, 1234.5, 4),
        Cell(1, 5, 1234.0, 5),
        Cell(1, 6, "Smith", 6),
        Cell(1, 7, "#DIV/0!"),
        Cell(1, 8, "#N/A"),
    ]
}
BINARY = {"xlsb": xlsb, "xls": xls}


@pytest.mark.parametrize("kind", BINARY)
def test_number_formats_are_those_of_xlsx(kind: str) -> None:
    """Dates, durations, percents, currencies and leading zeros are the same; errors have their names."""
    shown = "| 2025-04-14 | 49:30 | 12.34% | 1234.50 € | 01234 | Mr. Smith | #DIV/0! | #N/A |"
    assert lines(read(BINARY[kind](FORMATTED, FORMATS), "a"))[1:] == [shown]


@pytest.mark.parametrize("kind", BINARY)
def test_hidden_sheets_say_so_and_dates_may_begin_in_1904(kind: str) -> None:
    """Both are as in XLSX."""
    sheets = {name: [Cell(1, 1, 44299.0, 1)] for name in ("A", "B", "C")}
    found = lines(read(BINARY[kind](sheets, FORMATS, states=(0, 1, 2), is_1904=True), "a"))
    assert found == [
        "## A", "| 2025-04-14 |", "## B (hidden)", "| 2025-04-14 |", "## C (very hidden)", "| 2025-04-14 |",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", BINARY)
def test_a_stray_cell_in_the_last_place_is_read(kind: str) -> None:
    """Nothing is laid out in between."""
    last = (1_048_576, 16_384) if kind == "xlsb" else (65_536, 256)
    found = lines(read(BINARY[kind]({"S": [Cell(1, 1, 1.0), Cell(*last, "end")]}), "a"))
    assert found[1:] == ["| 1 |", f"[rows 2 to {last[0] - 1:,} are empty]", "| end |"]


def test_compressed_numbers_and_texts_of_a_binary_cell_are_read() -> None:
    """Thirty bits for an integer or a fraction, or for a hundredth of either; formulas have their values."""
    numbers = (5 << 2 | 2, (-5 << 2 | 2) & 0xFFFFFFFF, 12345 << 2 | 3, 0x3FF00000, 0x3FF00001)
    cells = [record(2, struct.pack("<III", n, 0, number)) for n, number in enumerate(numbers)]
    cells.append(record(8, struct.pack("<II", 5, 0) + wide("a|b") + bytes(6)))
    cells.append(record(62, struct.pack("<II", 6, 0) + b"\1" + wide("rich") + bytes(8)))
    cells.append(record(9, struct.pack("<IId", 7, 0, 1.5) + bytes(6)))
    cells.append(record(18, struct.pack("<II", 0, 0)))
    beside = record(0, bytes(17)) + b"".join(cells)
    found = lines(read(xlsb({"S": [], "T": [Cell(1, 1, "shared")]}, beside=beside), "a"))
    assert found[1] == "| 5 | -5 | 123.45 | 1 | 0.01 | a\\|b | rich | 1.5 | shared |"


def test_comments_links_and_boxes_of_a_binary_sheet_are_read() -> None:
    """Its page headers are read too."""
    beside = record(494, struct.pack("<IIII", 1, 1, 0, 0) + wide("h") + wide("") * 3)
    beside += record(479, b"\0\0" + wide("&CDraft &P") + wide("") + struct.pack("<I", 0xFFFFFFFF) * 4)
    comments = record(632, wide("Anna")) + record(635, struct.pack("<IIIII", 0, 4, 4, 1, 1) + bytes(16))
    comments += record(637, b"\0" + wide("Anna:\nPlease check"))
    box = "<xdr:sp><xdr:txBody><a:p><a:r><a:t>boxed</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    more = {name: part for name, part in drawing(box).items() if "sheet1" not in name} | {
        "xl/worksheets/_rels/sheet1.bin.rels": relations(
            ("h", "hyperlink", "https://example.org/"), ("c", "comments", "../comments1.bin"),
            ("d", "drawing", "../drawings/drawing1.xml"),
        ),
        "xl/comments1.bin": comments,
    }  # fmt: skip
    found = lines(read(xlsb({"S": [Cell(1, 1, 1.0)]}, beside=beside, more=more), "a"))
    assert found[2:] == [
        "Header: Draft", "Links:", "- A2: https://example.org/", "Text box: boxed", "Comments:",
        "- B5: Please check (Anna)",
    ]  # fmt: skip


def test_boxes_charts_and_headers_of_an_old_sheet_are_read() -> None:
    """Text boxes are, but not the frames of comments; objects of other programs are named."""

    def obj(kind: int, rest: bytes = b"") -> bytes:
        return biff(0x5D, struct.pack("<HHH", 0x15, 0x12, kind) + bytes(16) + rest + bytes(4))

    def txo(text: str) -> bytes:
        first, second = text[:3], text[3:]
        return (
            biff(0x1B6, struct.pack("<HH6xHH", 0, 0, len(text), 16) + bytes(4))
            + biff(0x3C, b"\0" + first.encode("latin-1"))
            + biff(0x3C, b"\1" + second.encode("utf-16-le"))
            + biff(0x3C, bytes(16))
        )

    chart = biff(0x809, struct.pack("<HHHHII", 0x600, 0x20, 0, 0, 0, 6))
    chart += biff(0x100D, struct.pack("<HBB", 0, 5, 0) + b"Title") + biff(0x0A)
    beside = obj(0x06) + txo("boxed вода") + obj(0x19) + txo("a comment") + chart
    beside += biff(0x14, struct.pack("<HB", 6, 0) + b"&CHead") + obj(0x08, struct.pack("<HH", 9, 2) + bytes(2))
    found = read(xls({"S": [Cell(1, 1, 1.0)]}, beside=beside, charts={"C": chart[20:-4]}), "a")
    assert lines(found) == [
        "## S", "| 1 |", "Header: Head", "Text box: boxed вода", "Chart: Title",
        "[sheet S: an embedded object is not read]", "## C (chart)", "Chart: Title",
    ]  # fmt: skip
    assert found.notes == ("sheet S: an embedded object is not read",)


@pytest.mark.parametrize("name", ["office.xls", "office.ods"])
def test_a_workbook_saved_by_a_program_is_read(extract: Extract, name: str) -> None:
    """A real child reads it from Excel's container: all kinds of cells, a comment, a link, a chart."""
    found = [one for one in extract((CASES / name).read_bytes(), "a").splitlines() if one and "---" not in one]
    assert found[:12] == [
        "## First & one",
        "| Name | Tons \\| x | Date | Time | Dur | Pct | Cur | Bool | Err | Formula |",
        f"| {' | '.join(SECOND_ROW)} |",
        "|  |  | 2025-04-14 |  |  |  |  |  |  |  |",
        "| 2025-04-14 13:45:30 | yes | #DIV/0! |  |  |  |  |  |  |  |",
        "| link | 00007 | 12 kg | Yes |  |  |  |  |  |  |",
        "|  |  |  |  |  |  |  |  |  |  |",
        "| merged |  |  |  |  |  |  |  |  |  |",
        "[rows 8 to 29 are empty]",
        "| stray |",
        "[rows 31 to 59,999 are empty]",
        "| far |",
    ]
    assert {"- B4: A note | here line", "- A5: https://example.org/x", "Chart: Chart title"} <= set(found)
    assert [one for one in found if one.startswith("#")][1:3] == ["## Hidden (hidden)", "## Empty"]


SECOND_ROW = (
    "Größe вода 東京<br>zwei", "1234.5678", "2025-04-14", "13:45:00", "49:30", "12.34567%", "1234.50 €", "TRUE", "#N/A",
    "2469.1356",
)  # fmt: skip
VALUES = [
    ('office:value-type="float" office:value="1234567.891"', "1,234,567.89", "1234567.891"),
    ('office:value-type="float" office:value="12.5"', "12.50 kg", "12.50 kg"),
    ('office:value-type="float" office:value="-12.5"', "(12.50)", "(12.50)"),
    ('office:value-type="float" office:value="-12.5"', "12.50", "-12.50"),
    ('office:value-type="float" office:value="7"', "00007", "00007"),
    ('office:value-type="float" office:value="5551234"', "555-1234", "555-1234"),
    ('office:value-type="float" office:value="1"', "Yes", "Yes"),
    ('office:value-type="float" office:value="0"', "-", "0"),
    ('office:value-type="float" office:value="1234567"', "1.2M", "1234567"),
    ('office:value-type="float" office:value="0.5"', "1/2", "0.5"),
    ('office:value-type="float" office:value="1.5E-07"', "1.50E-07", "0.00000015"),
    ('office:value-type="float" office:value="3"', "###", "3"),
    ('office:value-type="percentage" office:value="0.12345"', "12%", "12.345%"),
    ('office:value-type="currency" office:currency="EUR" office:value="1234.5"', "1.234,50 €", "1234.50 €"),
    ('office:value-type="date" office:date-value="2025-04-14"', "14.04.25", "2025-04-14"),
    ('office:value-type="date" office:date-value="2025-04-14T13:45:30"', "14.04.25 13:45", "2025-04-14 13:45"),
    ('office:value-type="date" office:date-value="2025-04-14T13:45:30"', "14.04.25", "2025-04-14"),
    ('office:value-type="date" office:date-value="2025-04-14T13:45:30.500"', "", "2025-04-14 13:45:30.5"),
    ('office:value-type="time" office:time-value="PT49H30M00S"', "49:30", "49:30"),
    ('office:value-type="time" office:time-value="PT49H30M00S"', "", "49:30:00"),
    ('office:value-type="boolean" office:boolean-value="true"', "WAHR", "WAHR"),
    ('office:value-type="boolean" office:boolean-value="false"', "", "FALSE"),
    ('office:value-type="string" office:string-value="said"', "", "said"),
    ('office:value-type="float" office:value="7" table:formula="of:=3+4"', "7", "7"),
]


def test_values_of_opendocument_are_shown_with_all_their_digits() -> None:
    """They keep the signs and words around them; dates are ISO."""
    rows = "".join(
        f"<table:table-row><table:table-cell {said}>{f'<text:p>{seen}</text:p>' if seen else ''}</table:table-cell>"
        "</table:table-row>"
        for said, seen, _ in VALUES
    )
    found = lines(read(ods({"S": f">{rows}"}), "a.ods"))[1:]
    assert found == [f"| {shown} |" for _, _, shown in VALUES]


def test_texts_of_opendocument_keep_their_spaces_without_ruby() -> None:
    """Comments, text boxes, links and charts are below the cells."""
    inside = (
        "<text:p>a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d <text:span>e<text:span>f</text:span></text:span>"
        " <text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>kan</text:ruby-text></text:ruby></text:p>"
        '<text:p><text:a xlink:href="https://example.org/">site</text:a></text:p>'
        "<office:annotation><dc:creator>Anna</dc:creator><dc:date>2025</dc:date><text:p>why?</text:p>"
        "</office:annotation><draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame>"
        '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    )
    shapes = (
        "<table:shapes><draw:frame><draw:text-box><text:p>free</text:p></draw:text-box></draw:frame></table:shapes>"
    )
    table = f">{shapes}<table:table-row><table:table-cell>{inside}</table:table-cell></table:table-row>"
    found = read(ods({"S": table}), "a.ods")
    assert lines(found) == [
        "## S", "| a b c<br>d ef 漢<br>site |", "Text box: free", "Text box: boxed", "Comments:", "- A1: why? (Anna)",
        "Links:", "- A1: https://example.org/", "[sheet S: embedded object Object 1 is not read]",
    ]  # fmt: skip


def test_repeated_rows_and_cells_of_opendocument_are_bounded() -> None:
    """A few are written out; for a million equal rows, a note says that they are equal."""
    cell = '<table:table-cell office:value-type="float" office:value="5"'
    rows = (
        f'<table:table-row table:number-rows-repeated="2">{cell} table:number-columns-repeated="3"/></table:table-row>'
        f"<table:table-row-group><table:table-row><table:covered-table-cell/>{cell}/></table:table-row>"
        f'</table:table-row-group><table:table-row table:number-rows-repeated="1048573">{cell}/></table:table-row>'
    )
    found = lines(read(ods({"S": f">{rows}"}), "a.ods"))
    assert found[1:4] == ["| 5 | 5 | 5 |", "| 5 | 5 | 5 |", "|  | 5 |  |"]
    assert found[4:-1] == ["| 5 |  |  |"] * 100
    assert found[-1] == "[rows 104 to 1,048,576 repeat row 4]"


def test_hidden_sheets_copies_of_other_files_and_uncalculated_formulas_of_opendocument() -> None:
    """The cached copy of another file, which a formula once fetched, is not a sheet of this one."""
    hidden = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    tables = {
        "A": 'table:style-name="h"><table:table-row><table:table-cell table:formula="of:=1+1"/></table:table-row>',
        "'file:///C:/other.ods'#Prices": ods_cells([Cell(1, 1, "secret")]),
        "B": ods_cells([Cell(1, 1, "b")]),
    }
    found = read(ods(tables, styles=hidden), "a.ods")
    note = "sheet A: 1 formula without a calculated value: shown as formulas"
    assert lines(found) == ["## A (hidden)", "| =1+1 |", f"[{note}]", "## B", "| b |"]
    assert found.notes == (note,)


def encrypted_xls() -> bytes:
    """A workbook whose records after the first are encrypted."""
    return xls({"S": []}).replace(biff(0x42, struct.pack("<H", 1200)), biff(0x2F, bytes(2)), 1)


REFUSED = {
    "encrypted": (encrypted_xls, "password"),
    "cut off": (lambda: xls({"S": [Cell(1, 1, 1.0)]})[:40], "damaged"),
    "nothing but its beginning": (lambda: xls({"S": [Cell(1, 1, 1.0)]})[:8], "damaged"),
    "no content": (lambda: corpus.repacked(ods({"S": ">"}), "content.xml", b"<office"), "damaged"),
    "no workbook": (
        lambda: corpus.repacked(xlsb({"S": []}), "xl/workbook.bin", b"\x9c\x01" + b"\xff" * 3 + b"\x7f"),
        "truncated",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_workbook_is_refused(name: str) -> None:
    """The reason is given."""
    make, says = REFUSED[name]
    with pytest.raises(JobError) as refused:
        read(make(), "a")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    assert says in str(refused.value)


BROKEN: dict[str, Callable[[], bytes]] = {
    "xlsb": lambda: corpus.repacked(
        xlsb({"S": [], "T": [Cell(1, 1, 9.0)]}),
        "xl/worksheets/sheet1.bin",
        record(0, bytes(17)) + record(2, struct.pack("<III", 0, 0, 6)) + b"\x05\x7f",
    ),
    "ods": lambda: corpus.repacked(
        ods({}),
        "content.xml",
        b'<a xmlns:t="x"><t:table t:name="S"><t:table-row><t:table-cell t:value-type="float" t:value="1"/>'
        b"</t:table-row><t:table-row><t:tab",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_content_before_the_damage_is_read(kind: str) -> None:
    """The damage is reported."""
    found = read(BROKEN[kind](), "a")
    assert "| 1 |" in found.text
    assert found.notes[0].startswith("sheet S: damaged after row 1, the rest")
    assert f"[{found.notes[0]}]" in found.text


@pytest.mark.parametrize("kind", ["xlsb", "xls", "ods"])
def test_changed_bytes_never_break_the_reader(kind: str) -> None:
    """It reads, notes or refuses; no other exception escapes."""
    chance = random.Random(kind)
    part = {"xlsb": "xl/worksheets/sheet1.bin", "xls": "", "ods": "content.xml"}[kind]
    for _ in range(60):
        made = {
            "xlsb": lambda: xlsb(FORMATTED, FORMATS),
            "xls": lambda: xls(FORMATTED, FORMATS),
            "ods": lambda: ods({"S": ods_cells(FORMATTED["S"])}),
        }[kind]()
        body = bytearray(_inside(made, part) if part else made)
        for _ in range(chance.randrange(1, 8)):
            body[chance.randrange(8, len(body))] = chance.randrange(256)
        try:
            read(corpus.repacked(made, part, bytes(body)) if part else bytes(body), "a")
        except JobError as error:
            assert str(error)  # noqa: PT017 - a refusal is one of the right answers


def _inside(archive: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(name)
