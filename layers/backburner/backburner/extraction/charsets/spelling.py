"""How odd characters look together: a wrong encoding mixes scripts and cases in words, and puts symbols in them."""

import re
import unicodedata
from functools import cache

SAMPLE_CHARS = 2_000
_BEYOND = re.compile(r"[^\x00-\x7f]")
_BETWEEN_LETTERS = frozenset("’‘·‐-")
_COMMON_SYMBOLS = frozenset("’‘“”„–—•…£€¥§©®™°º²³½¼«»№±×")
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "HALFWIDTH", "FULLWIDTH"})
"""They form words together, and adjoin other scripts without a space."""
_NEVER_WRITTEN = 3.0
_IN_PLACE = re.compile(
    r"""
    (?<=[A-Za-z])[’](?=[A-Za-z\s.,;:)]|$)       # an apostrophe
    | (?<![A-Za-z])[“‘«](?=[A-Za-z0-9\s])       # opening quotes
    | (?<=[A-Za-z0-9.,!?\s])[”»](?![A-Za-z])    # closing quotes
    | (?<=[\s\d])[–—](?=[\s\d])                 # dashes
    | (?:^|(?<=\s))[•©§®](?=\s|\d)
    | (?<=[A-Za-z])[™®](?![A-Za-z])
    | (?<![A-Za-z])[±×µ](?=\s?\w) | [£€¥](?=\s?\d) | (?<=\d)\s?[€£]
    | (?<=\d)\s?°(?=[CF\s.,;)]|$) | (?<=[A-Za-z])[²³](?![A-Za-z])
    | (?<![A-Za-z])[½¼¾](?![A-Za-z])
    """,
    re.VERBOSE | re.MULTILINE,
)


_PLACED = frozenset(char for char in _IN_PLACE.pattern if char > "\x7f")
"""The symbols that have such a place."""


def has_only_symbols(text: str) -> bool:
    """Whether everything beyond ASCII is a symbol used in English, where it belongs: quotes, 5 °C, £12."""
    beyond = [char for char in set(text) if char > "\x7f"]
    if not beyond or not all(char in _PLACED or char.isspace() for char in beyond):
        return False
    return _BEYOND.search(_IN_PLACE.sub("", text)) is None


def oddness(text: str) -> float:
    """0 if the characters beyond ASCII look like those of words and sentences; about 1 if none does."""
    sample = text[:SAMPLE_CHARS]
    found = [_odd_at(sample, match.start()) for match in _BEYOND.finditer(sample)]
    return sum(found) / len(found) if found else 0.0


def _odd_at(text: str, index: int) -> float:
    before = _kind(text[index - 1]) if index else " "
    after = _kind(text[index + 1]) if index + 1 < len(text) else " "
    return _odd(text[index], before, after)


@cache
def _odd(char: str, before: str, after: str) -> float:
    kind = _kind(char)
    in_word = before[0] == "L" and after[0] == "L"
    match kind[0]:
        case "X":
            return _NEVER_WRITTEN
        case "B":
            return 1.0 if "L" in (before[0], after[0]) else 0.0 if "B" in (before[0], after[0]) else 0.1
        case "S":
            beside_letter = "L" in (before[0], after[0])
            return (0.5 if beside_letter else 0.0) + (0.5 if char not in _COMMON_SYMBOLS else 0.0)
        case "P":
            return float(in_word and char not in _BETWEEN_LETTERS)
        case "L":
            return _odd_letter(kind, before, after)
        case _:
            return 0.0


def _odd_letter(kind: str, before: str, after: str) -> float:
    """Adjoining letters of another script, or capitals within a word."""
    odd = 0.0
    for other in (before, after):
        odd += other[0] == "L" and other[2:] != kind[2:] and "EAST" not in (other[2:], kind[2:])
    if kind[1] == "U" and before[:2] == "Ll":
        odd += 1.0
    if kind[1] == "l" and after[:2] == "LU":
        odd += 0.5
    return odd


@cache
def _kind(char: str) -> str:
    """A character's kind: `LUGREEK` or `LlLATIN`, a diacritic, a digit, punctuation, a symbol, a frame."""
    category = unicodedata.category(char)
    if "\u2500" <= char <= "\u259f":
        return "B"
    match category[0]:
        case "L":
            script = unicodedata.name(char, "?").replace("-", " ").partition(" ")[0]
            return f"L{'U' if category == 'Lu' else 'l'}{'EAST' if script in _EAST_ASIAN else script}"
        case "Z":
            return " "
        case "C":
            return " " if char in "\t\n\v\f\r" or category == "Cf" else "X"
        case "S":
            return "X" if char == "\ufffd" else "S"
        case other:
            return other
