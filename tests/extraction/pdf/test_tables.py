"""Tables are read as tables, in their place, with or without rules."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from backburner.extraction.reading import read

from .made import Made, lines, one_page, shown

ROWS = (("Name", "Tons", "Port"), ("Anna", "12", "Riga"), ("Boris", "1500", "Oslo"), ("Celia", "3", "Hull"))
XS, YS = (60, 160, 260, 360), (700, 680, 660, 640, 620)
AS_MARKDOWN = (
    "| Name | Tons | Port |\n| --- | --- | --- |\n| Anna | 12 | Riga |\n| Boris | 1500 | Oslo |\n| Celia | 3 | Hull |"
)


def cells(rows: Sequence[Sequence[str]] = ROWS, xs: Sequence[int] = XS, ys: Sequence[int] = YS) -> str:
    """The text of a table's cells."""
    return "".join(
        shown(x + 5, y + 5, cell)
        for row, y in zip(rows, ys[1:], strict=False)
        for cell, x in zip(row, xs, strict=False)
    )


def rules(xs: Sequence[int] = XS, ys: Sequence[int] = YS) -> str:
    """A grid of lines."""
    flat = "".join(f"{xs[0]} {y} m {xs[-1]} {y} l S\n" for y in ys)
    return flat + "".join(f"{x} {ys[0]} m {x} {ys[-1]} l S\n" for x in xs)


def boxes() -> str:
    """A box around each cell."""
    return "".join(
        f"{x} {below} {right - x} {y - below} re S\n" for x, right in pairwise(XS) for y, below in pairwise(YS)
    )


def bars() -> str:
    """Rules drawn as thin filled boxes, as Word does."""
    flat = "".join(f"{XS[0]} {y} 300 0.5 re f\n" for y in YS)
    return flat + "".join(f"{x} {YS[-1]} 0.5 80 re f\n" for x in XS)


def beams() -> str:
    """Only three rules, as in books."""
    return "".join(f"60 {y} m 360 {y} l S\n" for y in (700, 680, 620))


@pytest.mark.parametrize(
    "drawn", [rules, boxes, bars, beams, lambda: ""], ids=["lines", "boxes", "bars", "beams", "none"]
)
def test_a_table_is_read_however_it_is_drawn(drawn: object) -> None:
    """It appears between the text above and below it."""
    page = shown(60, 760, "Above it.") + drawn() + cells() + shown(60, 560, "Below it.")
    assert read(one_page(page), "a.pdf").text == f"Above it.\n\n{AS_MARKDOWN}\n\nBelow it.\n"


def test_rules_within_a_placed_form_count() -> None:
    """Rules in a form XObject count after it is moved and scaled."""
    made = Made()
    entries = f"/Type/XObject/Subtype/Form/BBox[0 0 400 800]/Resources<</Font<</F1 {made.font} 0 R>>>>"
    form = made.stream(rules() + cells(), entries)
    made.page("q 1.2 0 0 1.2 30 -100 cm /X Do Q", xobjects={"X": form})
    assert read(made.bytes(), "a.pdf").text.strip() == AS_MARKDOWN


def test_merged_cells_have_their_text_once() -> None:
    """Horizontally or vertically merged; a pipe in a cell is escaped, and a two-line cell is one cell."""
    drawn = "".join(
        f"{x0} {y0} m {x1} {y1} l S\n"
        for x0, y0, x1, y1 in (
            (60, 700, 360, 700), (60, 670, 360, 670), (160, 640, 360, 640), (60, 610, 360, 610),
            (60, 610, 60, 700), (160, 610, 160, 670), (260, 610, 260, 670), (360, 610, 360, 700),
        )
    )  # fmt: skip
    text = shown(65, 680, "Head") + shown(65, 635, "Left") + lines(165, 658, ["a | long", "cell"], 10, 11)
    text += shown(265, 650, "2") + shown(165, 620, "c") + shown(265, 620, "4")
    table = "| Head |  |  |\n| --- | --- | --- |\n| Left | a \\| long cell | 2 |\n|  | c | 4 |"
    assert read(one_page(drawn + text), "a.pdf").text.strip() == table


def test_a_frame_is_not_a_table() -> None:
    """A rule under a heading is not one either, nor is a box around a paragraph."""
    frame = "40 40 500 760 re S 60 690 m 500 690 l S 50 600 200 60 re S\n"
    page = frame + shown(60, 700, "A heading.") + shown(60, 640, "In a box.") + shown(60, 500, "Plain text.")
    assert read(one_page(page), "a.pdf").text.strip() == "A heading.\n\nIn a box.\n\nPlain text."


def test_two_blocks_with_space_between_them_are_not_one_table() -> None:
    """On an invoice, the sender and number are separate from the items."""
    sold = (
        ("Pos", "Description", "Qty", "Price"),
        ("1", "Widget, blue", "2", "10.00"),
        ("2", "Gadget", "1", "1,250.00"),
    )
    page = lines(60, 800, ["ACME Ltd", "1 Road", "Town"]) + lines(400, 800, ["Invoice 17", "5 March 2024", "Page 1"])
    page += cells(sold, (60, 100, 350, 450), (700, 684, 668, 652))
    above, below = read(one_page(page), "a.pdf").text.strip().split("\n\n")
    assert above.splitlines()[0] == "| ACME Ltd | Invoice 17 |"
    assert below.splitlines()[0] == "| Pos | Description | Qty | Price |"
    assert below.splitlines()[-1] == "| 2 | Gadget | 1 | 1,250.00 |"


def test_a_grid_of_very_many_rules_is_a_drawing() -> None:
    """It is read quickly, and its text is kept."""
    grid = "".join(
        f"20 {20 + at * 0.4} m 570 {20 + at * 0.4} l S {20 + at * 0.3} 20 m {20 + at * 0.3} 800 l S\n"
        for at in range(1_800)
    )
    assert "Name" in read(one_page(grid + cells()), "a.pdf").text


def test_a_paragraph_below_a_table_is_not_a_row() -> None:
    """Even one that ends before the last column begins stays outside the table."""
    page = cells() + shown(65, 600, "All of this was paid in time.")
    assert read(one_page(page), "a.pdf").text.strip().split("\n\n") == [AS_MARKDOWN, "All of this was paid in time."]
