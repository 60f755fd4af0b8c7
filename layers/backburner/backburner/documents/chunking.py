"""Decides where to cut a long text: at headings, paragraphs, lines, sentences or words, in this order of preference.

Apart from overlaps, every character is in exactly one part. A word is cut only if it is longer than a part, or after a
mark that ends a sentence or clause in a script without spaces; and even then no letter is separated from its accents.
"""

import re
import unicodedata
from collections.abc import Iterator

from backburner.documents.plain_text import Span

_CLOSING = "\"'”’»›)\\]}」』）】*_"
_ENDS = "。！？．।॥؟۔։"
_HEADING = r"(?<=\n)(?=#{1,6}[ \t])"
_PARAGRAPH = r"\n(?:[ \t]*\r?\n)+"
_LINE = r"(?<=\n)|(?<=\r)(?!\n)|(?<=\f)"
_SENTENCE = rf"[.!?…][{_CLOSING}]{{0,3}}\s+|[{_ENDS}][{_CLOSING}]{{0,3}}\s*"
_WORD = r"(?<=\s)(?!(?<=\r)\n)"
_CLAUSE = rf"[、，；：{_ENDS}\u200b]"
_LEVELS = tuple(map(re.compile, (_HEADING, _PARAGRAPH, _LINE, _SENTENCE, _WORD)))
"""A part may end where a match ends; best first."""
_LAST_RESORTS = tuple(map(re.compile, (_WORD, _CLAUSE)))
_BEGINS = tuple(map(re.compile, (f"{_PARAGRAPH}|{_LINE}|{_SENTENCE}", r"(?<=\s)(?=\S)", _CLAUSE)))
"""An overlap may begin where a match ends; best first."""
_AHEAD = 8
"""How many characters the patterns look at after a match."""
_MAX_MARKS = 64
"""The maximum number of marks on one letter; real writing has fewer."""
_JOINED = frozenset(["\u200d", "\ufe0e", "\ufe0f", "\u20e3", *map(chr, range(0x1F3FB, 0x1F400))])
"""Characters that belong to the one before without being accents: those that join and colour emoji."""


def cut(text: str, max_chars: int, overlap_chars: int) -> list[Span]:
    """Spans in order, of at most `max_chars` characters each, which cover every character once apart from overlaps.

    A part repeats at most `overlap_chars` of the text before it, from the beginning of a sentence or else of a word,
    and nothing if none begins there. Raises `ValueError` unless 0 <= 2 * overlap_chars < max_chars.
    """
    if not 0 <= 2 * overlap_chars < max_chars:
        raise ValueError(f"an overlap of {overlap_chars} characters in parts of {max_chars}")
    return list(_spans(text, max_chars, overlap_chars))


def _spans(text: str, max_chars: int, overlap_chars: int) -> Iterator[Span]:
    own = 0
    while own < len(text):
        first = _overlap_begin(text, own, max(0, own - overlap_chars))
        last = _end(text, own, first + max_chars)
        if last is None:  # one word fills the part: no overlap
            first, most = own, own + max_chars
            last = _end(text, own, most) or _between_letters(text, own, most)
        yield Span(first=first, last=last, own=own)
        own = last


def _end(text: str, own: int, most: int) -> int | None:
    """Where a part ends: at the best boundary in its last half, or else at its last boundary; None if it has none."""
    if most >= len(text):
        return len(text)
    middle = (own + most) // 2
    for level in _LEVELS:
        if found := _last(level, text, middle, most):
            return found
    if text[most].isspace() and text[most - 1 : most + 1] != "\r\n":
        return most
    return next((found for level in _LAST_RESORTS if (found := _last(level, text, own, most))), None)


def _last(level: re.Pattern[str], text: str, after: int, most: int) -> int | None:
    """The last place after `after`, and at most `most`, where a match ends."""
    ends = (match.end() for match in level.finditer(text, after, min(len(text), most + _AHEAD)))
    return max((end for end in ends if after < end <= most), default=None)


def _overlap_begin(text: str, own: int, earliest: int) -> int:
    """The first place from `earliest` on where a sentence, or else a word, begins; `own` if there is none."""
    for level in _BEGINS:
        for match in level.finditer(text, max(0, earliest - 1), own):
            if earliest <= match.end() < own:
                return match.end()
    return own


def _between_letters(text: str, own: int, most: int) -> int:
    """The last place that separates no letter from its accents, and no CR from its LF."""
    for end in range(most, max(own, most - _MAX_MARKS), -1):
        joined = unicodedata.combining(text[end]) or text[end] in _JOINED or text[end - 1] == "\u200d"
        if not joined and text[end - 1 : end + 1] != "\r\n":
            return end
    return most
