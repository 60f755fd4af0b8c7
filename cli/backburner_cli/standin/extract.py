"""The stand-in's "model": it extracts the input's most informative sentences, and says so.

Tokens are estimated by one rule everywhere: four bytes of UTF-8 are one token, rounded up. That is about four Latin
or two Cyrillic letters, close enough to real tokenisers, and never decreases as a text grows.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from backburner_cli.standin.sentences import split

NOTICE: Final = "[Extract by the local stand-in, not written by a language model]"
"""The last line of every text from the stand-in. It fits into the smallest cap that the API allows (16 tokens)."""

_BYTES_PER_TOKEN: Final = 4
_FEWEST, _MAX, _SENTENCES_PER_PICK = 3, 10, 10
_SHORTEST_WORD: Final = 4
_END_MARKS: Final = (".", "!", "?", "…", "।", "॥", "۔", "؟", "።")
_SPACELESS_END_MARKS: Final = ("。", "！", "？", "｡")
_CLOSING: Final = "\"'»”’)]」』）"
_WORD: Final = re.compile(r"[^\W\d_]+")


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text by the module's rule."""
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def cut(text: str, max_tokens: int) -> str:
    """Keep as much of the beginning as fits into `max_tokens`, never half a character."""
    return text.encode()[: max(0, max_tokens) * _BYTES_PER_TOKEN].decode(errors="ignore")


def sentences(text: str) -> list[str]:
    """Split a text into sentences, none longer than a paragraph, with blanks collapsed and earlier notices left out."""
    return split(text.replace(NOTICE, ""))


def informative(candidates: Sequence[str]) -> list[str]:
    """Pick the most informative sentences, and return them in their original order.

    A word counts more the more often it occurs, and less the more sentences contain it, so common words weigh little in
    any language, without a list of them. Long sentences have no advantage by their length.
    """
    unique = list(dict.fromkeys(candidates))
    words = [set(_words(sentence)) for sentence in unique]
    frequency = Counter(word for sentence in candidates for word in _words(sentence))
    shared = Counter(word for found in words for word in found)

    def weight(word: str) -> float:
        return math.log1p(frequency[word]) * math.log1p(len(unique) / shared[word])

    scores = [sum(map(weight, sorted(found))) / math.sqrt(1 + len(found)) for found in words]
    wanted = min(_MAX, max(_FEWEST, len(unique) // _SENTENCES_PER_PICK))
    best = islice(sorted(range(len(unique)), key=lambda i: (-scores[i], i)), wanted)
    return [unique[i] for i in sorted(best)]


def _words(sentence: str) -> list[str]:
    return [word for word in _WORD.findall(sentence.casefold()) if len(word) >= _SHORTEST_WORD]


def summarise(text: str) -> str:
    """Return the extract of a text, the notice in its last line."""
    return signed(_joined(informative(sentences(text))))


def _joined(picked: Sequence[str]) -> str:
    """Join sentences into one paragraph; those without a full stop, such as list items, get their own."""
    text = ""
    for sentence in picked:
        written = text.rstrip(_CLOSING)
        if text and not written.endswith(_SPACELESS_END_MARKS):
            text += " " if written.endswith(_END_MARKS) else "\n\n"
        text += sentence
    return text


def signed(text: str) -> str:
    """Put the notice below a text."""
    return f"{text}\n\n{NOTICE}" if text else NOTICE


def cut_signed(text: str, max_tokens: int) -> str:
    """Cut a text so that it fits into `max_tokens` with the notice below it, which partial texts have as well."""
    body = text.removesuffix(NOTICE).rstrip()
    room = max_tokens - count_tokens(f"\n\n{NOTICE}")
    return signed(cut(body, room).rstrip())
