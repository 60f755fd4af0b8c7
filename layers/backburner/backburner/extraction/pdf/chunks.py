"""The stretches of a page's characters that stand on one line: what words are made of."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import lt, sub
from typing import Self

from backburner.extraction.pdf.characters import Characters, Style

_QUARTER = math.pi / 2
_OBLIQUE = math.radians(12)
"""Text at a larger angle than this to every side of the page is oblique, such as a watermark."""
_MAX_GAP = 2.5
_LINE_END = "\r"
"""What PDFium adds to the end of most lines."""
_LONG_LINE, _STEP, _SHORT = 512, 64, 16
"""Characters: within so many a line's end is looked for, and so many at a time are compared; fewer one by one."""


@dataclass(slots=True)
class Chunk:
    """Characters of one size on one line, in drawing order, with the start and end of each on the line."""

    quarter: int
    baseline: float
    size: float
    text: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)


def chunks_of(characters: Characters, oblique: list[str]) -> Iterator[Chunk]:
    """The chunks of a page; what stands obliquely is added to that list."""
    chunk: Chunk | None = None
    boxes = _Boxes.of(characters)
    lookup, line, index, is_along = _LineLookup(characters), _Line(), 0, False
    while index < len(characters.text):
        if chunk is not None and is_along and (last := boxes.along(index, chunk, lookup)) > index:
            boxes.add(chunk, index, last)  # most characters: upright, on the same line
            index = last
            continue
        char, left, right = characters.text[index], boxes.lefts[index], boxes.rights[index]
        top, bottom = boxes.tops[index], boxes.bottoms[index]
        index += 1
        if left == right and (top == bottom or char == " "):  # added by PDFium
            if line.is_oblique:
                oblique[-1] += char
            continue
        line = lookup.at(index - 1, top, bottom)
        is_along = line.quarter == 0 and not line.is_oblique
        if line.is_oblique:
            oblique += [] if oblique else [""]
            oblique[-1] += char
            continue
        x0, x1 = line.extent(left, bottom, right, top)
        if chunk is None or not _continues(chunk, line, x0, x1):
            if chunk is not None:
                yield chunk
            chunk = Chunk(line.quarter, line.baseline, line.size)
        chunk.text.append(char)
        chunk.starts.append(x0)
        chunk.ends.append(x1)
        chunk.indices.append(index - 1)
    if chunk is not None:
        yield chunk


@dataclass(slots=True)
class _Boxes:
    """The boxes of characters, side by side, so that a whole line of them is looked at in one go."""

    text: list[str]
    lefts: list[float]
    rights: list[float]
    tops: memoryview
    bottoms: memoryview
    joined: str
    broken: int = 0
    """Where a level stretch ends whose characters are compared one by one, since some are out of line."""

    @classmethod
    def of(cls, characters: Characters) -> Self:
        """The boxes of a page's characters."""
        boxes = characters.boxes
        tops, bottoms = (memoryview(boxes)[side::4] for side in (1, 3))
        text = characters.text
        return cls(text, boxes[0::4].tolist(), boxes[2::4].tolist(), tops, bottoms, "".join(text))

    def add(self, chunk: Chunk, first: int, last: int) -> None:
        """Add upright characters to their chunk."""
        chunk.text += self.text[first:last]
        chunk.starts += self.lefts[first:last]
        chunk.ends += self.rights[first:last]
        chunk.indices += range(first, last)

    def along(self, first: int, chunk: Chunk, lookup: "_LineLookup") -> int:
        """Where characters from `first` on stop to follow the chunk: upright, level with its last, not far from it.

        Only what certainly follows is told: the caller looks closer at the next one.
        """
        if self.tops[first] != lookup.top or self.bottoms[first] != lookup.bottom:
            return first
        size = lookup.line.size
        reach = _MAX_GAP * size
        start, end = chunk.starts[-1], chunk.ends[-1]
        last = max(self.broken, min(first + _SHORT, len(self.text)))
        if first >= self.broken and self._are_level(first, first + _SHORT) and 0 <= self.lefts[first] - end < reach:
            last = self._level(first)
            steps = list(map(sub, self.lefts[first + 1 : last], self.rights[first:last]))
            least, widest = min(steps, default=0.0), max(steps, default=0.0)
            if widest < reach and (least >= 0 or (least > -size and self._have_width(first, last))):
                return last
            self.broken = last
        for at in range(first, last):
            left, right = self.lefts[at], self.rights[at]
            if self.tops[at] != lookup.top or self.bottoms[at] != lookup.bottom:
                return at
            if not (0 <= left - end < reach or (left < right and -size < max(left - end, start - right) < reach)):
                return at
            start, end = left, right
        return last

    def _level(self, first: int) -> int:
        """Where the characters end that have this one's top and bottom, or before that at the end of a line."""
        last = self.joined.find(_LINE_END, first, first + _LONG_LINE)
        if last > first and self._are_level(first, last):
            return last
        last, step = first + 1, _STEP
        while step:
            if last + step <= len(self.text) and self._are_level(last - 1, last + step):
                last += step
            else:
                step //= 2
        return last

    def _are_level(self, first: int, last: int) -> bool:
        """Whether all of these characters have the same top and bottom."""
        ones, others = slice(first + 1, last), slice(first, last - 1)
        return self.tops[ones] == self.tops[others] and self.bottoms[ones] == self.bottoms[others]

    def _have_width(self, first: int, last: int) -> bool:
        return all(map(lt, self.lefts[first:last], self.rights[first:last]))


@dataclass(slots=True)
class _Line:
    """The line of a character."""

    quarter: int = 0
    baseline: float = 0.0
    size: float = 1.0
    is_oblique: bool = False

    @classmethod
    def of(cls, style: Style) -> Self:
        """The line of a character with this style."""
        quarter = round(style.angle / _QUARTER) % 4
        baseline = (style.y, -style.x, -style.y, style.x)[quarter]
        is_oblique = abs(math.remainder(style.angle, _QUARTER)) > _OBLIQUE
        return cls(quarter, baseline, style.size or 1.0, is_oblique)

    def extent(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float]:
        """The start and end of a box on the line."""
        return ((left, right), (bottom, top), (-right, -left), (-top, -bottom))[self.quarter]


@dataclass(slots=True)
class _LineLookup:
    """Looks up the lines of characters, only where they may have changed, because a lookup is expensive."""

    characters: Characters
    top: float = math.nan
    bottom: float = math.nan
    drawn: int = 0
    line: _Line = field(default_factory=_Line)

    def at(self, index: int, top: float, bottom: float) -> _Line:
        """The line of a character with this top and bottom."""
        if top != self.top or bottom != self.bottom:
            self.top, self.bottom = top, bottom
            drawn = self.characters.drawn_in(index)
            if not drawn or drawn != self.drawn:  # one operator draws on one line
                self.drawn, self.line = drawn, _Line.of(self.characters.style(index))
        return self.line


def _continues(chunk: Chunk, line: _Line, x0: float, x1: float) -> bool:
    size = line.size
    if chunk.quarter != line.quarter or abs(chunk.size - size) > 0.02 * size:
        return False
    # The gap to the right of the previous character, or to its left in right-to-left text.
    gap = max(x0 - chunk.ends[-1], chunk.starts[-1] - x1)
    return abs(chunk.baseline - line.baseline) <= 0.1 * size and -size < gap < _MAX_GAP * size
