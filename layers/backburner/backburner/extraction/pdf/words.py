"""Groups characters into words, in the coordinates of their own direction, however a page or text is rotated."""

import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress, pairwise
from operator import and_, sub

import msgspec

from backburner.extraction.pdf.characters import Characters
from backburner.extraction.pdf.chunks import Chunk, chunks_of
from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.letters import in_logical_order, is_cjk, is_rtl, replace_unreadable, tidied

_SPACES = "\\s\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_SPACE, _PRINTED = re.compile(f"[{_SPACES}]"), re.compile(f"[^{_SPACES}]+")
_WORD_GAP = 0.1
"""A share of the font size: a wider gap separates words in text without spaces."""
_WORD_GAP_WITH_SPACES = 0.2
"""The same in a line that has spaces."""
_CJK_GAP = 0.6
_LETTERSPACED = 0.08
_MAX_LETTERSPACED = 0.4
_FEWEST_LETTERSPACED = 5


class Word(msgspec.Struct, eq=False, gc=False):
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
        if len(self.words) == 1:
            return next(iter(self.words))
        return max(self.words, key=lambda quarter: sum(len(word.text) for word in self.words[quarter]), default=0)


def words_of(characters: Characters) -> PageWords:
    """The words of a page."""
    page_words = PageWords()
    replace_unreadable(characters)
    for chunk in chunks_of(characters, page_words.oblique):
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


def _words(chunk: Chunk, characters: Characters) -> Iterator[Word]:
    starts, ends, baseline, size = chunk.starts, chunk.ends, chunk.baseline, chunk.size
    text = "".join(chunk.text)
    is_plain = _is_plain(text)
    gaps = list(map(sub, starts[1:], ends))
    if not text.isascii() or (gaps and min(gaps) < -0.5 * size):
        gaps = list(map(max, gaps, map(sub, starts, ends[1:])))
    cuts = _cuts(chunk, text, gaps, characters)
    for first, last in pairwise((0, *cuts, len(text))):
        for at, end, word in (_split if is_plain else _printed)(text, first, last):
            x0, x1 = starts[at], ends[end - 1]
            if x0 <= starts[end - 1] and (is_plain or _is_plain(word)):  # most words
                yield Word(word, x0, max(x0, x1), baseline, size, at > 0)
            else:
                yield _word(chunk, at, end, word)


def _printed(text: str, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    """What is between the spaces of a stretch of text, with its first and last positions."""
    for found in _PRINTED.finditer(text, first, last):
        yield found.start(), found.end(), found[0]


def _split(text: str, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    """The same in printable ASCII."""
    for word in text[first:last].split(" "):
        end = first + len(word)
        if word:
            yield first, end, word
        first = end + 1


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _cuts(chunk: Chunk, text: str, gaps: list[float], characters: Characters) -> list[int]:
    """Where words are separated by gaps."""
    widest = max(gaps, default=0.0)
    max_gap = _word_gap(chunk, text, gaps, widest, characters)
    if widest <= max_gap:
        return []
    cuts = [at for at, gap in enumerate(gaps, 1) if gap > max_gap]
    if text.isascii():
        return cuts
    wide = _CJK_GAP * chunk.size
    return [at for at in cuts if gaps[at - 1] > wide or not is_cjk(text[at - 1]) or not is_cjk(text[at])]


def _word_gap(chunk: Chunk, text: str, gaps: list[float], widest: float, characters: Characters) -> float:
    """The gap that separates words: wider than the gaps between letters, also in letterspaced text."""
    min_gap = (_WORD_GAP_WITH_SPACES if _SPACE.search(text) else _WORD_GAP) * chunk.size
    if widest <= min_gap:
        return min_gap
    is_letter = list(map(str.isalpha, text))
    inner = list(compress(gaps, map(and_, is_letter, is_letter[1:])))
    if len(inner) < _FEWEST_LETTERSPACED - 1:
        return min_gap
    median = statistics.median(inner)
    if median <= _LETTERSPACED * chunk.size:
        return min_gap
    is_one = len(set(map(characters.drawn_in, chunk.indices))) == 1
    return median + 0.15 * chunk.size if is_one or median <= _MAX_LETTERSPACED * chunk.size else min_gap


def _word(chunk: Chunk, first: int, last: int, text: str) -> Word:
    """A word in logical order, of plain text, from characters in any order."""
    starts, ends = chunk.starts[first:last], chunk.ends[first:last]
    x0, x1 = starts[0], ends[-1]
    rtl = is_rtl(text)
    if rtl or x0 > starts[-1]:
        text = in_logical_order(list(zip(starts, ends, text, strict=True)), rtl=rtl)
        x0, x1 = min(starts), max(ends)
    if not _is_plain(text):
        text = tidied(text)
    return Word(text, min(x0, x1), max(x0, x1), chunk.baseline, chunk.size, first > 0)
