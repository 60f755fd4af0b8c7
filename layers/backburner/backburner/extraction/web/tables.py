"""Tables of pages: a grid with merged cells, or a layout whose cells are read one after the other."""

from dataclasses import dataclass, field

from backburner.extraction.markdown import table

MAX_SPAN = 1_000
_MAX_CELLS = 2_000_000


@dataclass(slots=True)
class Cell:
    """A cell's blocks and how far it reaches."""

    blocks: list[str]
    columns: int
    rows: int

    @property
    def text(self) -> str:
        """Its blocks line by line; a table in it as one line for each of its rows."""
        return "\n".join(_flat(block) if block.startswith("| ") else block for block in self.blocks)


@dataclass
class Table:
    """A table as it is read."""

    rows: list[list[Cell]] = field(default_factory=list)
    has_heads: bool = False
    """Whether its author marked cells as heads: then it is no layout."""
    has_headings: bool = False
    height: int = 0
    """How many tables stand in each other in its cells at most."""

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
        is_nested = self.height > (1 if self.has_heads else 0)
        return is_nested or (not self.has_heads and (self.has_headings or widest <= 1))

    def _grid(self) -> list[list[str]]:
        """The texts where they stand; what a merged cell covers besides its first place is empty."""
        grid: list[list[str]] = []
        covered: dict[int, int] = {}
        places = 0
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
            places += len(row)
            if places > _MAX_CELLS:
                return [[cell.text for cell in cells] for cells in self.rows]
        return grid


def _skip_covered(row: list[str], covered: dict[int, int]) -> None:
    """Leave out the places that a cell further up covers."""
    while covered.get(len(row), 0):
        row.append("")


def span(value: str | None) -> int:
    """How many rows or columns an attribute says; 1 where it says nothing sensible."""
    if not value:
        return 1
    try:
        return min(max(int(value), 1), MAX_SPAN)
    except ValueError:
        return 1


def _flat(rows: str) -> str:
    """A pipe table without its pipes."""
    lines = (line.strip("|").strip() for line in rows.split("\n") if not line.startswith("| ---"))
    return "\n".join(line.replace(" | ", "; ") for line in lines)
