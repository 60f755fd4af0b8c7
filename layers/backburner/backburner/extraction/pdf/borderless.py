"""Tables without rules: aligned rows and columns of cells."""

import statistics
from collections.abc import Sequence
from itertools import pairwise

from backburner.extraction.pdf.lines import joined, line_of
from backburner.extraction.pdf.words import Cells, Word

_PROSE_CHARS = 20
_PROSE_FILL = 0.65
_PROSE_WORDS = 3
_FEWEST_LINES = 3
_KEY_AND_VALUE = 2
_KEY_CHARS = 25
_ROWS_WITH_CELLS = 0.5


def table_of(band: Sequence[Sequence[Word]], cuts: Sequence[float], *, rtl: bool) -> Word | None:
    """The table, in place of a word, if rows cut at these positions form one; None if they are columns of text."""
    if any(word.table is not None for row in band for word in row):
        return None
    cells = [_cells(row, cuts) for row in band]
    used = [at for at in range(len(cells[0])) if any(row[at] for row in cells)]
    cells = [[row[at] for at in used] for row in cells]
    if len(used) == 1 or not _is_table(cells):
        return None
    words = [word for row in band for word in row]
    top, bottom = max(word.top for word in words), min(word.bottom for word in words)
    grown = _grown(cells, [_baseline(row) for row in band])
    return Word(
        "", min(word.x0 for word in words), max(word.x1 for word in words), bottom, (top - bottom) / 0.75,
        table=Cells([[joined(line_of(line, rtl=rtl).text for line in cell) for cell in row] for row in grown]),
    )  # fmt: skip


def _cells(row: Sequence[Word], cuts: Sequence[float]) -> list[list[Word]]:
    cells: list[list[Word]] = [[] for _ in range(len(cuts) + 1)]
    for word in row:
        cells[sum(cut < (word.x0 + word.x1) / 2 for cut in cuts)].append(word)
    return cells


def _is_table(rows: list[list[list[Word]]]) -> bool:
    columns = [[row[at] for row in rows if row[at]] for at in range(len(rows[0]))]
    prose = [_is_prose(column) for column in columns]
    several = sum(sum(map(bool, row)) > 1 for row in rows)
    if len(columns) > _KEY_AND_VALUE:
        return sum(prose) * 2 < len(columns) and several >= _ROWS_WITH_CELLS * len(rows)
    if not any(prose):
        return several >= _ROWS_WITH_CELLS * len(rows)
    if all(prose):
        return False
    keys, at = columns[prose.index(False)], prose.index(False)
    beside = sum(bool(row[1 - at]) for row in rows if row[at])
    chars = statistics.mean(sum(len(word.text) + 1 for word in key) for key in keys)
    return beside >= 0.9 * len(keys) and chars <= _KEY_CHARS and at == 0


def _is_prose(column: list[list[Word]]) -> bool:
    """Whether a column looks like running text: long lines that mostly fill it."""
    if len(column) < _FEWEST_LINES:
        return False
    widths = [cell[-1].x1 - cell[0].x0 for cell in column]
    chars = statistics.mean(sum(len(word.text) + 1 for word in cell) for cell in column)
    fill = statistics.mean(widths) / max(widths)
    words = statistics.mean(len(cell) for cell in column)
    return chars >= _PROSE_CHARS and fill >= _PROSE_FILL and words >= _PROSE_WORDS


def _grown(rows: list[list[list[Word]]], bases: list[float]) -> list[list[list[list[Word]]]]:
    """The lines of each cell: a row that follows closely with an empty first cell continues the row above."""
    pitches = [above - below for above, below in pairwise(bases)]
    least, widest = min(pitches, default=0.0), max(pitches, default=0.0)
    grown: list[list[list[list[Word]]]] = []
    for at, row in enumerate(rows):
        is_close = at > 0 and pitches[at - 1] <= 1.2 * least < widest
        lines = [[cell] if cell else [] for cell in row]
        if grown and not row[0] and is_close and sum(map(bool, row)) < len(row) - 1:
            grown[-1] = [above + below for above, below in zip(grown[-1], lines, strict=True)]
        else:
            grown.append(lines)
    return grown


def _baseline(row: Sequence[Word]) -> float:
    return statistics.median(word.baseline for word in row)
