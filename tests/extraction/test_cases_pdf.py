"""The PDFs that once came out wrong, each with what should come out."""

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


def test_a_running_head_comes_out() -> None:
    """Although it is marked as an artifact, as Word does."""
    assert blocks("art_top.pdf") == ["HEADERSTAMP 5 March 2024 - file no. 17", *CLAUSES]


def test_scanned_pages_are_named_in_their_place_and_in_the_notes() -> None:
    """The cover has text, three pages have none."""
    said = [f"[page {page}: no text, probably a scan]" for page in (2, 3, 4)]
    assert blocks("mixedscan.pdf") == ["Cover sheet of the fax. See following pages.", *said]
    assert case("mixedscan.pdf").notes == ("pages 2 to 4: no text, probably scans",)


def test_a_page_that_indesign_placed_comes_out() -> None:
    """All of its clauses, and the stamp on it."""
    assert blocks("fxv_placed_bmc.pdf") == [*CLAUSES, "Received 5 March 2024 - file no. 17"]


def test_each_heading_is_in_front_of_its_table() -> None:
    """Schedule A and B do not come in front of both."""
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
    """Each as one paragraph."""
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
    """Ten rows of six."""
    heading, table = blocks("landscape.pdf")
    assert heading == "Annual overview (landscape)"
    rows = [f"| {' | '.join(f'r{row}c{column} val' for column in range(6))} |" for row in range(10)]
    assert table.splitlines() == [rows[0], "| --- | --- | --- | --- | --- | --- |", *rows[1:]]


def test_words_that_only_gaps_separate_stay_apart() -> None:
    """Gaps from 1.5 points on."""
    assert blocks("wordgaps.pdf") == [
        f"each word is placed alone with gap {gap}" for gap in ("1.5", "2", "2.5", "3", "3.5")
    ]


def test_added_text_and_comments_come_out() -> None:
    """Text in its place, comments after the page, marked as such."""
    found = blocks("freetext.pdf")
    assert found[:6] == [f"Rotated page line {line} of the text." for line in range(6)]
    assert found[6:] == ["FREETEXT filled by Preview", "[comment: STICKY comment]", "[comment: HIGHLIGHT comment]"]


def test_an_attachment_is_named_and_read() -> None:
    """Behind the pages."""
    assert blocks("attachment.pdf") == ["Portfolio cover text", "## Attachment: inner.txt", "ATTACHEDTEXT inside"]


def test_a_byte_order_mark_may_stand_in_front() -> None:
    """Some programs put one in front of every file."""
    assert blocks("bomfirst.pdf") == ["Portfolio cover text"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("notounicode.pdf", "font or an encoding does not say"), ("pw_R4_1.pdf", "encrypted PDF: save it without")],
)
def test_what_cannot_be_read_says_why(name: str, says: str) -> None:
    """Fonts that give their letters no meaning; a password."""
    with pytest.raises(JobError, match=says) as refused:
        case(name)
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_it_is_known_where_each_page_begins() -> None:
    """So that a passage can be told with its page: headers, scans between, and where the last page ends."""
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
