"""Joins the words of a row into a line of text."""

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backburner.extraction.pdf.letters import is_cjk, is_rtl
from backburner.extraction.pdf.words import Cells, Word

_GLUED = 0.1
"""A share of the font size: words of different size or font closer than this are one word."""
_GLUED_RAISED = 0.25
_TOUCHING = 0.03
_RAISED = 0.15
_SMALLER = 0.9
_OVERLAP = 0.5
_SUPERSCRIPT = re.compile(r"[-+\u2212]?\d+(?:[,\u2013-]\d+)*|[a-z]{1,3}|[*\u2020\u2021]+")
_HYPHEN = re.compile(r"(?<=[^\W_])[-\u2010\u00ad]$")
_SUSPENDED = re.compile(r"(?:und|oder|bzw\.?|sowie|and|or|to|et|ou|y|e|и|или)\b")
_LEADERS = re.compile(r"\s*(?:[.\u2026\u00b7]\s?){4,}")
"""Dot leaders before a page number."""
_DOTS = ("...", ". .", "\u2026", "\u00b7")
_BRACKETS = "()", "[]", "{}", "<>"
_BRACKET = re.compile(r"[()\[\]{}<>]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(slots=True, eq=False)
class Line:
    """A line of text, or a table in its place."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    first_width: float
    """The width of its first word, to decide whether it would have fitted on the line above."""
    table: Cells | None = None


def rows_of(words: Iterable[Word]) -> list[list[Word]]:
    """Words grouped into rows, from top to bottom, each from start to end."""
    rows: list[list[Word]] = []
    top = bottom = 0.0
    for word in sorted(words, key=lambda word: (-word.baseline, word.x0)):
        overlap = min(top, word.top) - max(bottom, word.bottom)
        if rows and overlap > _OVERLAP * min(top - bottom, word.top - word.bottom):
            rows[-1].append(word)
            if word.size > 1.3 * (top - bottom):
                top, bottom = word.top, word.bottom
        else:
            rows.append([word])
            top, bottom = word.top, word.bottom
    for row in rows:
        row.sort(key=lambda word: word.x0)
    return rows


def lines_of(rows: Sequence[Sequence[Word]], *, rtl: bool) -> Iterator[Line]:
    """The lines of rows; a table appears once, where it begins."""
    seen: set[int] = set()
    for row in rows:
        for word in row:
            if word.table is not None and id(word.table) not in seen:
                seen.add(id(word.table))
                yield Line("", word.x0, word.x1, word.top, word.bottom, word.size, 0, word.table)
        words = [word for word in row if word.table is None]
        if words:
            yield line_of(words, rtl=rtl)


def line_of(words: Sequence[Word], *, rtl: bool) -> Line:
    """The line formed by the words of a row."""
    size = _usual_size(words)
    text = "".join(_pieces(_in_logical_order(words, rtl=rtl), size, rtl=rtl))
    if any(dots in text for dots in _DOTS):
        text = _LEADERS.sub(" ... ", text)
    return Line(
        text=_BRACKET.sub(_oriented, text) if rtl else text,
        x0=words[0].x0,
        x1=max(word.x1 for word in words),
        top=max(word.top for word in words),
        bottom=min(word.bottom for word in words),
        size=size,
        first_width=words[0].x1 - words[0].x0,
    )


def _oriented(bracket: re.Match[str]) -> str:
    """A bracket in right-to-left text as it is meant: some programs store the glyph, some the character."""
    text, at = bracket.string, bracket.start()
    before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
    pair = next(pair for pair in _BRACKETS if bracket[0] in pair)
    if before.isspace() and not after.isspace():
        return pair[0]
    return pair[1] if not before.isspace() and not after.isalnum() else bracket[0]


def _usual_size(words: Sequence[Word]) -> float:
    """The font size of most characters."""
    if len({word.size for word in words}) == 1:
        return words[0].size
    sizes: dict[float, int] = {}
    for word in words:
        sizes[word.size] = sizes.get(word.size, 0) + len(word.text)
    return max(sizes, key=lambda size: (sizes[size], size))


def _in_logical_order(words: Sequence[Word], *, rtl: bool) -> list[Word]:
    """Words in logical order: runs against the direction of the page are reversed."""
    if not rtl and all(word.text.isascii() for word in words):
        return list(words)
    ordered: list[Word] = []
    against: list[Word] = []
    pending: list[Word] = []
    for word in words:
        is_against = bool(_LETTER.search(word.text)) and is_rtl(word.text) != rtl
        if is_against:
            against += [*pending, word]
            pending = []
        elif against and not _LETTER.search(word.text):
            pending.append(word)
        else:
            ordered += [*reversed(against), *pending, word]
            against, pending = [], []
    return [*ordered, *reversed(against), *pending]


def _pieces(words: Sequence[Word], size: float, *, rtl: bool) -> Iterator[str]:
    baseline: float | None = None
    before: Word | None = None
    for word in words:
        is_raised = False
        if word.size <= _SMALLER * size and _SUPERSCRIPT.fullmatch(word.text):
            if baseline is None:
                baseline = statistics.median(other.baseline for other in words if other.size == size)
            is_raised = word.baseline - baseline > _RAISED * size
        if before is not None and _is_apart(before, word, rtl=rtl):
            yield " "
        yield f"^{word.text}^" if is_raised else word.text
        before = word


def _is_apart(before: Word, word: Word, *, rtl: bool) -> bool:
    """Whether there is a space between two words of a line."""
    gap = max(word.x0 - before.x1, before.x0 - word.x1)
    small = min(before.size, word.size)
    if min(word.x1, before.x1) - max(word.x0, before.x0) > 0.4 * small:
        return True  # one over the other
    if is_cjk(before.text[-1:]) and is_cjk(word.text[:1]):
        return gap > 0.6 * small
    if word.size < before.size and word.baseline > before.baseline + _RAISED * small:
        return gap > _GLUED_RAISED * small
    if abs(before.size - word.size) > 0.1 * small or abs(before.baseline - word.baseline) > _RAISED * small:
        return gap > _GLUED * small or (word.is_spaced and gap > 0)
    return gap > _GLUED * small or (word.is_spaced and (not rtl or gap > _TOUCHING * small))


def joined(lines: Iterable[str]) -> str:
    """The lines of a paragraph as one, with words divided at line ends joined."""
    text = ""
    for line in lines:
        if not text or not line:
            text += line
        elif text.endswith("\u00ad"):
            text = text[:-1] + line
        elif _HYPHEN.search(text[-2:]):
            text = _divided(text, line)
        elif is_cjk(text[-1]) and is_cjk(line[0]):
            text += line
        else:
            text = f"{text} {line}"
    return text.replace("\u00ad", "")


def _divided(text: str, line: str) -> str:
    """Joins a divided word; the hyphen stays before capitals and digits, and in `pre- and postwar`."""
    if _SUSPENDED.match(line):
        return f"{text} {line}"
    return (text[:-1] if line[0].islower() and text[-2].islower() else text) + line
