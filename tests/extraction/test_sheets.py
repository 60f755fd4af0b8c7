"""Workbooks: every cell appears once, in its place, as displayed; what is not read is reported."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus
from .workbooks import MAIN, RELATIONS, STRICT_MAIN, STRICT_RELATIONS, data, number, relations, row, text, xlsx

CASES = Path(__file__).parent / "cases"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"


def lines(extracted: Extracted) -> list[str]:
    """The lines that are not empty, without table rules."""
    return [one for one in extracted.text.splitlines() if one and not one.startswith("| ---")]


def saved(book: Workbook) -> bytes:
    """A workbook as openpyxl writes it."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def sheet(*rows: str, **more: object) -> list[str]:
    """The lines of a single-sheet workbook, without the heading."""
    return lines(read(xlsx({"S": data(*rows)}, **more), "a.xlsx"))[1:]


def test_a_stray_cell_hides_nothing() -> None:
    """The rows in between are reported as empty, and both sheets are read."""
    found = read((CASES / "stray200000.xlsx").read_bytes(), "a.xlsx")
    assert [one for one in lines(found) if one[0] in "#["] == [
        "## Invoices", "[rows 21 to 199,999 are empty]", "## Other",
    ]  # fmt: skip
    assert "| INV20 | 200 | paid |" in found.text
    assert "| stray |" in found.text
    assert found.notes == ()


def test_the_last_row_is_read() -> None:
    """It is read together with the first one."""
    found = lines(read((CASES / "lastrow.xlsx").read_bytes(), "a.xlsx"))
    assert found == ["## Sheet", "| x |", "[rows 2 to 1,048,575 are empty]", "| LASTROW |"]


def test_dates_in_east_asian_formats_are_dates() -> None:
    """The same number without the format is a number."""
    found = lines(read((CASES / "cjkdate31.xlsx").read_bytes(), "a.xlsx"))
    assert found == ["## Sheet", "| custom | 2025-04-14 |", "| plain | 45761 |"]


def test_the_last_possible_cell_is_read_in_its_own_column() -> None:
    """A long run of empty columns is left out, and a note says so; a short one stays."""
    assert sheet(row(1, text("A1", "a"), text("C1", "c"), text("XFD1", "end")), row(2, text("B2", "b"))) == [
        "[columns D to XFC are empty]", "| a |  | c | end |", "|  | b |  |  |",
    ]  # fmt: skip
    assert sheet(row(1, text("A1", "a")), row(1_048_576, text("XFD1048576", "end")))[-1] == "| end |"


def test_few_empty_rows_stay_in_the_table() -> None:
    """Up to four stay; five split the table in two."""
    assert sheet(row(1, text("A1", "a")), row(6, text("A6", "b"))) == ["| a |", *["|  |"] * 4, "| b |"]
    assert sheet(row(1, text("A1", "a")), row(7, text("A7", "b"))) == ["| a |", "[rows 2 to 6 are empty]", "| b |"]


def test_scattered_cells_are_listed_one_by_one() -> None:
    """A table of them would be nearly all blanks, here millions."""
    scattered = [row(n, number(f"{letters}{n}", n)) for n, letters in ((1, "A"), (2, "ZZ"), (3, "AAA"))]
    scattered += [row(n, *(number(f"{chr(64 + m)}{chr(64 + n)}{n}", n) for m in range(1, 9))) for n in range(4, 27)]
    found = sheet(*scattered)
    assert found[:4] == ["- A1: 1", "- ZZ2: 2", "- AAA3: 3", "- AD4: 4"]
    assert len(found) == 3 + 23 * 8


def test_cells_without_references_are_consecutive() -> None:
    """Some programs write them so; the row's number may be missing too."""
    rows = "<row><c><v>1</v></c><c/><c><v>3</v></c></row><row r='3'><c r='B3'><v>5</v></c><c><v>6</v></c></row>"
    assert sheet(rows, "<row><c><v>7</v></c></row>", '<row><c r="A6"><v>8</v></c></row>') == [
        "| 1 |  | 3 |", "|  |  |  |", "|  | 5 | 6 |", "| 7 |  |  |", "|  |  |  |", "| 8 |  |  |",
    ]  # fmt: skip


def test_rows_out_of_order_are_sorted() -> None:
    """A row that occurs twice has the cells of both."""
    assert sheet(row(2, number("A2", 2)), row(1, number("A1", 1)), row(2, number("B2", 3))) == ["| 1 |  |", "| 2 | 3 |"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="A1" t="s"><v>0</v></c>', "東京 plain"),
        ('<c r="A1" t="s"><v>1</v></c>', "one two"),
        ('<c r="A1" t="s"><v>2</v></c>', "a\\|b<br>c d"),
        ('<c r="A1" t="inlineStr"><is><r><t>in </t></r><r><t>line</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>',
         "in line"),
        ('<c r="A1" t="str"><f>A2&amp;"|"</f><v>x|y</v></c>', "x\\|y"),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="b"><v>0</v></c>', "FALSE"),
        ('<c r="A1" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="A1" t="d"><v>2025-04-14T00:00:00</v></c>', "2025-04-14"),
        ('<c r="A1" t="d"><v>2025-04-14T13:45:00</v></c>', "2025-04-14 13:45:00"),
        ('<c r="A1" s="1"><v>45761</v></c>', "2025-04-14"),
        ('<c r="A1" s="2"><v>0.125</v></c>', "12.50%"),
        ('<c r="A1" s="3" t="inlineStr"><is><t>Smith</t></is></c>', "Mr. Smith"),
        ('<c r="A1" s="99"><v>7</v></c>', "7"),
        ('<c r="A1"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="A1" t="n"><v> 12345.678901234567 </v></c>', "12345.678901234567"),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_displayed(cell: str, shown: str) -> None:
    """Texts without furigana, booleans, errors, dates and results of formulas."""
    strings = (
        '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><r><t> plain</t></r>',
        '<r><t xml:space="preserve">one </t></r><r><rPr><b/></rPr><t>two</t></r>',
        "<t>a|b_x000D_\nc   d</t>",
    )
    found = sheet(row(1, cell), strings=strings, formats=("yyyy/mm/dd", 10, '0;0;0;"Mr. "@'))
    assert found == [f"| {shown} |"]


def test_a_formula_without_a_stored_value_is_noted() -> None:
    """Programs that do not calculate write such formulas; an empty text is a value."""
    book = Workbook()
    book.active.append([1, "=SUM(A1:A1)", "=A1|2"])
    found = read(saved(book), "a.xlsx")
    note = "sheet Sheet: 2 formulas without a calculated value: shown as formulas"
    assert lines(found)[1:] == ["| 1 | =SUM(A1:A1) | =A1\\|2 |", f"[{note}]"]
    assert found.notes == (note,)
    assert sheet(row(1, number("A1", 1), '<c r="B1" t="str"><f>""</f><v></v></c>')) == ["| 1 |"]
    assert sheet(row(1, '<c r="B1"><f t="shared" si="0"/></c>'))[0] == "| [not calculated] |"


def test_sheets_are_in_workbook_order_with_their_state() -> None:
    """The names of their files do not matter; empty sheets are listed too."""
    sheets = {"Z & co": data(row(1, number("A1", 1))), "Budget": data(row(1, number("A1", 2))), "A": "", "Deep": data()}
    body = xlsx(sheets, states={"Budget": "hidden", "Deep": "veryHidden"})
    assert lines(read(body, "a.xlsx")) == [
        "## Z & co", "| 1 |", "## Budget (hidden)", "| 2 |", "## A", "(empty)", "## Deep (very hidden)", "(empty)",
    ]  # fmt: skip


def test_hidden_rows_and_columns_are_read() -> None:
    """A filter does not remove content."""
    rows = data('<row r="1" hidden="1"><c><v>1</v></c></row>')
    inside = f'<cols><col min="1" max="1" hidden="1"/></cols>{rows}'
    assert lines(read(xlsx({"S": inside}), "a.xlsx"))[1:] == ["| 1 |"]


def test_merged_cells_have_their_value_once() -> None:
    """It is in the first place, and the columns after it do not move."""
    book = Workbook()
    for cells in (["Year", None, "Sum"], ["2024", "2025", 3]):
        book.active.append(cells)
    book.active.merge_cells("A1:B1")
    assert lines(read(saved(book), "a.xlsx"))[1:] == ["| Year |  | Sum |", "| 2024 | 2025 | 3 |"]


def test_dates_may_begin_in_1904() -> None:
    """The workbook says so."""
    more = {"formats": (14,), "properties": '<workbookPr date1904="1"/>'}
    assert sheet(row(1, number("A1", 44299, 1)), **more) == ["| 2025-04-14 |"]


def test_strict_files_with_prefixes_are_read() -> None:
    """The element names are in another namespace, with a prefix, in parts with unusual names and case."""
    files = {
        "[Content_Types].xml": (
            b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            b'<Override PartName="/book.xml"'
            b' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
        ),
        "_rels/.rels": relations(("m", "officeDocument", "/Book.xml")).replace(
            RELATIONS.encode(), STRICT_RELATIONS.encode()
        ),
        "book.xml": (
            f'<x:workbook xmlns:x="{STRICT_MAIN}" xmlns:q="{STRICT_RELATIONS}"><x:sheets>'
            '<x:sheet name="S" q:id="a"/></x:sheets></x:workbook>'
        ).encode(),
        "_rels/book.xml.rels": relations(("a", "worksheet", "pages\\one.xml")),
        "pages/one.xml": (
            f'<x:worksheet xmlns:x="{STRICT_MAIN}"><x:sheetData><x:row r="1"><x:c r="A1"><x:v>7</x:v></x:c>'
            '<x:c r="B1" t="inlineStr"><x:is><x:t>b</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>'
        ).encode(),
    }
    assert lines(read(corpus.packed(files), "a.xlsx")) == ["## S", "| 7 | b |"]


def test_comments_are_below_the_cells_with_their_authors() -> None:
    """A thread replaces the note that old programs see instead of it."""
    book = Workbook()
    book.active["B2"] = 5
    book.active["B2"].comment = Comment("Anna:\nPlease | check", "Anna")
    assert lines(read(saved(book), "a.xlsx"))[-2:] == ["Comments:", "- B2: Please | check (Anna)"]
    threads = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
    more = {
        "xl/worksheets/_rels/sheet1.xml.rels": relations(
            ("c", "comments", "../comments1.xml"), ("t", "threadedComment", "../threads.xml")
        ),
        "xl/comments1.xml": (
            f'<comments xmlns="{MAIN}"><authors><author>tc={{1}}</author></authors><commentList>'
            '<comment ref="A1" authorId="0"><text><t>[Threaded comment] Your version…</t></text></comment>'
            '<comment ref="B1"><text><r><t>plain</t></r></text></comment></commentList></comments>'
        ).encode(),
        "xl/threads.xml": (
            f'<ThreadedComments xmlns="{threads}"><threadedComment ref="A1" personId="p"><text>Really?</text>'
            '</threadedComment><threadedComment ref="A1" personId="?"><text>Yes</text></threadedComment>'
            "</ThreadedComments>"
        ).encode(),
        "xl/persons/person.xml": (
            f'<personList xmlns="{threads}"><person id="p" displayName="Ben"/></personList>'
        ).encode(),
        "xl/_rels/workbook.xml.rels": relations(
            ("s1", "worksheet", "worksheets/sheet1.xml"), ("p", "person", "persons/person.xml")
        ),
    }
    found = lines(read(xlsx({"S": data(row(1, number("A1", 1)))}, more=more), "a.xlsx"))
    assert found[2:] == ["Comments:", "- A1: Really? (Ben)", "- A1: Yes", "- B1: plain"]


def drawing(inside: str) -> dict[str, bytes]:
    """A drawing on the first sheet, with a chart, a picture and an embedded object available to it."""
    return {
        "xl/worksheets/_rels/sheet1.xml.rels": relations(("d", "drawing", "../drawings/drawing1.xml")),
        "xl/drawings/drawing1.xml": (
            f'<xdr:wsDr xmlns:xdr="{DRAWING}/spreadsheetDrawing" xmlns:a="{DRAWING}/main" xmlns:r="{RELATIONS}" '
            f'xmlns:c="{DRAWING}/chart" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
            f"{inside}</xdr:wsDr>"
        ).encode(),
        "xl/drawings/_rels/drawing1.xml.rels": relations(("c", "chart", "../charts/chart1.xml")),
        "xl/charts/chart1.xml": (
            f'<c:chartSpace xmlns:c="{DRAWING}/chart" xmlns:a="{DRAWING}/main"><c:chart><c:title><c:tx><c:rich><a:p>'
            "<a:r><a:t>Tons by port</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:val>"
            "<c:numRef><c:f>S!A1</c:f><c:numCache><c:pt idx='0'><c:v>1</c:v></c:pt></c:numCache></c:numRef></c:val>"
            "</c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"
        ).encode(),
    }


def test_text_boxes_and_charts_are_read_once() -> None:
    """The new of two alternative contents is read; a chart's data are already in the cells."""
    box = "<xdr:sp><xdr:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    inside = (
        f"<xdr:twoCellAnchor><xdr:grpSp>{box.format('in a group')}</xdr:grpSp></xdr:twoCellAnchor>"
        f'<mc:AlternateContent><mc:Choice Requires="a14">{box.format("new")}</mc:Choice>'
        f"<mc:Fallback>{box.format('old')}</mc:Fallback></mc:AlternateContent>"
        '<xdr:graphicFrame><a:graphic><a:graphicData><c:chart r:id="c"/></a:graphicData></a:graphic></xdr:graphicFrame>'
        '<xdr:graphicFrame><a:graphic><a:graphicData><c:chart r:id="x"/></a:graphicData></a:graphic></xdr:graphicFrame>'
    )
    found = read(xlsx({"S": data(row(1, number("A1", 1)))}, more=drawing(inside)), "a.xlsx")
    note = "sheet S: a chart or SmartArt that is missing from the file is not read"
    assert lines(found)[2:] == ["Text box: in a group", "Text box: new", "Chart: Tons by port", f"[{note}]"]
    assert found.notes == (note,)


def test_a_sheet_that_is_a_chart_says_so() -> None:
    """Its title is its text."""
    more = drawing('<c:chart r:id="c"/>') | {
        "xl/_rels/workbook.xml.rels": relations(("s1", "chartsheet", "worksheets/sheet1.xml")),
    }
    assert lines(read(xlsx({"C": ""}, more=more), "a.xlsx")) == ["## C (chart)", "Chart: Tons by port"]


def test_page_headers_links_and_embedded_objects_are_named() -> None:
    """The codes for fonts and page numbers are left out."""
    inside = data(row(1, number("A1", 1))) + (
        '<hyperlinks><hyperlink ref="A1" r:id="h"/><hyperlink ref="A2" location="S!A1"/></hyperlinks>'
        '<headerFooter><oddHeader>&amp;L&amp;"Arial,Bold"&amp;12Draft &amp;&amp; secret&amp;RPage &amp;P</oddHeader>'
        "<oddFooter>&amp;P</oddFooter></headerFooter>"
    )
    more = {
        "xl/worksheets/_rels/sheet1.xml.rels": relations(
            ("h", "hyperlink", "https://example.org/a"), ("o", "oleObject", "../embeddings/o.bin")
        ),
        "xl/embeddings/o.bin": b"x",
    }
    found = read(xlsx({"S": inside}, more=more), "a.xlsx")
    note = "sheet S: embedded object o.bin is not read"
    assert lines(found)[2:] == [
        "Header: Draft & secret Page", "Links:", "- A1: https://example.org/a", f"[{note}]",
    ]  # fmt: skip
    assert found.notes == (note,)


def test_a_sheet_of_pictures_only_is_noted_and_a_workbook_of_them_refused() -> None:
    """Only OCR could read them."""
    found = read(xlsx({"Scan": data(), "S": data(row(1, number("A1", 1)))}, more=drawing("<xdr:pic/>")), "a.xlsx")
    assert found.notes == ("sheet Scan: no text, only pictures",)
    assert "[sheet Scan: no text, only pictures]" in found.text
    with pytest.raises(JobError) as refused:
        read(xlsx({"Scan": data()}, more=drawing("<xdr:pic/>")), "a.xlsx")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    assert "OCR" in str(refused.value)


def test_an_empty_workbook_is_empty() -> None:
    """Headings do not count as text."""
    with pytest.raises(JobError) as refused:
        read(saved(Workbook()), "a.xlsx")
    assert refused.value.reason is Reason.EMPTY_DOCUMENT


BROKEN: dict[str, tuple[Callable[[], bytes], list[str], str]] = {
    "a sheet that breaks off": (
        lambda: corpus.repacked(
            xlsx({"S": "", "T": data(row(1, number("A1", 9)))}),
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{MAIN}"><sheetData>{row(1, number("A1", 1))}<row r="2"><c'.encode(),
        ),
        ["## S", "| 1 |", "[sheet S: damaged after row 1, the rest is missing]", "## T", "| 9 |"],
        "sheet S: damaged after row 1, the rest is missing",
    ),
    "a sheet that is missing": (
        lambda: xlsx(
            {"S": "", "T": data(row(1, number("A1", 9)))},
            more={"xl/_rels/workbook.xml.rels": relations(("s2", "worksheet", "worksheets/sheet2.xml"))},
        ),
        ["## S", "[sheet S: its data are missing from the file]", "## T", "| 9 |"],
        "sheet S: its data are missing from the file",
    ),
    "a text that is missing": (
        lambda: xlsx({"S": data(row(1, '<c r="A1" t="s"><v>5</v></c><c r="B1" t="s"><v>²</v></c>'))}),
        ["## S", "| [text missing from the file] | [text missing from the file] |",
         "[sheet S: the text of 2 cells is missing from the file]"],
        "sheet S: the text of 2 cells is missing from the file",
    ),
    "styles that are damaged": (
        lambda: corpus.repacked(xlsx({"S": data(row(1, number("A1", 9, 1)))}), "xl/styles.xml", b"<styleSheet"),
        ["## S", "| 9 |"],
        "the workbook's styles are damaged: dates appear as numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_damage_is_noted_and_the_rest_is_read(name: str) -> None:
    """This holds for each sheet."""
    make, wanted, note = BROKEN[name]
    found = read(make(), "a.xlsx")
    assert lines(found) == wanted
    assert found.notes == (note,)


def test_entities_are_refused() -> None:
    """They are never expanded."""
    bomb = f'<!DOCTYPE x [<!ENTITY a "lol">]><worksheet xmlns="{MAIN}"><sheetData/></worksheet>'.encode()
    with pytest.raises(JobError) as refused:
        read(corpus.repacked(xlsx({"S": ""}), "xl/worksheets/sheet1.xml", bomb), "a.xlsx")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
