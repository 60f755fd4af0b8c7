"""Groups characters into words, in the coordinates of their own direction, however a page or text is rotated."""

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from backburner.extraction.pdf.characters import Characters, Style
from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.letters import Glyph, in_logical_order, is_cjk, is_rtl, replace_unreadable, tidied

_QUARTER = math.pi / 2
_OBLIQUE = math.radians(12)
"""Text at a larger angle than this to every side of the page is oblique, such as a watermark."""
_SPACES = "\\s\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_SPACE, _PRINTED = re.compile(f"[{_SPACES}]"), re.compile(f"[^{_SPACES}]+")
_WORD_GAP = 0.1
"""A share of the font size: a wider gap separates words in text without spaces."""
_WORD_GAP_WITH_SPACES = 0.2
"""The same in a line that has spaces."""
_CJK_GAP = 0.6
_MAX_GAP = 2.5
_LETTERSPACED = 0.08
_MAX_LETTERSPACED = 0.4
_FEWEST_LETTERSPACED = 5


@dataclass(slots=True, eq=False)
class Word:
    """A word on its line; x grows in the writing direction, y upwards, however the page is rotated."""

    text: str
    x0: float
    x1: float
    baseline: float
    size: float
    is_spaced: bool = False
    """Whether there is a space before it."""
    is_tied: bool = False
    """Whether it belongs to the word before it on its line, as the value of a field does."""
    table: "Cells | None" = None
    """The table, if this stands for one."""

    @property
    def top(self) -> float:
        """About the height of capitals."""
        return self.baseline + 0.75 * self.size

    @property
    def bottom(self) -> float:
        """About the depth of descenders."""
        return self.baseline - 0.2 * self.size


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a table."""

    rows: list[list[str]]


@dataclass
class PageWords:
    """The words of a page by direction (quarter turns, anticlockwise), and its oblique text."""

    words: dict[int, list[Word]] = field(default_factory=lambda: defaultdict(list))
    oblique: list[str] = field(default_factory=list)

    @property
    def quarter(self) -> int:
        """The direction of most of the text."""
        return max(self.words, key=lambda quarter: sum(len(word.text) for word in self.words[quarter]), default=0)


@dataclass(slots=True)
class _Chunk:
    """Characters of one size on one line, in drawing order."""

    quarter: int
    baseline: float
    size: float
    glyphs: list[Glyph] = field(default_factory=list)


def words_of(characters: Characters) -> PageWords:
    """The words of a page."""
    page_words = PageWords()
    replace_unreadable(characters)
    for chunk in _chunks(characters, page_words):
        page_words.words[chunk.quarter].extend(_words(chunk, characters))
    return page_words


def rotated(box: Box, quarter: int) -> Box:
    """A page's box in the coordinates of a direction."""
    left, bottom, right, top = box
    match quarter:
        case 1:
            return bottom, -right, top, -left
        case 2:
            return -right, -top, -left, -bottom
        case 3:
            return -top, left, -bottom, right
    return box


def _chunks(characters: Characters, page_words: PageWords) -> Iterator[_Chunk]:
    chunk: _Chunk | None = None
    style_top = style_bottom = math.nan
    lookup, line, end, reach = _LineLookup(characters), _Line(), math.inf, 0.0
    boxes = characters.boxes
    for index, (char, left, top, right, bottom) in enumerate(
        zip(characters.text, boxes[0::4], boxes[1::4], boxes[2::4], boxes[3::4], strict=True)
    ):
        if top == style_top and bottom == style_bottom and 0 <= left - end < reach and chunk is not None:
            chunk.glyphs.append((left, right, char, index))  # most characters: upright, on the same line
            end = right
            continue
        if left == right and (top == bottom or char == " "):  # added by PDFium
            if line.is_oblique:
                page_words.oblique[-1] += char
            continue
        style_top, style_bottom = top, bottom
        line = lookup.at(index, top, bottom)
        if line.is_oblique:
            page_words.oblique += [] if page_words.oblique else [""]
            page_words.oblique[-1] += char
            end = math.inf
            continue
        x0, x1 = line.extent(left, bottom, right, top)
        if chunk is None or not _continues(chunk, line, x0, x1):
            if chunk is not None:
                yield chunk
            chunk = _Chunk(line.quarter, line.baseline, line.size)
        chunk.glyphs.append((x0, x1, char, index))
        end, reach = (right, _MAX_GAP * line.size) if line.quarter == 0 else (math.inf, 0.0)
    if chunk is not None:
        yield chunk


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


def _continues(chunk: _Chunk, line: _Line, x0: float, x1: float) -> bool:
    size = line.size
    if chunk.quarter != line.quarter or abs(chunk.size - size) > 0.02 * size:
        return False
    before = chunk.glyphs[-1]
    # The gap to the right of the previous character, or to its left in right-to-left text.
    gap = max(x0 - before[1], before[0] - x1)
    return abs(chunk.baseline - line.baseline) <= 0.1 * size and -size < gap < _MAX_GAP * size


def _words(chunk: _Chunk, characters: Characters) -> Iterator[Word]:
    glyphs = chunk.glyphs
    text = "".join([glyph[2] for glyph in glyphs])
    gaps = [after[0] - before[1] for before, after in pairwise(glyphs)]
    if not text.isascii() or (gaps and min(gaps) < -0.5 * chunk.size):
        gaps = [max(gap, before[0] - after[1]) for gap, (before, after) in zip(gaps, pairwise(glyphs), strict=True)]
    max_gap = _word_gap(chunk, text, gaps, characters)
    cuts = [at for at, gap in enumerate(gaps, 1) if gap > max_gap]
    if not text.isascii():
        cuts = [
            at
            for at in cuts
            if gaps[at - 1] > _CJK_GAP * chunk.size or not is_cjk(text[at - 1]) or not is_cjk(text[at])
        ]
    for first, last in pairwise((0, *cuts, len(text))):
        for found in _PRINTED.finditer(text, first, last):
            yield _word(chunk, glyphs[found.start() : found.end()], found[0], is_spaced=found.start() > 0)


def _word_gap(chunk: _Chunk, text: str, gaps: list[float], characters: Characters) -> float:
    """The gap that separates words: wider than the gaps between letters, also in letterspaced text."""
    min_gap = (_WORD_GAP_WITH_SPACES if _SPACE.search(text) else _WORD_GAP) * chunk.size
    if not gaps or max(gaps) <= min_gap:
        return min_gap
    inner = [gap for at, gap in enumerate(gaps) if text[at].isalpha() and text[at + 1].isalpha()]
    if len(inner) < _FEWEST_LETTERSPACED - 1:
        return min_gap
    median = statistics.median(inner)
    if median <= _LETTERSPACED * chunk.size:
        return min_gap
    is_one = len({characters.drawn_in(glyph[3]) for glyph in chunk.glyphs}) == 1
    return median + 0.15 * chunk.size if is_one or median <= _MAX_LETTERSPACED * chunk.size else min_gap


def _word(chunk: _Chunk, glyphs: list[Glyph], text: str, *, is_spaced: bool) -> Word:
    x0, x1 = glyphs[0][0], glyphs[-1][1]
    if text.isascii() and x0 <= glyphs[-1][0] and text.isprintable():  # most words
        return Word(text, x0, max(x0, x1), chunk.baseline, chunk.size, is_spaced)
    rtl = is_rtl(text)
    if rtl or x0 > glyphs[-1][0]:
        text = in_logical_order(glyphs, rtl=rtl)
        x0, x1 = min(glyph[0] for glyph in glyphs), max(glyph[1] for glyph in glyphs)
    if not text.isascii() or not text.isprintable():
        text = tidied(text)
    return Word(text, min(x0, x1), max(x0, x1), chunk.baseline, chunk.size, is_spaced)
