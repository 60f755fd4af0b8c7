"""PDFs that were once read wrongly, each with what is expected."""

import re
from pathlib import Path

import pytest
from fpdf import FPDF

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

CASES = Path(__file__).parent / "cases"
CLAUSES = [f"Clause {number}: the tenant pays the rent of {number}00 euro on time." for number in range(1, 25)]


def case(name: str) -> Extracted:
    """A sample, read as the child reads it."""
    return read((CASES / name).read_bytes(), "document.pdf")


def blocks(name: str) -> list[str]:
    """A sample's paragraphs, headings and tables."""
    return case(name).text.strip().split("\n\n")


def test_a_running_head_is_read() -> None:
    """It is read although it is marked as an artifact, as Word does."""
    assert blocks("art_top.pdf") == ["HEADERSTAMP 5 March 2024 - file no. 17", *CLAUSES]


def test_scanned_pages_are_named_in_their_place_and_in_the_notes() -> None:
    """The cover has text; three pages have none."""
    notes = [f"[page {page}: no text, probably a scan]" for page in (2, 3, 4)]
    assert blocks("mixedscan.pdf") == ["Cover sheet of the fax. See following pages.", *notes]
    assert case("mixedscan.pdf").notes == ("pages 2 to 4: no text, probably scans",)


def test_a_page_placed_by_indesign_is_read() -> None:
    """All its clauses are read, and the stamp on it."""
    assert blocks("fxv_placed_bmc.pdf") == [*CLAUSES, "Received 5 March 2024 - file no. 17"]


def test_each_heading_comes_before_its_table() -> None:
    """Schedules A and B do not both precede the tables."""
    text = case("tableorder2.pdf").text
    tables = [
        f"## Schedule {name}\n\n| Item | Price |\n| --- | --- |\n"
        + "".join(f"| {name}{n} | {n} |\n" for n in range(1, 6))
        for name in "AB"
    ]
    assert "\n".join(tables) in text
    assert text.startswith(
        "# Lease contract\n\nClause 1. The tenant shall pay the rent on time and in full. The tenant"
    )
    assert [int(number) for number in re.findall(r"^Clause (\d)\.", text, re.MULTILINE)] == [1, 2, 3, 4, 5, 6]


def test_three_columns_are_read_one_after_the_other() -> None:
    """Each is one paragraph."""
    left, middle, right = blocks("col3a.pdf")
    for column, letter, about in (
        (left, "L", "trade and ports"),
        (middle, "M", "rent and houses"),
        (right, "R", "law and order"),
    ):
        numbers = re.findall(rf"{letter}(\d+) the column text goes on about {about}\.", column)
        assert [int(number) for number in numbers] == list(range(len(numbers)))
        assert len(numbers) > 30


def test_a_table_without_rules_keeps_its_rows() -> None:
    """It has ten rows of six cells."""
    heading, table = blocks("landscape.pdf")
    assert heading == "Annual overview (landscape)"
    rows = [f"| {' | '.join(f'r{row}c{column} val' for column in range(6))} |" for row in range(10)]
    assert table.splitlines() == [rows[0], "| --- | --- | --- | --- | --- | --- |", *rows[1:]]


def test_words_separated_only_by_gaps_stay_apart() -> None:
    """A gap counts from 1.5 points on."""
    assert blocks("wordgaps.pdf") == [
        f"each word is placed alone with gap {gap}" for gap in ("1.5", "2", "2.5", "3", "3.5")
    ]


def test_added_text_and_comments_are_read() -> None:
    """Text is in its place; comments follow the page and are marked as such."""
    found = blocks("freetext.pdf")
    assert found[:6] == [f"Rotated page line {line} of the text." for line in range(6)]
    assert found[6:] == ["FREETEXT filled by Preview", "[comment: STICKY comment]", "[comment: HIGHLIGHT comment]"]


def test_an_attachment_is_named_and_read() -> None:
    """It follows the pages."""
    assert blocks("attachment.pdf") == ["Portfolio cover text", "## Attachment: inner.txt", "ATTACHEDTEXT inside"]


def test_a_byte_order_mark_before_a_pdf_is_ignored() -> None:
    """Some programs put one before every file."""
    assert blocks("bomfirst.pdf") == ["Portfolio cover text"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("notounicode.pdf", "font or an encoding does not say"), ("pw_R4_1.pdf", "encrypted PDF: save it without")],
)
def test_an_unreadable_pdf_says_why(name: str, says: str) -> None:
    """The samples have fonts without character meanings, and a password."""
    with pytest.raises(JobError, match=says) as refused:
        case(name)
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_it_is_known_where_each_page_begins() -> None:
    """A passage can be given its page: despite headers, scans in between, and text after the last page."""
    document = FPDF()
    for number in range(3):
        document.add_page()
        document.set_font("Helvetica", size=11)
        if number != 1:
            document.multi_cell(0, 6, f"Sentence of page {number + 1}.")
    document.embed_file(bytes=b"Sentence of an attachment.", basename="note.txt")
    found = read(bytes(document.output()), "document.pdf")
    begins = [found.text.index(f"Sentence of page {number}") for number in (1, 3)]
    starts = found.page_starts
    assert begins == [starts[0], starts[2]]
    assert (
        starts[0]
        < found.page_starts[1]
        <= found.page_starts[2]
        < found.page_starts[3]
        <= found.text.index("Sentence of an att")
    )
    assert len(starts) == 4
