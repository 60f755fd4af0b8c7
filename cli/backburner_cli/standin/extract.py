"""The stand-in's "model": an extract of the input's most informative sentences, which says that it is one.

Tokens are estimated by one rule everywhere: four bytes of UTF-8 are one token, rounded up. That is about four Latin
or two Cyrillic letters, near enough to real tokenisers, and it never falls as a text grows.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

NOTICE: Final = "[Extract by the local stand-in, not written by a language model]"
"""The last line of every text that the stand-in writes. It fits into the smallest cap the API allows (16 tokens)."""

_BYTES_PER_TOKEN: Final = 4
_MAX_SENTENCE: Final = 400
_FEWEST, _MAX, _SENTENCES_PER_PICK = 3, 10, 10
_SHORTEST_WORD: Final = 4
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?…])[\"'»”)\]]*\s+|(?<=[。！？])"
    r"|\n\s*\n|\n(?=\s*(?:[-*•|>#]|\d+[.)]))"  # but not a line's end: a wrapped sentence goes on below it
)
_WORD: Final = re.compile(r"[^\W\d_]+")


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text by the module's rule."""
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def cut(text: str, max_tokens: int) -> str:
    """Keep as much of the beginning as `max_tokens` hold, never half a character."""
    return text.encode()[: max(0, max_tokens) * _BYTES_PER_TOKEN].decode(errors="ignore")


def sentences(text: str) -> list[str]:
    """Split into sentences, in order, blanks collapsed, none longer than a paragraph; earlier notices are left out."""
    pieces = (" ".join(piece.split()) for piece in _SENTENCE_END.split(text.replace(NOTICE, "")))
    return [part for piece in pieces if piece for part in _bounded(piece)]


def _bounded(sentence: str) -> list[str]:
    parts = []
    while len(sentence) > _MAX_SENTENCE:
        space = sentence.rfind(" ", 0, _MAX_SENTENCE)
        end = space if space > 0 else _MAX_SENTENCE
        parts.append(sentence[:end])
        sentence = sentence[end:].lstrip()
    return [*parts, sentence] if sentence else parts


def informative(candidates: Sequence[str]) -> list[str]:
    """Pick the most informative sentences and return them in the order in which they stand.

    A word counts more the oftener it occurs and less the more sentences share it, so words that are everywhere weigh
    little in any language, without a list of them. Long sentences win by what they say, not by their length.
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
    return signed(" ".join(informative(sentences(text))))


def signed(text: str) -> str:
    """Put the notice below a text."""
    return f"{text}\n\n{NOTICE}" if text else NOTICE


def cut_signed(text: str, max_tokens: int) -> str:
    """Cut a text so that it and the notice below it fit into `max_tokens`: partial text is no less honest."""
    body = text.removesuffix(NOTICE).rstrip()
    room = max_tokens - count_tokens(f"\n\n{NOTICE}")
    return signed(cut(body, room).rstrip())
