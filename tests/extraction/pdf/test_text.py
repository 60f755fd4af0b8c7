"""Letters, words, lines and columns are read in the order in which a person reads them."""

import textwrap

import pytest

from backburner.extraction.reading import read

from .made import LINE, Made, lines, one_page, shown, turned

PROSE = (
    "The column goes on about trade and ports and the price of grain in the north, where ships lie in the harbour "
    "until the ice is gone and the merchants have paid what they owe to the crews."
)


def text_of(body: bytes) -> str:
    """The text of a PDF, as the child reads it."""
    return read(body, "a.pdf").text.strip()


def blocks(content: str, **options: object) -> list[str]:
    """The paragraphs of a page with this content."""
    return text_of(one_page(content, **options)).split("\n\n")


def column(x: float, y: float, words: str, width: int = 30) -> str:
    """A column of text."""
    return lines(x, y, textwrap.wrap(words, width), 10, 12)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_reads_as_an_upright_one(degrees: int) -> None:
    """The text reads the same whichever way it is rotated, and however a viewer displays it."""
    down = {90: (1, 0), 180: (0, 1), 270: (-1, 0)}[degrees]
    rows = "".join(
        turned(degrees, 300 + 14 * at * down[0], 300 + 14 * at * down[1], f"Row {at}. {LINE}") for at in range(4)
    )
    expected = [f"Row {at}. {LINE}" for at in range(4)]
    assert blocks(rows) == blocks(rows, entries=f"/Rotate {degrees}") == expected


def test_text_in_other_directions_follows_the_rest() -> None:
    """A stamp up the margin, upside-down text and a watermark across the page come after the text."""
    page = (
        turned(90, 30, 200, "archive 1234") + turned(45, 200, 300, "DRAFT only") + turned(180, 500, 100, "upside down")
    )
    assert blocks(lines(60, 780, [LINE, LINE]) + page) == [LINE, LINE, "archive 1234", "upside down", "DRAFT only"]


def test_invisible_text_is_read() -> None:
    """Text outside the crop box, white on white, invisible as OCR leaves it, or on a hidden layer is read."""
    made = Made()
    layer = made.add("<</Type/OCG/Name(Off)>>")
    made.root["OCProperties"] = f"<</OCGs[{layer} 0 R]/D<</OFF[{layer} 0 R]>>>>"
    content = (
        f"1 1 1 rg {shown(60, 700, 'white')} /OC /M BDC {shown(60, 600, 'layer')} EMC "
        f"{shown(60, 500, 'invisible', more='3 Tr')} {shown(560, 20, 'outside')}"
    )
    made.page(content, entries="/CropBox[50 50 500 800]", properties={"M": layer})
    assert text_of(made.bytes()).split("\n\n") == ["white", "layer", "invisible", "outside"]


def test_columns_are_read_one_by_one_with_headings_between_them() -> None:
    """A page has three columns, a heading across them, and three more columns."""
    parts = [(("AAA", "BBB", "CCC"), 770), (("DDD", "EEE", "FFF"), 570)]
    page = shown(60, 810, "Title over all", 18) + shown(60, 610, "The second part, over all of the columns", 14)
    for names, y in parts:
        page += "".join(column(x, y, f"{name} {PROSE}") for name, x in zip(names, (40, 225, 410), strict=True))
    columns = [[f"{name} {PROSE}" for name in names] for names, _ in parts]
    assert blocks(page) == ["# Title over all", *columns[0], "## The second part, over all of the columns", *columns[1]]


def test_a_short_heading_over_two_columns_divides_them() -> None:
    """Nothing is beside it."""
    page = shown(60, 600, "Second", 14)
    for x, name in ((60, "left"), (320, "right")):
        page += column(x, 780, f"{name} upper {PROSE}", 40) + column(x, 570, f"{name} lower {PROSE}", 40)
    upper, lower = ([f"{side} {part} {PROSE}" for side in ("left", "right")] for part in ("upper", "lower"))
    assert blocks(page) == [*upper, "# Second", *lower]


def test_a_sidebar_is_read_apart() -> None:
    """It does not come between the lines of the main text."""
    page = column(60, 780, PROSE, 60) + lines(450, 770, ["a note", "in the margin"], 8, 10)
    assert blocks(page)[0] == PROSE


def test_spaced_out_type_stays_a_word() -> None:
    """It stays one word although its letters are further apart than other words."""
    spaced = shown(60, 700, "LETTER SPACED", more="4 Tc") + shown(60, 600, "spread", more="2 Tc")
    assert blocks(spaced) == ["LETTER SPACED", "spread"]


def test_single_digits_stay_apart() -> None:
    """Gaps between digits are not letter-spacing."""
    assert blocks("".join(shown(60 + 14 * at, 700, figure) for at, figure in enumerate("123456"))) == ["1 2 3 4 5 6"]


def test_small_raised_digits_are_superscripts() -> None:
    """10 to the sixth is not 106; a lowered digit is plain; a note's mark is kept apart from the word."""
    page = (
        shown(60, 700, "area 10") + shown(97.4, 704, "6", 7) + shown(106, 700, "m") + shown(115.3, 704, "2", 7)
        + shown(60, 600, "H") + shown(68, 598, "2", 7) + shown(72, 600, "O with note") + shown(127.8, 604, "12", 7)
    )  # fmt: skip
    assert blocks(page) == ["area 10^6^ m^2^", "H2O with note^12^"]


def test_hyphenated_words_are_joined() -> None:
    """They are not before capitals or digits, or before a word that completes a hanging hyphen."""
    written = ["an exam-", "ple, the North-", "South line, 1990-", "1995, pre-", "and postwar times"]
    assert blocks(lines(60, 700, written)) == ["an example, the North-South line, 1990-1995, pre- and postwar times"]


def test_ligatures_and_symbols_are_read_by_their_meaning() -> None:
    """Ligatures become letters, Word's bullet from the Symbol font starts an item, and a soft hyphen is removed."""
    made = Made()
    page = "BT /F2 11 Tf 1 0 0 1 60 700 Tm <0102030405> Tj 1 0 0 1 60 600 Tm <0607> Tj ET" + shown(72, 600, "an item")
    codes = {1: "006F", 2: "FB03", 3: "0063", 4: "00AD", 5: "0065", 6: "F0B7", 7: "0020"}
    made.page(page, fonts={"F2": made.mapped(codes)})
    assert text_of(made.bytes()) == "office\n\n- an item"


def test_cjk_characters_get_no_spaces() -> None:
    """None are added between them or at a line's end; vertical writing is read from the right."""
    made = Made()
    written = "\u5951\u7d04\u66f8\u3067\u3059"
    font = made.mapped({at: f"{ord(char):04X}" for at, char in enumerate(written, 1)}, width=1000)
    rows = [
        f"BT /F2 12 Tf 1 0 0 1 60 {y} Tm <{row * 8}> Tj ET " for y, row in ((700, "0102030405"), (685, "0504030201"))
    ]
    stacked = "".join(f"BT /F2 12 Tf 1 0 0 1 300 {400 - 13 * at} Tm <{at:02}> Tj ET " for at in range(1, 6))
    made.page("".join(rows), fonts={"F2": font})
    made.page(stacked, fonts={"F2": font})
    first, *rest = text_of(made.bytes()).split("\n\n")
    assert first == written * 8 + written[::-1] * 8
    assert "".join(rest) == written


def test_right_to_left_text_is_read_in_reading_order() -> None:
    """It is stored in visual order, from the left, and contains digits, Latin words and brackets."""
    made = Made()
    letters = "\u05e9\u05dc\u05d5\u05dd"
    font = made.mapped({at: f"{ord(char):04X}" for at, char in enumerate(letters, 1)})
    page = (
        "BT /F2 11 Tf 1 0 0 1 400 700 Tm <04030201> Tj ET" + shown(366, 700, "2024") + shown(318, 700, "ABC Ltd")
        + "BT /F2 11 Tf 1 0 0 1 285 700 Tm <04030201> Tj ET"
    )  # fmt: skip
    made.page(page, fonts={"F2": font})
    assert text_of(made.bytes()) == f"{letters} 2024 ABC Ltd {letters}"


def test_lists_keep_their_marks() -> None:
    """Bullets become dashes, numbers stay, and a continuation line belongs to its item."""
    items = [
        "\x95 first",
        "\x95 second",
        "1. one that goes on and on, until the line is full of it and it must be",
        "broken here",
        "2. two",
        "1.1 Clause",
        "(a) letter",
    ]
    made = Made()
    made.page(lines(60, 700, items))
    assert text_of(made.bytes()).splitlines() == ["- first", "- second", f"{items[2]} {items[3]}", *items[4:]]


def test_headings_are_known_by_their_size() -> None:
    """The larger the type, the higher the level; body text is no heading."""
    page = shown(60, 800, "Report", 24) + shown(60, 760, "Chapter", 16) + column(60, 730, PROSE, 80)
    assert blocks(page + shown(60, 600, "Another", 16) + column(60, 570, PROSE, 80)) == [
        "# Report", "## Chapter", PROSE, "## Another", PROSE,
    ]  # fmt: skip


def test_dot_leaders_keep_their_page_number() -> None:
    """A table of contents keeps the number beside its entry."""
    page = "".join(
        shown(60, 700 - 16 * at, f"{name} {'. ' * 30}") + shown(500, 700 - 16 * at, str(at + 1))
        for at, name in enumerate(("Trade", "Ports", "Annex"))
    )
    assert text_of(one_page(page)).replace("\n\n", "\n").splitlines() == ["Trade ... 1", "Ports ... 2", "Annex ... 3"]


def test_declared_text_replaces_what_is_drawn() -> None:
    """A decorated initial, for example, is read as its letter."""
    assert blocks(f"/Span<</ActualText(real words)>>BDC {shown(60, 700, 'xxxx')} EMC") == ["real words"]


def test_all_words_of_ocr_are_read() -> None:
    """PDFium drops invisible one-letter words, and takes a line like the one above for its shadow."""
    made = Made()
    font = made.mapped({1: "0041", 2: "0062", 3: "0020"})
    pieces = ((700, "0202030202"), (685, "0202030202"), (600, "01"))
    content = "".join(f"BT 3 Tr /F2 12 Tf 1 0 0 1 60 {y} Tm <{codes}> Tj ET " for y, codes in pieces)
    made.page(content, fonts={"F2": font})
    assert "".join(text_of(made.bytes()).split()) == "bbbbbbbbA"


def test_a_number_that_touches_its_text_begins_an_item() -> None:
    """Some programs leave no gap after it."""
    items = ["1.Goods that are sold", "1.1Terms of others", "(a)Silence", "2.Warranty"]
    assert text_of(one_page(lines(60, 700, items))).splitlines() == items
