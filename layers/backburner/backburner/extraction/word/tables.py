"""Tables, including nested ones, as their cells, rows and ends are read."""

from dataclasses import dataclass, field

from backburner.extraction.word.blocks import Block, Blocks, Cell
from backburner.extraction.word.names import child, number, value
from backburner.extraction.xmltree import Element

_MAX_COLUMNS = 1000
"""More than Word allows in a row; a larger span is a mistake or an attack."""


@dataclass
class _Row:
    cells: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    is_deleted: bool = False
    cell: Cell = field(default_factory=Cell)
    span: int = 1
    is_cell_deleted: bool = False


@dataclass
class _Table:
    outer: Blocks
    rows: list[list[str]] = field(default_factory=list)
    row: _Row = field(default_factory=_Row)
    cells: int = 0
    first: Cell = field(default_factory=Cell)


class Tables:
    """The open tables, innermost last."""

    def __init__(self) -> None:
        self._open: list[_Table] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, name: str, blocks: Blocks) -> Blocks:
        """Begin a table, row or cell; returns where its blocks go."""
        if name == "tbl":
            self._open.append(_Table(blocks))
        elif self._open and name == "tr":
            self._open[-1].row = _Row()
        elif self._open:
            row = self._open[-1].row
            row.cell, row.span, row.is_cell_deleted = Cell(), 1, False
            return row.cell
        return blocks

    def end(self, name: str, blocks: Blocks) -> Blocks:
        """End a table, row or cell; returns where the next blocks go. Deleted rows and cells are left out."""
        if not self._open:
            return blocks
        table = self._open[-1]
        if name == "tc":
            self._end_cell(table)
        elif name == "tr" and not table.row.is_deleted and table.row.cells:
            table.rows.append([""] * table.row.before + table.row.cells + [""] * table.row.after)
        elif name == "tbl":
            self._open.pop()
            self._write(table)
        return table.outer if name != "tr" else blocks

    def apply_properties(self, properties: Element) -> None:
        """Apply `w:trPr` or `w:tcPr` to the open row or cell."""
        row = self._open[-1].row
        for name, attribute in (("gridBefore", "before"), ("gridAfter", "after"), ("gridSpan", "span")):
            if (found := child(properties, name)) is not None:
                setattr(row, attribute, min(number(value(found)) or 0, _MAX_COLUMNS))
        row.is_deleted = row.is_deleted or child(properties, "del") is not None
        row.is_cell_deleted = child(properties, "cellDel") is not None

    def _end_cell(self, table: _Table) -> None:
        row = table.row
        if row.is_cell_deleted:
            return
        row.cells += [row.cell.flat(), *[""] * (row.span - 1)]
        if not row.is_deleted:
            table.cells += 1
            table.first = row.cell if table.cells == 1 else Cell()

    def _write(self, table: _Table) -> None:
        """Write a table; one with a single cell is only a frame around its text."""
        if table.cells == 1:
            for block in table.first.blocks:
                table.outer.add(block)
        elif any(any(row) for row in table.rows):
            table.outer.add(Block("", rows=table.rows))
