"""How far two texts of one document agree: whether one has the other's words, and in the same order."""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

AGREES = 0.99
"""The share of the other reader's words, and of words in the same order, from which two readings agree."""
_WORD = re.compile(r"\w+")
_SHOWN = 8


@dataclass(frozen=True)
class Agreement:
    """Shares from 0 to 1, and some of the words that only the other reader found."""

    found: float
    in_order: float
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the readings agree."""
        return min(self.found, self.in_order) >= AGREES


def compare(ours: str, theirs: str) -> Agreement:
    """How much of what another reader found is in our text."""
    our_words, their_words = _words(ours), _words(theirs)
    lacking = Counter(their_words) - Counter(our_words)
    found = 1.0 - lacking.total() / len(their_words) if their_words else 1.0
    missing = sorted(lacking, key=lambda word: (-len(word), word))[:_SHOWN]
    return Agreement(found=found, in_order=_in_order(our_words, their_words), missing=tuple(missing))


def _words(text: str) -> list[str]:
    """Letters and digits, in one form whatever ligatures, widths and capitals they were written with."""
    return _WORD.findall(unicodedata.normalize("NFKC", text.replace("\u00ad", "")).casefold())


def _in_order(ours: list[str], theirs: list[str]) -> float:
    """Share in the same order of the words that occur once in both texts: the longest increasing run of places."""
    once = {word for word, count in Counter(ours).items() if count == 1}
    places = {word: place for place, word in enumerate(ours) if word in once}
    shared = [places[word] for word, count in Counter(theirs).items() if count == 1 and word in places]
    lasts: list[int] = []
    for place in shared:
        at = bisect_left(lasts, place)
        lasts[at : at + 1] = [place]
    return len(lasts) / len(shared) if shared else 1.0
