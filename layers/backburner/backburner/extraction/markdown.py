"""The Markdown that all readers write: one form for tables, notes and headings."""

from collections.abc import Iterable, Sequence

MAX_HEADING_LEVEL = 6
TICKED, UNTICKED = "☒", "☐"
"""A check box or a choice in a form, in any format."""


def heading(level: int, text: str) -> str:
    """A heading of level 1 to 6; deeper levels become 6. White space and line breaks become single spaces."""
    return f"{'#' * min(max(level, 1), MAX_HEADING_LEVEL)} {' '.join(text.split())}"


def table(rows: Iterable[Sequence[str]]) -> str:
    """A pipe table whose first row is the header; rows are padded to the widest, empty ones at the end dropped."""
    cells = [[cell(text) for text in row] for row in rows]
    while cells and not any(cells[-1]):
        cells.pop()
    width = max(map(len, cells), default=0)
    if not width:
        return ""
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in cells]
    lines.insert(1, f"| {' | '.join(['---'] * width)} |")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text made fit for a table cell: pipes escaped, line breaks as `<br>`."""
    if text.isalnum():
        return text
    lines = (" ".join(line.split()) for line in text.replace("|", "\\|").splitlines())
    return "<br>".join(line for line in lines if line)


def counted(number: int, noun: str) -> str:
    """A number of things in a note: "1 formula", "2 formulas"."""
    return f"{number} {noun}{'s' * (number != 1)}"


def missing(note: str) -> str:
    """A note, as it appears in the text where something is missing."""
    return f"[{note}]"
