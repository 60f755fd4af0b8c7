"""Tables with rules: a grid of rules, and the words inside its cells."""

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.lines import joined, line_of, rows_of
from backburner.extraction.pdf.words import Cells, Word

_NEAR = 2.5
"""Rules this close to each other meet, and positions this close are the same."""
_MAX_RULES = 1_500
_FEWEST_LINES = 3
_FEWEST_CELLS = 3
_MAX_CELLS = 40_000
_FEWEST_FILLED = 0.15
"""Minimum share of non-empty cells: a grid with fewer is a diagram."""


@dataclass
class _Grid:
    """Connected rules."""

    horizontal: list[Box]
    vertical: list[Box]

    def lines(self) -> tuple[list[float], list[float]]:
        """The positions of the lines, from left to right and from top to bottom; an open side is closed."""
        xs = [rule[0] for rule in self.vertical] + [min(h[0] for h in self.horizontal)]
        ys = [rule[1] for rule in self.horizontal] + [min(v[1] for v in self.vertical)]
        xs.append(max(rule[2] for rule in self.horizontal))
        ys.append(max(rule[3] for rule in self.vertical))
        return _distinct(xs), _distinct(ys)[::-1]


def with_tables(words: Sequence[Word], horizontal: Sequence[Box], vertical: Sequence[Box], *, rtl: bool) -> list[Word]:
    """The words of a page, with those inside a ruled table replaced by it."""
    if not (horizontal and vertical and words):
        return list(words)
    left = list(words)
    grids = _grids(_merged(horizontal, flat=True), _merged(vertical, flat=False))
    for grid in sorted(grids, key=_area):
        left = _with_table(left, grid, rtl=rtl)
    return left


def _with_table(words: list[Word], grid: _Grid, *, rtl: bool) -> list[Word]:
    xs, ys = grid.lines()
    if min(len(xs), len(ys)) < _FEWEST_LINES or (len(xs) - 1) * (len(ys) - 1) > _MAX_CELLS:
        return words
    inside: list[Word] = []
    outside: list[Word] = []
    for word in words:
        x, y = (word.x0 + word.x1) / 2, word.baseline + 0.25 * word.size
        (inside if xs[0] < x < xs[-1] and ys[-1] < y < ys[0] else outside).append(word)
    rows = _filled(inside, xs, ys, _owners(grid, xs, ys), rtl=rtl)
    width = sum(any(row[at] for row in rows) for at in range(len(xs) - 1))
    filled = sum(bool(cell) for row in rows for cell in row)
    height = sum(any(row) for row in rows)
    if min(width, height) == 1 or filled < max(_FEWEST_FILLED * width * height, _FEWEST_CELLS):
        return words
    table = Cells(_without_empty_columns(rows))
    return [*outside, *(_place(xs, above, below, table) for above, below in pairwise(ys))]


def _place(xs: list[float], above: float, below: float, table: Cells) -> Word:
    """A placeholder that keeps a table's row free of other text."""
    return Word("", xs[0], xs[-1], below + 0.2 * (above - below), (above - below) * 0.8, table=table)


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    used = [at for at in range(len(rows[0])) if any(row[at] for row in rows)]
    return [[row[at] for at in used] for row in rows if any(row)]


def _filled(
    words: list[Word], xs: list[float], ys: list[float], owners: dict[tuple[int, int], tuple[int, int]], *, rtl: bool
) -> list[list[str]]:
    """The text of each cell; a merged cell has it once, in its first cell."""
    cells: dict[tuple[int, int], list[Word]] = defaultdict(list)
    down = [-y for y in ys]
    for word in words:
        column = bisect.bisect(xs, (word.x0 + word.x1) / 2) - 1
        row = bisect.bisect(down, -(word.baseline + 0.25 * word.size)) - 1
        cells[owners[row, column]].append(word)
    return [[_text(cells[row, column], rtl=rtl) for column in range(len(xs) - 1)] for row in range(len(ys) - 1)]


def _text(words: list[Word], *, rtl: bool) -> str:
    inner = [cell for word in words if word.table is not None for row in word.table.rows for cell in row if cell]
    plain = [word for word in words if word.table is None]
    return " ".join([joined(line_of(row, rtl=rtl).text for row in rows_of(plain)), *dict.fromkeys(inner)]).strip()


def _owners(grid: _Grid, xs: list[float], ys: list[float]) -> dict[tuple[int, int], tuple[int, int]]:
    """For each cell, the first of the cells that it is merged with, as no rule separates them."""
    across = _covering(grid.vertical, xs, ys, at=lambda rule: rule[0], spans=lambda rule: (rule[1], rule[3]))
    along = _covering(grid.horizontal, ys, xs, at=lambda rule: rule[1], spans=lambda rule: (rule[0], rule[2]))
    owners: dict[tuple[int, int], tuple[int, int]] = {}
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            owner = row, column
            if column and (column, row) not in across:
                owner = owners[row, column - 1]
            elif row and (row, column) not in along and owners[row - 1, column][1] == column:
                owner = owners[row - 1, column]
            owners[row, column] = owner
    return owners


def _covering(
    rules: Iterable[Box],
    positions: list[float],
    steps: list[float],
    *,
    at: Callable[[Box], float],
    spans: Callable[[Box], tuple[float, float]],
) -> set[tuple[int, int]]:
    """The pairs of a line and a step beside which a rule runs."""
    found: set[tuple[int, int]] = set()
    middles = [(one + other) / 2 for one, other in pairwise(steps)]
    for rule in rules:
        line = min(range(len(positions)), key=lambda index: abs(positions[index] - at(rule)))
        first, last = spans(rule)
        found.update((line, step) for step, middle in enumerate(middles) if first < middle < last)
    return found


def _grids(horizontal: list[Box], vertical: list[Box]) -> Iterator[_Grid]:
    """Groups of rules that meet."""
    if len(horizontal) > _MAX_RULES or len(vertical) > _MAX_RULES:
        return
    owner = list(range(len(horizontal) + len(vertical)))

    def root(at: int) -> int:
        while owner[at] != at:
            owner[at] = owner[owner[at]]
            at = owner[at]
        return at

    horizontal.sort(key=lambda rule: rule[1])
    heights = [rule[1] for rule in horizontal]
    for number, (x, bottom, _, top) in enumerate(vertical, len(horizontal)):
        first, last = bisect.bisect_left(heights, bottom - _NEAR), bisect.bisect_right(heights, top + _NEAR)
        for at in range(first, last):
            if horizontal[at][0] - _NEAR <= x <= horizontal[at][2] + _NEAR:
                owner[root(at)] = root(number)
    groups: dict[int, _Grid] = defaultdict(lambda: _Grid([], []))
    for at, rule in enumerate(horizontal):
        groups[root(at)].horizontal.append(rule)
    for at, rule in enumerate(vertical, len(horizontal)):
        groups[root(at)].vertical.append(rule)
    yield from (group for group in groups.values() if len(group.horizontal) > 1 and group.vertical)


def _merged(rules: Iterable[Box], *, flat: bool) -> list[Box]:
    """The pieces of a rule joined into one."""
    order = sorted(rules, key=lambda rule: (round(rule[1]), rule[0]) if flat else (round(rule[0]), rule[1]))
    merged: list[Box] = []
    for rule in order:
        if merged and _continues(merged[-1], rule, flat=flat):
            before = merged[-1]
            merged[-1] = before[0], before[1], max(before[2], rule[2]), max(before[3], rule[3])
        else:
            merged.append(rule)
    return merged


def _continues(before: Box, rule: Box, *, flat: bool) -> bool:
    if flat:
        return abs(before[1] - rule[1]) <= 1 and rule[0] <= before[2] + _NEAR
    return abs(before[0] - rule[0]) <= 1 and rule[1] <= before[3] + _NEAR


def _distinct(positions: Iterable[float]) -> list[float]:
    found: list[float] = []
    for position in sorted(positions):
        if not found or position - found[-1] > _NEAR:
            found.append(position)
    return found


def _area(grid: _Grid) -> float:
    xs, ys = grid.lines()
    return (xs[-1] - xs[0]) * (ys[0] - ys[-1])
