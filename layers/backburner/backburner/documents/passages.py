"""Finds a quote in a text: word for word, but ignoring differences in line breaks, hyphens and typography.

Letters are compared first, then the gaps between them (`folding.py`): all white space is alike, all dashes are alike;
a hyphen at a line's end is optional; scripts without spaces may have line breaks anywhere. Neither words nor numbers
are cut: "1,20" is not a quote of "1,200".

A text is folded and searched in stretches, so the memory that this takes does not depend on the text's length.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import TypeAlias

from backburner.documents.boundaries import AFTER, BEFORE, has_same_sign, is_cut
from backburner.documents.folding import Folded
from backburner.documents.gaps import DASH, kinds

MIN_CHARS = 8
"""The minimum number of letters and digits in a quote; a letter of Chinese, Japanese or Korean counts twice."""
_MAX_LOOKS = 10_000
"""At how many places one quote is compared in full; no real text repeats the same letters that often."""
MAX_COMPARED = 500_000
"""Gaps compared for all quotes of an answer together, a few seconds: hostile text could need hours."""
STRETCH = 65_536
"""How many letters of a text are folded at a time."""
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Characters [first, last) of a text."""

    first: int
    last: int


class Unchecked(Enum):
    """Marks a quote that was given up before the end of the text: whether the text has it is not known."""

    UNCHECKED = "unchecked"


Found: TypeAlias = Passage | Unchecked | None


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
    is_done: bool = False
    """Whether it was looked for up to the text's end."""
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

    def find(self, quotes: Sequence[str]) -> list[Found]:
        """The first passage that matches each quote; None if there is none."""
        searches = [_Search(Folded(quote)) for quote in quotes]
        keep = max((search.length for search in searches), default=0) + BEFORE + AFTER
        text = Folded(self.source, STRETCH)
        while left := [search for search in searches if search.goes_on]:
            for search in left:
                self._look(text, search)
            if text.is_at_end or self.compared > MAX_COMPARED:
                break
            forgotten = text.go_on(STRETCH, keep)
            for search in left:
                search.begin -= forgotten
        return [self._found(search) for search in searches]

    def _look(self, text: Folded, search: _Search) -> None:
        """Look for a quote wherever this stretch has enough letters after it."""
        end = len(text.letters) - (0 if text.is_at_end else AFTER)
        while search.goes_on and self.compared <= MAX_COMPARED:
            begin = text.letters.find(search.wanted.letters, search.begin + 1, max(end, 0))
            if begin < 0:
                search.begin = max(search.begin, end - search.length)
                search.is_done = text.is_at_end
                return
            search.begin, search.looks = begin, search.looks + 1
            self.compared += 1
            if self._agrees(text, begin, search) and self._is_whole(text, begin, search.wanted):
                last = begin + search.length - 1
                search.passage = Passage(first=text.first(begin), last=text.last(last))

    def _agrees(self, text: Folded, begin: int, search: _Search) -> bool:
        """Whether a passage's gaps match the quote's, and no two numbers in one are a single number in the other."""
        wanted, letters = search.wanted, search.wanted.letters
        theirs = (each - begin for each in text.seams(begin, begin + search.length))
        for seam in dict.fromkeys(chain(search.seams, theirs)):
            self.compared += 1
            before, after = letters[seam - 1], letters[seam]
            there, here = text.gap(begin + seam), wanted.gap(seam)
            if there == here:
                continue
            common = kinds(there, before, after) & kinds(here, before, after)
            if not common:
                return False
            are_digits = before.isdecimal() and after.isdecimal() and common != DASH
            if are_digits and is_cut(text, begin + seam) != is_cut(wanted, seam):
                return False
        return True

    def _is_whole(self, text: Folded, begin: int, wanted: Folded) -> bool:
        """Whether a passage cuts no word or number, and leaves out no sign."""
        self.compared += BEFORE + AFTER
        if is_cut(text, begin) or is_cut(text, begin + len(wanted.letters)):
            return False
        return has_same_sign(text, begin, wanted)

    def _found(self, search: _Search) -> Found:
        if search.passage is None and search.length and not search.is_done:
            return Unchecked.UNCHECKED
        return search.passage


def find(text: str, quotes: Sequence[str]) -> list[Found]:
    """The passage of each quote in a text; None if there is none."""
    return Text(text).find(quotes)
