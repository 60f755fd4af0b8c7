"""A sheet's cells as Markdown: tables where cells are close together, notes for gaps, a list for scattered cells.

Empty areas take no memory, so a stray cell in the last row or column costs no more than any other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from backburner.errors import JobError, Reason
from backburner.extraction.child import MAX_TEXT_BYTES

MAX_BLANK_ROWS = 4
"""Up to this many empty rows stay in the table; more become a note, and a new table begins."""
MAX_BLANK_COLUMNS = 4
_SCATTERED_AREA = 5_000
_SCATTERED_SHARE = 10
"""A table larger than this with fewer than a tenth of its cells filled becomes a list."""
_LETTERS = 26


class Row(NamedTuple):
    """The non-empty cells of a row: the row's number, the columns' numbers (both from 1), and the texts.

    The texts are formatted by `markdown.cell`.
    """

    number: int
    columns: list[int]
    texts: list[str]


@dataclass
class Output:
    """Lines of text, limited to what a document may have."""

    lines: list[str] = field(default_factory=list)
    _chars: int = 0

    def add(self, line: str) -> None:
        """Add a line. Raises `JobError` if the text becomes too long."""
        self._chars += len(line) + 1
        if self._chars > MAX_TEXT_BYTES:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"more than {MAX_TEXT_BYTES} bytes of text: split it up")
        self.lines.append(line)

    def paragraph(self, line: str) -> None:
        """Add a line and an empty line."""
        self.add(line)
        self.add("")


def write_rows(rows: Sequence[Row], output: Output) -> None:
    """Write all rows, in ascending order, with notes for large gaps between them."""
    last = None
    for block in _blocks(_ordered(rows)):
        first = block[0].number
        if last is not None:
            output.paragraph(_gap("row", last + 1, first - 1))
        _write_block(block, output)
        last = block[-1].number


def column_name(column: int) -> str:
    """The letters of a column: 1 is A, 27 is AA."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, _LETTERS)
        letters = chr(ord("A") + rest) + letters
    return letters


@lru_cache(maxsize=20_000)
def column_number(reference: str) -> int:
    """The column of a reference such as B7; 0 if it has none."""
    number = 0
    for char in reference:
        if not ("A" <= char <= "Z" or "a" <= char <= "z"):
            break
        number = number * _LETTERS + ord(char.upper()) - ord("A") + 1
    return number


def _ordered(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows in ascending order and without duplicates, as they are in nearly every file."""
    if all(one.number < other.number for one, other in pairwise(rows)):
        return rows
    merged: dict[int, Row] = {}
    for row in rows:
        known = merged.setdefault(row.number, Row(row.number, [], []))
        known.columns.extend(row.columns)
        known.texts.extend(row.texts)
    return [merged[number] for number in sorted(merged)]


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in rows:
        if block and row.number - block[-1].number > MAX_BLANK_ROWS + 1:
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _write_block(block: list[Row], output: Output) -> None:
    columns, gaps = _columns({column for row in block for column in row.columns})
    cells = sum(len(row.columns) for row in block)
    area = len(columns) * (block[-1].number - block[0].number + 1)
    if area > _SCATTERED_AREA and area > _SCATTERED_SHARE * cells:
        _write_list(block, output)
        return
    for first, last in gaps:
        output.paragraph(_gap("column", first, last))
    positions = {column: position for position, column in enumerate(columns)}
    _write_table(block, positions, output)


def _columns(used: set[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """The columns of a table, from the first used one to the last, and the wide gaps left out."""
    ordered = sorted(used)
    columns, gaps = ordered[:1], []
    for last, column in pairwise(ordered):
        if column - last - 1 > MAX_BLANK_COLUMNS:
            gaps.append((last + 1, column - 1))
            columns.append(column)
        else:
            columns.extend(range(last + 1, column + 1))
    return columns, gaps


def _write_table(block: list[Row], positions: dict[int, int], output: Output) -> None:
    width = len(positions)
    blank = "| " + " | ".join([""] * width) + " |"
    last = block[0].number
    for row in block:
        for _ in range(row.number - last - 1):
            output.add(blank)
        last = row.number
        cells = [""] * width
        for column, text in zip(row.columns, row.texts, strict=True):
            position = positions[column]
            cells[position] = f"{cells[position]} {text}" if cells[position] else text
        output.add(f"| {' | '.join(cells)} |")
        if row is block[0]:
            output.add(f"| {' | '.join(['---'] * width)} |")
    output.add("")


def _write_list(block: list[Row], output: Output) -> None:
    for row in block:
        for column, text in sorted(zip(row.columns, row.texts, strict=True), key=lambda cell: cell[0]):
            output.add(f"- {column_name(column)}{row.number}: {text}")
    output.add("")


def _gap(what: str, first: int, last: int) -> str:
    names = [f"{number:,}" if what == "row" else column_name(number) for number in (first, last)]
    return f"[{what}s {names[0]} to {names[1]} are empty]"
