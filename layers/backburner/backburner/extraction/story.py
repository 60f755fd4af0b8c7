"""A stream of paragraphs and tables: the body, a header, a footnote, a text box, each is one."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from backburner.extraction.composition import Block, Runs, heading_label, item, joined
from backburner.extraction.markdown import heading, table


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is known of a paragraph when it ends."""

    heading_level: int | None = None
    label: str | None = None
    list_level: int = 0
    is_continued: bool = False
    """Whether it is a further paragraph of an item, under the item's number."""


@dataclass
class _Table:
    """A table that is being read."""

    rows: list[list[str]] = field(default_factory=list)
    edges: list[Sequence[int]] = field(default_factory=list)
    """Of each row, where its cells end on the page; nothing where that is not known."""
    row: list[str] = field(default_factory=list)
    cell: list[Block] = field(default_factory=list)


class Story:
    """Blocks in the order of reading. Tables may stand in the cells of tables: levels count from 1."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._tables: list[_Table] = []
        self._runs = Runs()
        self._boxes: list[Block] = []
        self._paragraphs = 0
        self.label: str | None = None
        """The number that is written before the current paragraph."""
        self.in_row = False
        """Whether a row of a table is open."""

    def __len__(self) -> int:
        """Pieces of the current paragraph."""
        return len(self._runs)

    @property
    def here(self) -> tuple[int, int]:
        """A place: paragraph and piece."""
        return self._paragraphs, len(self._runs)

    def link(self, begins: tuple[int, int], address: str) -> None:
        """What stands behind a place of the current paragraph leads somewhere."""
        paragraph, first = begins
        if paragraph == self._paragraphs:
            self._runs.link(first, address)

    def add(self, text: str, mark: str = "") -> None:
        """Text of the current paragraph."""
        self._runs.add(text, mark)

    def box(self, blocks: list[Block]) -> None:
        """What stands in a text box: it follows the paragraph that it is anchored in."""
        self._boxes += blocks

    def end_paragraph(self, paragraph: Paragraph, level: int) -> None:
        """A paragraph ends that stands in a table of a level; 0 is none."""
        self._close_tables(level)
        self._append(self._block(paragraph, level), level)
        self._paragraphs += 1
        boxes, self._boxes = self._boxes, []
        for block in boxes:
            self._append(block, level)

    def end_cell(self, paragraph: Paragraph, level: int) -> None:
        """A cell ends."""
        self.end_paragraph(paragraph, level)
        open_table = self._table(level)
        open_table.row.append(joined(open_table.cell))
        open_table.cell = []

    def end_row(self, level: int, edges: Sequence[int] = ()) -> None:
        """A row ends. Where its cells end on the page says under which ones of other rows they stand."""
        self._close_tables(level)
        open_table = self._table(level)
        if open_table.cell:
            open_table.row.append(joined(open_table.cell))
        open_table.edges.append(edges)
        open_table.rows.append(open_table.row)
        open_table.row, open_table.cell = [], []

    def repeat_cell(self, times: int, level: int) -> None:
        """The cell that ended stands there so many times more."""
        row = self._table(level).row
        row += row[-1:] * times

    def empty_cells(self, times: int, level: int) -> None:
        """So many empty cells behind the one that ended."""
        self._table(level).row.extend([""] * times)

    def repeat_row(self, times: int, level: int) -> None:
        """The row that ended stands there so many times more."""
        rows, edges = self._table(level).rows, self._table(level).edges
        rows += rows[-1:] * times
        edges += edges[-1:] * times

    def end_table(self, level: int) -> None:
        """A table ends: the next one is another."""
        self._close_tables(level - 1)

    def finish(self) -> list[Block]:
        """The whole of it."""
        self.end_paragraph(Paragraph(), 0)
        return self._blocks

    def _block(self, paragraph: Paragraph, level: int) -> Block:
        text = self._runs.take()
        if not text:
            return Block("")
        if paragraph.heading_level is not None and not level:
            return Block(heading(paragraph.heading_level, f"{heading_label(paragraph.label)} {text}"))
        if paragraph.is_continued:
            return Block(f"{'  ' * (paragraph.list_level + 1)}{text}", is_item=True)
        if paragraph.label is not None:
            return item(paragraph.label, text, paragraph.list_level)
        return Block(text)

    def _append(self, block: Block, level: int) -> None:
        if block.text:
            (self._table(level).cell if level else self._blocks).append(block)

    def _table(self, level: int) -> _Table:
        while len(self._tables) < level:
            self._tables.append(_Table())
        return self._tables[level - 1]

    def _close_tables(self, level: int) -> None:
        """Tables within which nothing more comes are put where they stand."""
        while len(self._tables) > level:
            done = self._tables.pop()
            into = self._tables[-1].cell if self._tables else self._blocks
            if any(done.row):
                done.rows.append(done.row)
                done.edges.append(())
            into += table_blocks(aligned(done.rows, done.edges), is_nested=bool(self._tables))
            into += done.cell


def aligned(rows: list[list[str]], edges: list[Sequence[int]]) -> list[list[str]]:
    """Rows whose cells stand under those that begin at the same place: a wide one has empty cells behind it."""
    grid = sorted({edge for row, ends in zip(rows, edges, strict=True) if len(row) == len(ends) for edge in ends})
    columns = [edge for edge, before in zip(grid, [-_FAR, *grid], strict=False) if edge - before > _SAME_PLACE]
    if not columns or len(columns) > 2 * max(map(len, rows)):
        return rows
    return [
        _spread(row, ends, columns) if len(row) == len(ends) < len(columns) else row
        for row, ends in zip(rows, edges, strict=True)
    ]


def _spread(row: list[str], ends: Sequence[int], columns: list[int]) -> list[str]:
    spread = [""] * len(columns)
    for text, begin in zip(row, [-_FAR, *ends], strict=False):
        place = min(bisect_right(columns, begin + _SAME_PLACE), len(columns) - 1)
        spread[place] = f"{spread[place]}\n{text}".strip("\n")
    return spread


def table_blocks(rows: list[list[str]], *, is_nested: bool) -> list[Block]:
    """A table; one of a single cell is only a frame around its text, one in a cell is written line by line."""
    rows = [_trimmed(row) for row in rows]
    filled = [row for row in rows if any(row)]
    if sum(map(len, filled)) == 1:
        return [Block(filled[0][0])]
    if is_nested:
        return [Block("\n".join(" | ".join(" ".join(cell.split()) for cell in row) for row in filled))]
    return [Block(table(rows))] if filled else []


def _trimmed(row: list[str]) -> list[str]:
    last = next((place for place in range(len(row), 0, -1) if row[place - 1]), 0)
    return row[:last]


_FAR = 1 << 32
_SAME_PLACE = 30
"""Twentieths of a point: edges that are so near are one."""
