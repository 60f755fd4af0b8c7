"""Reading order: columns one after another, what spans them before or after, tables as a whole."""

import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from backburner.extraction.pdf.borderless import table_of
from backburner.extraction.pdf.lines import rows_of
from backburner.extraction.pdf.words import Word

_NARROWEST = 0.7
"""A share of the font size: the minimum width of a gap between columns, which must last for `_FEWEST_ROWS` rows."""
_FEWEST_ROWS = 3
_WIDE = 1.4
"""A gap this wide only needs to last for two rows."""
_MAX_DEPTH = 12
_MAX_GUTTERS = 60
_HEADING = 1.12
_SAME = 0.06
_CLOSE = 1.6
_SET_OFF = 1.3
_PART = 2.5
"""A multiple of the usual row distance: rows further apart do not belong to the same table."""
_MARKER = re.compile(
    r"[\u2022\u25cf\u25cb\u25a0\u25a1\u25aa\u25ab\u25e6\u2023\u2043\u2219\u00b7\u2756\u27a2\u2610-\u2612\u2713*\u2013\u2014-]"
    r"|\(?(?:\d{1,3}|[ivxlcIVXLC]{1,5}|[A-Za-z])[.)]|(?:\d{1,3}\.)+\d{0,3}\.?|\u00a7+|\[\d+\]|\^\d+\^|\[[ x]\]|\([ x]\)"
)
"""Bullets, numbers and boxes before list items: what follows them is not a separate column."""


@dataclass(slots=True)
class Gutter:
    """White space between columns: from x0 to x1, in the rows from first to last."""

    x0: float
    x1: float
    first: int
    last: int

    @property
    def middle(self) -> float:
        """The position of the cut."""
        return (self.x0 + self.x1) / 2


Rows = list[list[Word]]


@dataclass(frozen=True)
class Area:
    """An area to be split into columns: its right edge, and whether it is read from the right."""

    right: float
    rtl: bool
    depth: int = 0


@dataclass(frozen=True)
class Region:
    """Rows of text read one after another, and their right edge."""

    rows: Rows
    right: float


def regions(words: Sequence[Word], area: Area) -> Iterator[Region]:
    """The regions of a page or a column, in reading order."""
    rows = rows_of(words)
    gutter = _best(rows) if area.depth < _MAX_DEPTH else None
    if gutter is None:
        yield Region(rows, area.right)
        return
    inner = replace(area, depth=area.depth + 1)
    band = rows[gutter.first : gutter.last + 1]
    parts = _tables(band, gutter, area)
    if parts is None:
        gutter = _grown(gutter, rows)
        band = rows[gutter.first : gutter.last + 1]
    if gutter.first:
        yield from regions(_all(rows[: gutter.first]), inner)
    yield from _columns(band, gutter, inner) if parts is None else _one_by_one(parts, inner)
    if gutter.last + 1 < len(rows):
        yield from regions(_all(rows[gutter.last + 1 :]), inner)


def _all(rows: Rows) -> list[Word]:
    return [word for row in rows for word in row]


def _tables(band: Rows, gutter: Gutter, area: Area) -> list[Word | Rows] | None:
    """The parts of a band, with tables in place of words; None if there are no tables."""
    found: list[Word | Rows] = []
    for part in _split_at_gaps(band):
        core, *tail = _without_tail(part, gutter) if _table(part, gutter, area) else [part]
        found += [_table(core, gutter, area) or core, *tail]
    return found if any(isinstance(one, Word) for one in found) else None


def _table(part: Rows, gutter: Gutter, area: Area) -> Word | None:
    return table_of(part, [one.middle for one in _parallel(part, gutter)], rtl=area.rtl)


def _without_tail(part: Rows, gutter: Gutter) -> Iterator[Rows]:
    """A part, and separately the paragraph below it, if that is set off or wider than the column it would be in."""
    tops = [max(word.top for word in row) for row in part]
    steps = [above - below for above, below in pairwise(tops)]
    max_step = _SET_OFF * statistics.median_low(steps) if steps else 0.0
    sides = [[word.x1 for word in row if word.x1 <= gutter.middle] for row in part]
    widest = max(
        (max(side) for side, row in zip(sides, part, strict=True) if len(side) < len(row) and side), default=0.0
    )
    last = len(part)
    while last > 1 and len(sides[last - 1]) == len(part[last - 1]):
        if steps[last - 2] <= max_step and max(sides[last - 1]) <= widest:
            break
        last -= 1
    yield part[:last]
    if part[last:]:
        yield part[last:]


def _one_by_one(parts: list[Word | Rows], area: Area) -> Iterator[Region]:
    for part in parts:
        if isinstance(part, Word):
            yield Region([[part]], area.right)
        else:
            yield from regions(_all(part), area)


def _columns(band: Rows, gutter: Gutter, area: Area) -> Iterator[Region]:
    for part in _split_at_headings(band, gutter):
        words = _all(part)
        left_side = [word for word in words if word.x1 <= gutter.middle]
        right_side = [word for word in words if word.x1 > gutter.middle]
        for side, limit in ((left_side, gutter.x0), (right_side, area.right)):
            if side:
                yield from regions(side, replace(area, right=limit))


def _grown(gutter: Gutter, rows: Rows) -> Gutter:
    """A gutter extended to the lines above it that belong to its left column, as their paragraph continues there."""
    first = gutter.first
    while first and all(word.x1 <= gutter.x0 for word in rows[first - 1]):
        above, below = rows[first - 1][0], rows[first][0]
        if abs(above.size - below.size) > _SAME * below.size or above.baseline - below.baseline > _CLOSE * below.size:
            break
        first -= 1
    return replace(gutter, first=first)


def _parallel(band: Rows, gutter: Gutter) -> list[Gutter]:
    """The gutters that run through most of a band."""
    size = _size(band)
    found = [one for one in _gutters(band, size) if one.last - one.first + 1 >= 0.75 * len(band)]
    kept: list[Gutter] = []
    for one in sorted(found, key=lambda one: (-(one.last - one.first), one.x0)):
        if all(one.x1 <= other.x0 or one.x0 >= other.x1 for other in kept):
            kept.append(one)
    if not any(one.x0 < gutter.x1 and gutter.x0 < one.x1 for one in kept):
        kept.append(replace(gutter, first=0, last=len(band) - 1))
    return sorted(kept, key=lambda one: one.x0)


def _split_at_gaps(band: Rows) -> list[Rows]:
    """The parts of a band with much white space between them, as between two tables."""
    tops = [max(word.top for word in row) for row in band]
    steps = [above - below for above, below in pairwise(tops)]
    max_step = _PART * statistics.median_low(steps) if steps else 0.0
    cuts = [at for at, step in enumerate(steps, 1) if step > max_step]
    return [band[first:last] for first, last in pairwise([0, *cuts, len(band)])]


def _split_at_headings(band: Rows, gutter: Gutter) -> Iterator[Rows]:
    """The parts of a band, split before headings in the left column with nothing beside them."""
    size, part = _size(band), Rows()
    for at, row in enumerate(band):
        is_left = all(word.x1 <= gutter.middle for word in row)
        is_large = max(word.size for word in row) >= _HEADING * size
        if is_left and is_large and part and _is_alone(band, at, gutter):
            yield part
            part = []
        part.append(row)
    yield part


def _is_alone(band: Rows, at: int, gutter: Gutter) -> bool:
    """Whether the right side is empty for two lines around a row."""
    size = _size(band)
    top, bottom = max(word.top for word in band[at]) + size, min(word.bottom for word in band[at]) - size
    near = (word for row in band[max(at - 3, 0) : at + 4] for word in row if word.x1 > gutter.middle)
    return not any(word.bottom < top and word.top > bottom for word in near)


def _best(rows: Rows) -> Gutter | None:
    """The gutter through the most rows, the widest of several."""
    if len(rows) == 1:
        return None
    found = _gutters(rows, _size(rows))
    return max(found, key=lambda one: (one.last - one.first, one.x1 - one.x0), default=None)


def _size(rows: Rows) -> float:
    return statistics.median(word.size for row in rows for word in row if word.table is None or len(row) == 1)


def _gutters(rows: Rows, size: float) -> list[Gutter]:
    """Gutters: white space through consecutive rows, with text on both sides."""
    min_width = _NARROWEST * size
    active: list[Gutter] = []
    found: list[Gutter] = []
    for at, row in enumerate(rows):
        free = _free(row, min_width)
        going: list[Gutter] = []
        for gutter in active:
            pieces = _pieces(gutter, free, min_width)
            if pieces:
                going += [Gutter(x0, x1, gutter.first, at) for x0, x1 in pieces]
            else:
                found.append(gutter)
        for x0, x1 in free[1:-1]:
            if not any(one.x0 >= x0 and one.x1 <= x1 for one in going):
                going.append(Gutter(x0, x1, at, at))
        active = going[:_MAX_GUTTERS]
    trimmed = (_trimmed(gutter, rows, size) for gutter in found + active)
    return [gutter for gutter in trimmed if gutter is not None]


def _free(row: Sequence[Word], min_width: float) -> list[tuple[float, float]]:
    """The intervals of a row not covered by words: those at its ends, and between them those of some width."""
    free: list[tuple[float, float]] = []
    edge, before = -1e9, row[0]
    for word in row:
        x0, x1 = word.x0, word.x1
        if x0 > edge and not (free and (x0 - edge < min_width or word.is_tied or _is_leader(before))):
            free.append((edge, x0))
        edge, before = max(edge, x1), word
    return [*free, (edge, 1e9)]


def _is_leader(word: Word) -> bool:
    """Whether it is a dot leader, which belongs to its number as labels do to their field."""
    return not word.text.strip(".") and word.table is None


def _pieces(gutter: Gutter, free: list[tuple[float, float]], min_width: float) -> list[tuple[float, float]]:
    pieces = ((max(gutter.x0, x0), min(gutter.x1, x1)) for x0, x1 in free if x1 > gutter.x0 and x0 < gutter.x1)
    return [(x0, x1) for x0, x1 in pieces if x1 - x0 >= min_width]


def _trimmed(gutter: Gutter, rows: Rows, size: float) -> Gutter | None:
    """A gutter without the headings at its end; None if it does not separate columns."""
    sides = [_sides(row, gutter.middle) for row in rows[gutter.first : gutter.last + 1]]
    while sides and not all(sides[-1]) and max(word.size for word in rows[gutter.last]) >= _HEADING * size:
        sides.pop()
        gutter = replace(gutter, last=gutter.last - 1)
    left = [side[0] for side in sides if side[0] is not None]
    right = [side[1] for side in sides if side[1] is not None]
    width = gutter.x1 - gutter.x0
    fewest = 2 if width >= _WIDE * size else _FEWEST_ROWS
    if min(len(left), len(right)) < fewest:
        return None
    return None if all(_MARKER.fullmatch(word.text) for word in left) else gutter


def _sides(row: Sequence[Word], middle: float) -> tuple[Word | None, Word | None]:
    """The words before and after a gutter."""
    before = [word for word in row if word.x1 <= middle]
    after = [word for word in row if word.x1 > middle]
    return (before[-1] if before else None), (after[0] if after else None)
