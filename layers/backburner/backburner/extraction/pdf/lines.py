"""Joins the words of a row into a line of text."""

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

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
_START, _BASELINE = attrgetter("x0"), attrgetter("baseline")


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
    settled: tuple[float, float] | None = None  # the baseline and size of words that join the row as it is
    for word in sorted(sorted(words, key=_START), key=_BASELINE, reverse=True):
        place = word.baseline, word.size
        if place == settled:
            rows[-1].append(word)
            continue
        settled = None
        overlap = min(top, word.top) - max(bottom, word.bottom)
        if rows and overlap > _OVERLAP * min(top - bottom, word.top - word.bottom):
            rows[-1].append(word)
            if word.size > 1.3 * (top - bottom):
                top, bottom = word.top, word.bottom
            else:
                settled = place
        else:
            rows.append([word])
            top, bottom = word.top, word.bottom
    for row in rows:
        row.sort(key=_START)
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
    if not rtl and _is_plain(words):
        first, last = words[0], words[-1]
        text = _with_leaders(" ".join([word.text for word in words]))
        return Line(text, first.x0, last.x1, first.top, first.bottom, first.size, first.x1 - first.x0)
    size = _usual_size(words)
    text = _with_leaders("".join(_pieces(_in_logical_order(words, rtl=rtl), size, rtl=rtl)))
    return Line(
        text=_BRACKET.sub(_oriented, text) if rtl else text,
        x0=words[0].x0,
        x1=max(word.x1 for word in words),
        top=max(word.top for word in words),
        bottom=min(word.bottom for word in words),
        size=size,
        first_width=words[0].x1 - words[0].x0,
    )


def _is_plain(words: Sequence[Word]) -> bool:
    """Whether a line is as most are: ASCII of one size on one baseline, all words apart and in order."""
    before = words[0]
    size, baseline, min_gap = before.size, before.baseline, _GLUED * before.size
    if not before.text.isascii() or before.x1 < before.x0:
        return False
    for word in words[1:]:
        gap = word.x0 - before.x1
        if not (gap > min_gap or (word.is_spaced and gap >= 0)) or word.x1 < word.x0:
            return False
        if word.size != size or word.baseline != baseline or not word.text.isascii():
            return False
        before = word
    return True


def _with_leaders(text: str) -> str:
    """A line with each row of dots, as before a page number, as three."""
    return _LEADERS.sub(" ... ", text) if any(dots in text for dots in _DOTS) else text


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
