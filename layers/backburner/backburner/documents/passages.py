"""Finds a quote in a text: word for word, but ignoring differences in line breaks, hyphens and typography.

Letters are compared first, then the gaps between them (`folding.py`): all white space is alike, all dashes are alike;
a hyphen at a line's end is optional; scripts without spaces may have line breaks anywhere. Neither words nor numbers
are cut: "1,20" is not a quote of "1,200".

A text is folded and searched in stretches, so the memory that this takes does not depend on the text's length.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from backburner.documents.folding import DASHES, INVISIBLE, SOFT_HYPHEN, Folded

MIN_CHARS = 8
"""The minimum number of letters and digits in a quote; a letter of Chinese, Japanese or Korean counts twice."""
_MAX_LOOKS = 10_000
"""At how many places one quote is compared in full; no real text repeats the same letters that often."""
MAX_COMPARED = 500_000
"""Gaps compared for all quotes of an answer together, about two seconds: hostile text could need hours."""
STRETCH = 65_536
"""How many letters of a text are folded at a time."""
_BEFORE, _AFTER = 4, 2
"""How many letters around a passage tell whether it cuts a word, a number or a sign."""
_NOTHING, _SPACE, _DASH = 1, 2, 4
_UNSEEN = re.compile(f"[{INVISIBLE}]+")
_DASH_IN = re.compile(f"[{DASHES}]")
_LINE_END = re.compile(r"[\n\r\f\v\x85\u2028\u2029]|<br>")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words."""
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")
_POINTS = ".,'"
_BEFORE_A_SIGN = "([{:=<>/"


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Characters [first, last) of a text."""

    first: int
    last: int


def is_too_short(quote: str) -> bool:
    """Whether a quote has so few letters that it could be found anywhere."""
    letters = Folded(quote).letters
    return sum(1 + bool(_WIDE.match(each)) for each in letters if each.isalnum()) < MIN_CHARS


@dataclass
class _Search:
    """One quote, and how far it has been looked for."""

    wanted: Folded
    begin: int = -1
    """Where it was last compared, or could not be, in the letters of the current stretch."""
    looks: int = 0
    passage: Passage | None = None
    seams: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.seams = self.wanted.seams(0, self.length)

    @property
    def length(self) -> int:
        """How many letters it has."""
        return len(self.wanted.letters)

    @property
    def goes_on(self) -> bool:
        """Whether it is neither found nor given up."""
        return self.passage is None and self.length > 0 and self.looks < _MAX_LOOKS


class Text:
    """A text in which quotes are looked for."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.compared = 0

    def find(self, quotes: Sequence[str]) -> list[Passage | None]:
        """The first passage that matches each quote; None if there is none, or none within `MAX_COMPARED`."""
        searches = [_Search(Folded(quote)) for quote in quotes]
        keep = max((search.length for search in searches), default=0) + _BEFORE + _AFTER
        text = Folded(self.source, STRETCH)
        while left := [search for search in searches if search.goes_on]:
            for search in left:
                self._look(text, search)
            if text.is_at_end or self.compared > MAX_COMPARED:
                break
            forgotten = text.go_on(STRETCH, keep)
            for search in left:
                search.begin -= forgotten
        return [search.passage for search in searches]

    def _look(self, text: Folded, search: _Search) -> None:
        """Look for a quote wherever this stretch has enough letters after it."""
        end = len(text.letters) - (0 if text.is_at_end else _AFTER)
        while search.goes_on and self.compared <= MAX_COMPARED:
            begin = text.letters.find(search.wanted.letters, search.begin + 1, max(end, 0))
            if begin < 0:
                search.begin = max(search.begin, end - search.length)
                return
            search.begin, search.looks = begin, search.looks + 1
            last = begin + search.length
            if _is_whole(text, begin, last) and self._agrees(text, begin, search):
                search.passage = Passage(first=text.first(begin), last=text.last(last - 1))

    def _agrees(self, text: Folded, begin: int, search: _Search) -> bool:
        """Whether a passage's gaps match the quote's, and a sign before a number is in both or in neither."""
        wanted, end = search.wanted, begin + search.length
        for seam in chain(search.seams, (each - begin for each in text.seams(begin, end))):
            self.compared += 1
            before, after = wanted.letters[seam - 1], wanted.letters[seam]
            if not _kinds(text.gap(begin + seam), before, after) & _kinds(wanted.gap(seam), before, after):
                return False
        if not wanted.letters[0].isdecimal():
            return True
        return _has_sign(wanted, 0) == _has_sign(text, begin)


def find(text: str, quotes: Sequence[str]) -> list[Passage | None]:
    """The passage of each quote in a text; None if there is none."""
    return Text(text).find(quotes)


def _is_whole(text: Folded, begin: int, end: int) -> bool:
    """Whether no word or number is cut at either end."""
    letters = text.letters
    if begin > 0 and _is_joined(text, begin):
        if _is_word(letters[begin - 1], letters[begin]):
            return False
        if begin > 1 and _is_joined(text, begin - 1) and _is_number(letters[begin - 2 : begin + 1]):
            return False
    if end < len(letters) and _is_joined(text, end):
        if _is_word(letters[end - 1], letters[end]):
            return False
        if end + 1 < len(letters) and _is_joined(text, end + 1) and _is_number(letters[end - 1 : end + 2]):
            return False
    return True


def _is_joined(text: Folded, position: int) -> bool:
    """Whether nothing visible is between a letter and the one before it."""
    return not _UNSEEN.sub("", text.gap(position)).replace(SOFT_HYPHEN, "")


def _kinds(gap: str, before: str, after: str) -> int:
    """What a gap may be read as: nothing, white space, a dash, or several of these."""
    seen = _UNSEEN.sub("", gap)
    bare = seen.replace(SOFT_HYPHEN, "")
    is_soft = seen != bare
    if not bare:
        return _NOTHING | (_DASH if is_soft else 0)
    dash = _DASH_IN.search(bare)
    if dash is None:
        return _SPACE | (_NOTHING if is_soft or _breaks_anywhere(bare, before, after) else 0)
    if _LINE_END.search(bare, 0, dash.start()):
        return _SPACE | _DASH  # an item of a list, or the rule below a table's head
    is_hyphenation = dash.start() == 0 and _LINE_END.search(bare) and _is_letter(before) and _is_letter(after)
    return _DASH | (_NOTHING if is_hyphenation else 0)


def _breaks_anywhere(gap: str, before: str, after: str) -> bool:
    if _UNSPACED.match(before) or _UNSPACED.match(after):
        return True
    return bool(_LINE_END.search(gap) and _HANGUL.match(before) and _HANGUL.match(after))


def _is_word(left: str, right: str) -> bool:
    """Whether two letters without a gap belong to one word or number."""
    if any(script.match(each) for script in (_UNSPACED, _HANGUL) for each in (left, right)):
        return left.isdecimal() and right.isdecimal()
    if left.isdecimal() and right.isdigit():  # 10 with an exponent, but not a word with a footnote's number
        return True
    return all(_is_letter(each) or each.isdecimal() for each in (left, right))


def _is_letter(each: str) -> bool:
    return each.isalpha() or unicodedata.category(each).startswith("M")


def _is_number(three: str) -> bool:
    return three[0].isdecimal() and three[1] in _POINTS and three[2].isdecimal()


def _has_sign(text: Folded, position: int) -> bool:
    """Whether a number has a minus sign: a dash that touches it, but not what is before."""
    gap = _UNSEEN.sub("", text.gap(position))
    if not gap or not _DASH_IN.match(gap[-1]):
        return False
    before = text.letters[position - 1] if position else ""
    return len(gap) > 1 or not before or before in _BEFORE_A_SIGN
