"""From characters to words, each in the frame of its own direction, whichever way a page or a text is turned."""

import math
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.pdfium import Characters, Style

UNREADABLE = "\ufffd"
_QUARTER = math.pi / 2
_OBLIQUE = math.radians(12)
"""Text that is turned by more than this from every side of the page is oblique: a watermark."""
_HYPHEN = "\x02"
"""What PDFium makes of a hyphen at the end of a line."""
_SPACES = frozenset("\t\n\v\f\r \u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
_WORD_GAP = 0.1
"""Of the size of type: a wider gap separates words where no spaces are set."""
_WORD_GAP_WITH_SPACES = 0.2
"""The same in a line that has spaces."""
_CJK_GAP = 0.6
_LONGEST_GAP = 2.5
_LETTERSPACED = 0.08
_MOST_LETTERSPACED = 0.4
_FEWEST_LETTERSPACED = 5
_CONTROLS_OF_A_FONT = 3
"""A font with so many characters that it maps to nothing cannot be trusted beyond ASCII."""
_SYMBOLS = {
    "\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0a8": "☐", "\uf06f": "☐", "\uf0fe": "☒",
    "\uf078": "☒", "\uf0e0": "→", "\uf02d": "-", "\uf076": "❖", "\uf071": "☐", "\uf052": "☑", "\uf054": "☒",
    "\uf0a3": "≤", "\uf0b3": "≥", "\uf0b1": "±", "\uf0b0": "°", "\uf0b4": "×", "\uf0ae": "→", "\uf0de": "⇒",
}  # fmt: skip
"""Characters of the fonts Symbol and Wingdings that office programs write in the private use area."""


_TEX = {
    "\x0b": "ff", "\x0c": "fi", "\r": "fl", "\x0e": "ffi", "\x0f": "ffl",
    "\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl",
}  # fmt: skip
"""Ligatures in the encodings of TeX's fonts."""
_ACCENTS = {
    "\u00a8": "\u0308", "\u00b4": "\u0301", "\u02c6": "\u0302", "\u02dc": "\u0303", "\u02c7": "\u030c",
    "\u02da": "\u030a", "\u02dd": "\u030b", "\u02d8": "\u0306", "\u02d9": "\u0307", "\u02cb": "\u0300",
}  # fmt: skip
_ACCENTED = re.compile(f"([{''.join(_ACCENTS)}])([A-Za-z\u0131])")


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
    first: int
    glyphs: list[tuple[float, float, str, int]] = field(default_factory=list)
    """Beginning, end, character, index."""


def set_words(characters: Characters) -> Setting:
    """The words of a page."""
    setting = Setting()
    _replace_unreadable(characters)
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


def is_cjk(char: str) -> bool:
    """Whether a character is of a script that sets no spaces between words."""
    return "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\uff00" <= char <= "\uffef"


def is_rtl(text: str) -> bool:
    """Whether most letters of a text are of a script that is read from the right."""
    if text.isascii():
        return False
    kinds = Counter(unicodedata.bidirectional(char) for char in text)
    return kinds["R"] + kinds["AL"] > kinds["L"]


def _replace_unreadable(characters: Characters) -> None:
    """Put U+FFFD for what a font gives no meaning: it would come out as other letters.

    Fonts that TeX draws itself say nothing either, but their codes are ASCII, and read as words.
    """
    text, unmapped = characters.text, characters.unmapped
    if 1 not in unmapped:
        return
    unknown = [at for at, bad in enumerate(unmapped) if bad]
    is_ascii = _reads_as_words("".join(text[at] for at in unknown))
    controls = Counter(characters.font(at) for at in unknown if text[at] < " ")
    for at in unknown:
        code = text[at]
        text[at] = (_TEX.get(code, code) if " " <= _TEX.get(code, code) <= "~" else UNREADABLE) if is_ascii else UNREADABLE
    if not is_ascii and max(controls.values(), default=0) >= _CONTROLS_OF_A_FONT:
        for at, char in enumerate(text):
            if char > "~" and controls[characters.font(at)] >= _CONTROLS_OF_A_FONT:
                text[at] = UNREADABLE


def _reads_as_words(text: str) -> bool:
    """Whether codes are letters: mostly small ones, with vowels among them. Numbers of glyphs give capitals."""
    letters = [char for char in text if char.isascii() and char.isalpha()]
    small = [char for char in letters if char.islower()]
    return len(small) > 0.6 * len(letters) and sum(char in "aeiou" for char in small) > 0.2 * len(small)


def _chunks(characters: Characters, setting: Setting) -> Iterator[_Chunk]:
    boxes, chunk, key, oblique = characters.boxes, None, (math.nan, math.nan), False
    at = -4
    for index, char in enumerate(characters.text):
        at += 4
        left, top, right, bottom = boxes[at : at + 4]
        if left == right and top == bottom:  # added by PDFium
            if oblique and setting.oblique:
                setting.oblique[-1] += char
            continue
        if key != (top, bottom):
            key = top, bottom
            style = characters.style(index)
            quarter = round(style.angle / _QUARTER) % 4
            oblique = abs(math.remainder(style.angle, _QUARTER)) > _OBLIQUE
            base, size = _base(style, quarter), style.size or 1.0
        if oblique:
            setting.oblique += [""] if not setting.oblique else []
            setting.oblique[-1] += char
            continue
        x0, x1 = _extent(quarter, left, bottom, right, top)
        if chunk is not None and not _goes_on(chunk, quarter, base, size, x0, x1):
            yield chunk
            chunk = None
        if chunk is None:
            chunk = _Chunk(quarter, base, size, index)
        chunk.glyphs.append((x0, x1, char, index))
    if chunk is not None:
        yield chunk


def _base(style: Style, quarter: int) -> float:
    return (style.y, -style.x, -style.y, style.x)[quarter]


def _extent(quarter: int, left: float, bottom: float, right: float, top: float) -> tuple[float, float]:
    if quarter == 0:
        return left, right
    return ((bottom, top), (-right, -left), (-top, -bottom))[quarter - 1]


def _goes_on(chunk: _Chunk, quarter: int, base: float, size: float, x0: float, x1: float) -> bool:
    if chunk.quarter != quarter or abs(chunk.size - size) > 0.02 * size or abs(chunk.base - base) > 0.1 * size:
        return False
    before = chunk.glyphs[-1]
    # The gap to the right of what came before, or to its left: some write from the right.
    gap = max(x0 - before[1], before[0] - x1)
    return -size < gap < _LONGEST_GAP * size


def _words(chunk: _Chunk, characters: Characters) -> Iterator[Word]:
    most = _word_gap(chunk, characters)
    is_spaced, word = False, list[tuple[float, float, str, int]]()
    for glyph in chunk.glyphs:
        if glyph[2] in _SPACES:
            if word:
                yield _word(chunk, word, is_spaced=is_spaced)
            is_spaced, word = True, []
            continue
        if word:
            gap = max(glyph[0] - word[-1][1], word[-1][0] - glyph[1])
            least = _CJK_GAP * chunk.size if is_cjk(glyph[2]) and is_cjk(word[-1][2]) else most
            if gap > least:
                yield _word(chunk, word, is_spaced=is_spaced)
                is_spaced, word = True, []
        word.append(glyph)
    if word:
        yield _word(chunk, word, is_spaced=is_spaced)


def _word_gap(chunk: _Chunk, characters: Characters) -> float:
    """The gap that separates words: wider than what stands between the letters of spaced-out type."""
    pairs = list(zip(chunk.glyphs, chunk.glyphs[1:], strict=False))
    has_spaces = any(glyph[2] in _SPACES for glyph in chunk.glyphs)
    least = (_WORD_GAP_WITH_SPACES if has_spaces else _WORD_GAP) * chunk.size
    gaps = [
        max(after[0] - before[1], before[0] - after[1])
        for before, after in pairs
        if before[2].isalpha() and after[2].isalpha()
    ]
    if len(gaps) < _FEWEST_LETTERSPACED - 1 or max(gaps) <= least:
        return least
    median = statistics.median(gaps)
    if median <= _LETTERSPACED * chunk.size:
        return least
    is_one = len({characters.drawn_in(glyph[3]) for glyph in chunk.glyphs}) == 1
    return median + 0.15 * chunk.size if is_one or median <= _MOST_LETTERSPACED * chunk.size else least


def _word(chunk: _Chunk, glyphs: list[tuple[float, float, str, int]], *, is_spaced: bool) -> Word:
    text = "".join(glyph[2] for glyph in glyphs)
    x0, x1 = glyphs[0][0], glyphs[-1][1]
    if not text.isascii() or not text.isprintable():
        text = _tidied(text)
        if is_rtl(text):
            if x0 < glyphs[-1][0]:  # drawn from the left: turn it round, marks behind their letters
                text = _reversed(text)
            x0 = min(glyph[0] for glyph in glyphs)
            x1 = max(glyph[1] for glyph in glyphs)
    return Word(text, min(x0, x1), max(x0, x1), chunk.base, chunk.size, is_spaced)


def _tidied(text: str) -> str:
    """Ligatures as letters, Arabic letters without their shapes, halves of characters joined, no controls."""
    text = text.replace(_HYPHEN, "-")
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    letters = (
        unicodedata.normalize("NFKC", char) if "\ufb00" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc" else char
        for char in text
    )
    text = "".join(_SYMBOLS.get(char, char) for char in letters)
    text = _ACCENTED.sub(_composed, text)
    return "".join(char if char >= " " else UNREADABLE for char in text if char not in "\u200b\u200e\u200f\ufeff")


def _composed(found: re.Match[str]) -> str:
    """An accent that is drawn before its letter, as one character with it, if there is one."""
    letter = "i" if found[2] == "\u0131" else found[2]
    composed = unicodedata.normalize("NFC", letter + _ACCENTS[found[1]])
    return composed if len(composed) == 1 else found[0]


def _reversed(text: str) -> str:
    clusters: list[str] = []
    for char in text:
        if clusters and unicodedata.combining(char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return "".join(reversed(clusters))
