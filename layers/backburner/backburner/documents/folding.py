"""Folds a text for comparison with quotes: only its letters remain, each with its position in the source.

White space, dashes, invisible characters and Markdown's markup become gaps between letters. Ligatures are spelt out,
accents composed, full-width and other presentation forms made plain, and typographic quotation marks straightened.
Superscripts, fractions and circled numbers are kept: 10² is not 102.
"""

import re
import sys
import unicodedata
from array import array
from bisect import bisect_right
from functools import lru_cache

SOFT_HYPHEN = "\u00ad"
DASHES = "\\-\u058a\u05be\u1806\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"
"""For use inside a character class, like the others here."""
EMPHASIS = "*_"
INVISIBLE = "\u034f\u0640\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
"""Direction marks, joiners, variation selectors, and the Arabic stroke that only stretches a line."""
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711"
    "\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09d7"
    "\u0a01-\u0a03\u0a3c-\u0a51\u0abc-\u0acd\u0b3c-\u0b57\u0bbe-\u0bd7\u0c3e-\u0c56\u0cbc-\u0cd6\u0d3e-\u0d57"
    "\u0dca-\u0ddf\u102b-\u103e\u1160-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
    "\uff9e\uff9f"
)
"""Characters that belong to the one before: accents, vowel signs, the later letters of a Hangul syllable."""
PLAIN = (
    "0-9A-Za-z!$%&()+,./:;=?@\\[\\]^{}~\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148"
    "\u014a-\u017e\u0391-\u03a1\u03a3-\u03ce\u0400-\u0481\u048a-\u04ff\u0531-\u0556\u0561-\u0586\u05d0-\u05ea"
    "\u0621-\u063a\u0641-\u064a\u0e01-\u0e32\u0e34-\u0e3a\u0e40-\u0e4e\u10d0-\u10fa\u3001\u3002\u3041-\u3096"
    "\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3"
)
"""Characters that are kept unless a mark follows; matched in runs."""
_EMPHASIS = (
    r"(?<![\w*])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*])|(?<=[^\W\d_])\*\*(?=[^\W\d_])"
    r"|(?<![\w])_{1,2}(?=[^\W_])|(?<=[^\W_])_{1,2}(?!\w)"
)
"""Markdown's **bold** and _italic_: not 2*3, nor snake_case, nor a ____ to fill in."""
_GAP = rf"(?:^[ \t]*(?:\#{{1,6}}|[*•>])[ \t]+|<br>|\\(?=\|)|[\s|{DASHES}{SOFT_HYPHEN}{INVISIBLE}]|{_EMPHASIS})+"
_PIECE = re.compile(
    rf"[ ](?=\w)|(?P<run>[{PLAIN}]{{1,8192}}(?![{MARKS}]))|{_GAP}|(?P<cluster>[^{MARKS}]?[{MARKS}]{{0,32}})",
    re.MULTILINE,
)
"""Runs are bounded so that a stretch is; clusters because ordering their marks takes quadratic time."""
_STRAIGHT = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u02bc\u00b4`", "'")
    | dict.fromkeys('\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u301d\u301e\u301f\u300c\u300d\u300e\u300f"', '"')
)
_PRESENTED = (
    "<compat>", "<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>", "<font>", "<noBreak>",
    "<square>", "<vertical>",
)  # fmt: skip
"""Decompositions that change the look of a character, but not its meaning."""


class Folded:
    """A folded text, or one stretch of it. `letters` is what is compared; each position in it has one in the source."""

    def __init__(self, source: str, stretch: int = sys.maxsize) -> None:
        self.source, self.letters, self.is_at_end = source, "", False
        self._at, self._first, self._last = array("I"), array("I"), array("I")
        self._left = _PIECE.finditer(source)
        self.go_on(stretch, 0)

    def go_on(self, stretch: int, keep: int) -> int:
        """Fold this many more letters and forget all before the last `keep`.

        Returns how many were forgotten: every position is lower by that number now.
        """
        forgotten = self._forget(len(self.letters) - keep)
        pieces, position = [self.letters], len(self.letters)
        end = position + stretch
        for found in self._left:
            kind = found.lastgroup
            if kind is None:
                continue
            piece = found[0] if kind == "run" else folded_cluster(found[0])
            if not piece:
                continue
            first, last = found.span()
            pieces.append(piece)
            self._at.append(position)
            self._first.append(first)
            self._last.append(last)
            position += len(piece)
            if position >= end:
                break
        else:
            self.is_at_end = True
        self.letters = "".join(pieces)
        return forgotten

    def _forget(self, position: int) -> int:
        """Forget the pieces before the one with this position."""
        piece = bisect_right(self._at, position) - 1
        if piece <= 0:
            return 0
        forgotten = self._at[piece]
        self.letters = self.letters[forgotten:]
        self._at = array("I", (at - forgotten for at in self._at[piece:]))
        self._first, self._last = self._first[piece:], self._last[piece:]
        return forgotten

    def first(self, position: int) -> int:
        """Where a letter begins in the source."""
        piece = bisect_right(self._at, position) - 1
        return min(self._first[piece] + position - self._at[piece], self._last[piece] - 1)

    def last(self, position: int) -> int:
        """Where a letter ends in the source."""
        piece = bisect_right(self._at, position) - 1
        end = self._at[piece + 1] if piece + 1 < len(self._at) else len(self.letters)
        is_as_it_was = end - self._at[piece] == self._last[piece] - self._first[piece]
        return self._first[piece] + position - self._at[piece] + 1 if is_as_it_was else self._last[piece]

    def gap(self, position: int) -> str:
        """The source's text between the letter before and this one."""
        piece = bisect_right(self._at, position) - 1
        if self._at[piece] != position:
            return ""
        return self.source[self._last[piece - 1] if piece else 0 : self._first[piece]]

    def seams(self, begin: int, end: int) -> list[int]:
        """The positions in (begin, end) that may have a gap before them."""
        return list(self._at[bisect_right(self._at, begin) : bisect_right(self._at, end - 1)])


@lru_cache(maxsize=4096)
def folded_cluster(cluster: str) -> str:
    """A character with its marks, as it is compared; "" if it is not compared."""
    composed = unicodedata.normalize("NFC", cluster.translate(_STRAIGHT))
    plain = "".join(
        unicodedata.normalize("NFKC", each) if unicodedata.decomposition(each).startswith(_PRESENTED) else each
        for each in composed
    )
    return "".join(unicodedata.normalize("NFC", plain).translate(_STRAIGHT).split())
