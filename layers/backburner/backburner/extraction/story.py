"""A stream of paragraphs and tables: the body, a header, a footnote or a text box."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from backburner.extraction.composition import Block, Runs, heading_label, joined, list_item
from backburner.extraction.markdown import heading, table


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is known about a paragraph when it ends."""

    heading_level: int | None = None
    label: str | None = None
    list_level: int = 0
    is_continued: bool = False
    """Whether it is a further paragraph of a list item, without a number of its own."""


@dataclass
class _Table:
    """A table being read."""

    rows: list[list[str]] = field(default_factory=list)
    edges: list[Sequence[int]] = field(default_factory=list)
    """For each row, where its cells end on the page; empty if unknown."""
    row: list[str] = field(default_factory=list)
    cell: list[Block] = field(default_factory=list)


class Story:
    """Blocks in reading order. Cells may contain tables: levels count from 1."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._tables: list[_Table] = []
        self._runs = Runs()
        self._boxes: list[Block] = []
        self._paragraphs = 0
        self.label: str | None = None
        """The number shown before the current paragraph."""
        self.in_row = False
        """Whether a table row is open."""

    def __len__(self) -> int:
        """The number of pieces in the current paragraph."""
        return len(self._runs)

    @property
    def position(self) -> tuple[int, int]:
        """The current position: paragraph and piece."""
        return self._paragraphs, len(self._runs)

    def link(self, start: tuple[int, int], address: str) -> None:
        """Link the current paragraph's text from a position on."""
        paragraph, first = start
        if paragraph == self._paragraphs:
            self._runs.link(first, address)

    def add(self, text: str, mark: str = "") -> None:
        """Append text to the current paragraph."""
        self._runs.add(text, mark)

    def box(self, blocks: list[Block]) -> None:
        """Add a text box, which follows the paragraph that it is anchored in."""
        self._boxes += blocks

    def end_paragraph(self, paragraph: Paragraph, level: int) -> None:
        """End a paragraph inside a table of this level, or outside any table (0)."""
        self._close_tables(level)
        self._append(self._block(paragraph, level), level)
        self._paragraphs += 1
        boxes, self._boxes = self._boxes, []
        for block in boxes:
            self._append(block, level)

    def end_cell(self, paragraph: Paragraph, level: int) -> None:
        """End a cell."""
        self.end_paragraph(paragraph, level)
        open_table = self._table(level)
        open_table.row.append(joined(open_table.cell))
        open_table.cell = []

    def end_row(self, level: int, edges: Sequence[int] = ()) -> None:
        """End a row. Where its cells end on the page aligns them with the cells of other rows."""
        self._close_tables(level)
        open_table = self._table(level)
        if open_table.cell:
            open_table.row.append(joined(open_table.cell))
        open_table.edges.append(edges)
        open_table.rows.append(open_table.row)
        open_table.row, open_table.cell = [], []

    def repeat_cell(self, times: int, level: int) -> None:
        """Repeat the last cell this many times."""
        row = self._table(level).row
        row += row[-1:] * times

    def empty_cells(self, times: int, level: int) -> None:
        """Add this many empty cells after the last one."""
        self._table(level).row.extend([""] * times)

    def repeat_row(self, times: int, level: int) -> None:
        """Repeat the last row this many times."""
        rows, edges = self._table(level).rows, self._table(level).edges
        rows += rows[-1:] * times
        edges += edges[-1:] * times

    def end_table(self, level: int) -> None:
        """End a table, so that the next row begins another."""
        self._close_tables(level - 1)

    def finish(self) -> list[Block]:
        """All blocks."""
        self.end_paragraph(Paragraph(), 0)
        return self._blocks

    def _block(self, paragraph: Paragraph, level: int) -> Block:
        text = self._runs.take()
        if not text:
            return Block("")
        if paragraph.heading_level is not None and not level:
            return Block(heading(paragraph.heading_level, f"{heading_label(paragraph.label)} {text}"))
        if paragraph.is_continued:
            return Block(f"{'  ' * (paragraph.list_level + 1)}{text}", is_list_item=True)
        if paragraph.label is not None:
            return list_item(paragraph.label, text, paragraph.list_level)
        return Block(text)

    def _append(self, block: Block, level: int) -> None:
        if block.text:
            (self._table(level).cell if level else self._blocks).append(block)

    def _table(self, level: int) -> _Table:
        while len(self._tables) < level:
            self._tables.append(_Table())
        return self._tables[level - 1]

    def _close_tables(self, level: int) -> None:
        """Finish the tables that cannot grow any more, and put them in their places."""
        while len(self._tables) > level:
            done = self._tables.pop()
            into = self._tables[-1].cell if self._tables else self._blocks
            if any(done.row):
                done.rows.append(done.row)
                done.edges.append(())
            into += table_blocks(aligned(done.rows, done.edges), is_nested=bool(self._tables))
            into += done.cell


def aligned(rows: list[list[str]], edges: list[Sequence[int]]) -> list[list[str]]:
    """Rows with their cells aligned by position: a wide cell is followed by empty ones."""
    grid = sorted({edge for row, ends in zip(rows, edges, strict=True) if len(row) == len(ends) for edge in ends})
    columns = [edge for edge, before in zip(grid, [-_FAR, *grid], strict=False) if edge - before > _MAX_GAP]
    if not columns or len(columns) > 2 * max(map(len, rows)):
        return rows
    return [
        _spread(row, ends, columns) if len(row) == len(ends) < len(columns) else row
        for row, ends in zip(rows, edges, strict=True)
    ]


def _spread(row: list[str], ends: Sequence[int], columns: list[int]) -> list[str]:
    spread = [""] * len(columns)
    for text, begin in zip(row, [-_FAR, *ends], strict=False):
        column = min(bisect_right(columns, begin + _MAX_GAP), len(columns) - 1)
        spread[column] = f"{spread[column]}\n{text}".strip("\n")
    return spread


def table_blocks(rows: list[list[str]], *, is_nested: bool) -> list[Block]:
    """A table; a single cell is only a frame around its text, and a table inside a cell is written line by line."""
    rows = [_trimmed(row) for row in rows]
    filled = [row for row in rows if any(row)]
    if sum(map(len, filled)) == 1:
        return [Block(filled[0][0])]
    if is_nested:
        return [Block("\n".join(" | ".join(" ".join(cell.split()) for cell in row) for row in filled))]
    return [Block(table(rows))] if filled else []


def _trimmed(row: list[str]) -> list[str]:
    last = next((count for count in range(len(row), 0, -1) if row[count - 1]), 0)
    return row[:last]


_FAR = 1 << 32
_MAX_GAP = 30
"""Twentieths of a point: edges this close are the same."""
