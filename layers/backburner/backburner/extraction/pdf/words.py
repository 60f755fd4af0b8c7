"""From characters to words, each in the frame of its own direction, whichever way a page or a text is turned."""

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
"""Text that is turned by more than this from every side of the page is oblique: a watermark."""
_SPACES = "\\s\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_SPACE, _PRINTED = re.compile(f"[{_SPACES}]"), re.compile(f"[^{_SPACES}]+")
_WORD_GAP = 0.1
"""Of the size of type: a wider gap separates words where no spaces are set."""
_WORD_GAP_WITH_SPACES = 0.2
"""The same in a line that has spaces."""
_CJK_GAP = 0.6
_MAX_GAP = 2.5
_LETTERSPACED = 0.08
_MAX_LETTERSPACED = 0.4
_FEWEST_LETTERSPACED = 5


@dataclass(slots=True, eq=False)
class Word:
    """A word on its line; x grows in the direction of reading, y upwards, whichever way the page is turned."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    is_spaced: bool = False
    """Whether a space is written in front of it."""
    is_tied: bool = False
    """Whether it belongs to what stands before it on its line: the value of a field."""
    table: "Cells | None" = None
    """A table that takes a word's place, if it is none."""

    @property
    def top(self) -> float:
        """About the height of its capitals."""
        return self.base + 0.75 * self.size

    @property
    def bottom(self) -> float:
        """About the depth of its descenders."""
        return self.base - 0.2 * self.size


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a table."""

    rows: list[list[str]]


@dataclass
class Setting:
    """The words of a page by the quarter of a turn (anticlockwise) in which they are set, and what is oblique."""

    words: dict[int, list[Word]] = field(default_factory=lambda: defaultdict(list))
    oblique: list[str] = field(default_factory=list)

    @property
    def quarter(self) -> int:
        """The direction in which most of it is set."""
        return max(self.words, key=lambda quarter: sum(len(word.text) for word in self.words[quarter]), default=0)


@dataclass(slots=True)
class _Chunk:
    """Characters of one size on one line, in the order of their drawing."""

    quarter: int
    base: float
    size: float
    glyphs: list[Glyph] = field(default_factory=list)


def set_words(characters: Characters) -> Setting:
    """The words of a page."""
    setting = Setting()
    replace_unreadable(characters)
    for chunk in _chunks(characters, setting):
        setting.words[chunk.quarter].extend(_words(chunk, characters))
    return setting


def turned(box: Box, quarter: int) -> Box:
    """A box of the page in the frame of a direction."""
    left, bottom, right, top = box
    match quarter:
        case 1:
            return bottom, -right, top, -left
        case 2:
            return -right, -top, -left, -bottom
        case 3:
            return -top, left, -bottom, right
    return box


def _chunks(characters: Characters, setting: Setting) -> Iterator[_Chunk]:
    chunk: _Chunk | None = None
    style_top = style_bottom = math.nan
    places, place, end, reach = _Places(characters), _Place(), math.inf, 0.0
    boxes = characters.boxes
    for index, (char, left, top, right, bottom) in enumerate(
        zip(characters.text, boxes[0::4], boxes[1::4], boxes[2::4], boxes[3::4], strict=True)
    ):
        if top == style_top and bottom == style_bottom and 0 <= left - end < reach and chunk is not None:
            chunk.glyphs.append((left, right, char, index))  # nearly all of them: upright, in one line
            end = right
            continue
        if left == right and (top == bottom or char == " "):  # added by PDFium
            if place.is_oblique:
                setting.oblique[-1] += char
            continue
        style_top, style_bottom = top, bottom
        place = places.at(index, top, bottom)
        if place.is_oblique:
            setting.oblique += [] if setting.oblique else [""]
            setting.oblique[-1] += char
            end = math.inf
            continue
        x0, x1 = place.extent(left, bottom, right, top)
        if chunk is None or not _goes_on(chunk, place, x0, x1):
            if chunk is not None:
                yield chunk
            chunk = _Chunk(place.quarter, place.base, place.size)
        chunk.glyphs.append((x0, x1, char, index))
        end, reach = (right, _MAX_GAP * place.size) if place.quarter == 0 else (math.inf, 0.0)
    if chunk is not None:
        yield chunk


@dataclass(slots=True)
class _Place:
    """The line on which a character stands."""

    quarter: int = 0
    base: float = 0.0
    size: float = 1.0
    is_oblique: bool = False

    @classmethod
    def of(cls, style: Style) -> Self:
        """From a character's style."""
        quarter = round(style.angle / _QUARTER) % 4
        base = (style.y, -style.x, -style.y, style.x)[quarter]
        is_oblique = abs(math.remainder(style.angle, _QUARTER)) > _OBLIQUE
        return cls(quarter, base, style.size or 1.0, is_oblique)

    def extent(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float]:
        """Where a box begins and ends on it."""
        return ((left, right), (bottom, top), (-right, -left), (-top, -bottom))[self.quarter]


@dataclass(slots=True)
class _Places:
    """The lines of characters, looked up where they may have changed: a look-up is dear."""

    characters: Characters
    top: float = math.nan
    bottom: float = math.nan
    drawn: int = 0
    place: _Place = field(default_factory=_Place)

    def at(self, index: int, top: float, bottom: float) -> _Place:
        """The line of a character that is so high and so low."""
        if top != self.top or bottom != self.bottom:
            self.top, self.bottom = top, bottom
            drawn = self.characters.drawn_in(index)
            if not drawn or drawn != self.drawn:  # what one operator draws is on one line, high letters and low
                self.drawn, self.place = drawn, _Place.of(self.characters.style(index))
        return self.place


def _goes_on(chunk: _Chunk, place: _Place, x0: float, x1: float) -> bool:
    size = place.size
    if chunk.quarter != place.quarter or abs(chunk.size - size) > 0.02 * size:
        return False
    before = chunk.glyphs[-1]
    # The gap to the right of what came before, or to its left: some write from the right.
    gap = max(x0 - before[1], before[0] - x1)
    return abs(chunk.base - place.base) <= 0.1 * size and -size < gap < _MAX_GAP * size


def _words(chunk: _Chunk, characters: Characters) -> Iterator[Word]:
    glyphs = chunk.glyphs
    text = "".join([glyph[2] for glyph in glyphs])
    gaps = [after[0] - before[1] for before, after in pairwise(glyphs)]
    if not text.isascii() or (gaps and min(gaps) < -0.5 * chunk.size):
        gaps = [max(gap, before[0] - after[1]) for gap, (before, after) in zip(gaps, pairwise(glyphs), strict=True)]
    most = _word_gap(chunk, text, gaps, characters)
    cuts = [at for at, gap in enumerate(gaps, 1) if gap > most]
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
    """The gap that separates words: wider than what stands between the letters of spaced-out type."""
    least = (_WORD_GAP_WITH_SPACES if _SPACE.search(text) else _WORD_GAP) * chunk.size
    if not gaps or max(gaps) <= least:
        return least
    inner = [gap for at, gap in enumerate(gaps) if text[at].isalpha() and text[at + 1].isalpha()]
    if len(inner) < _FEWEST_LETTERSPACED - 1:
        return least
    median = statistics.median(inner)
    if median <= _LETTERSPACED * chunk.size:
        return least
    is_one = len({characters.drawn_in(glyph[3]) for glyph in chunk.glyphs}) == 1
    return median + 0.15 * chunk.size if is_one or median <= _MAX_LETTERSPACED * chunk.size else least


def _word(chunk: _Chunk, glyphs: list[Glyph], text: str, *, is_spaced: bool) -> Word:
    x0, x1 = glyphs[0][0], glyphs[-1][1]
    if text.isascii() and x0 <= glyphs[-1][0] and text.isprintable():  # nearly all of them
        return Word(text, x0, max(x0, x1), chunk.base, chunk.size, is_spaced)
    rtl = is_rtl(text)
    if rtl or x0 > glyphs[-1][0]:
        text = in_logical_order(glyphs, rtl=rtl)
        x0, x1 = min(glyph[0] for glyph in glyphs), max(glyph[1] for glyph in glyphs)
    if not text.isascii() or not text.isprintable():
        text = tidied(text)
    return Word(text, min(x0, x1), max(x0, x1), chunk.base, chunk.size, is_spaced)
