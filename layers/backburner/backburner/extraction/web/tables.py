"""HTML tables: a grid with merged cells, or a layout whose cells are read one after another."""

from dataclasses import dataclass, field

from backburner.extraction.markdown import table

MAX_SPAN = 1_000
_MAX_CELLS = 2_000_000


@dataclass(slots=True)
class Cell:
    """A cell's blocks and its spans."""

    blocks: list[str]
    columns: int
    rows: int

    @property
    def text(self) -> str:
        """Its blocks line by line, with a table inside it as one line per row."""
        return "\n".join(_flat(block) if block.startswith("| ") else block for block in self.blocks)


@dataclass
class Table:
    """A table being read."""

    rows: list[list[Cell]] = field(default_factory=list)
    has_header_cells: bool = False
    """Whether it has header cells, so that it is not a layout table."""
    has_headings: bool = False
    nesting: int = 0
    """How deep tables are nested in its cells."""

    def markdown(self) -> list[str]:
        """The table as blocks."""
        if self._is_layout():
            return [block for row in self.rows for cell in row for block in cell.blocks]
        grid = self._grid()
        width = max(map(len, grid), default=0)
        if width * len(grid) > _MAX_CELLS:
            return [" | ".join(row) for row in grid]
        written = table(grid).rstrip("\n")
        return [written] if written else []

    def _is_layout(self) -> bool:
        widest = max((sum(cell.columns for cell in row) for row in self.rows), default=0)
        is_nested = self.nesting > (1 if self.has_header_cells else 0)
        return is_nested or (not self.has_header_cells and (self.has_headings or widest <= 1))

    def _grid(self) -> list[list[str]]:
        """The texts by position; cells covered by a merged cell are empty."""
        grid: list[list[str]] = []
        covered: dict[int, int] = {}
        count = 0
        for cells in self.rows:
            row: list[str] = []
            below: dict[int, int] = {}
            for cell in cells:
                _skip_covered(row, covered)
                for column in range(cell.columns):
                    if cell.rows > 1:
                        below[len(row)] = cell.rows - 1
                    row.append(cell.text if not column else "")
            _skip_covered(row, covered)
            covered = {column: left - 1 for column, left in covered.items() if left > 1} | below
            grid.append(row)
            count += len(row)
            if count > _MAX_CELLS:
                return [[cell.text for cell in cells] for cells in self.rows]
        return grid


def _skip_covered(row: list[str], covered: dict[int, int]) -> None:
    """Add empty cells where a cell above spans into this row."""
    while covered.get(len(row), 0):
        row.append("")


def span(value: str | None) -> int:
    """The number of rows or columns in an attribute; 1 if it is not a sensible number."""
    if not value:
        return 1
    try:
        return min(max(int(value), 1), MAX_SPAN)
    except ValueError:
        return 1


def _flat(rows: str) -> str:
    """A pipe table without pipes."""
    lines = (line.strip("|").strip() for line in rows.split("\n") if not line.startswith("| ---"))
    return "\n".join(line.replace(" | ", "; ") for line in lines)
