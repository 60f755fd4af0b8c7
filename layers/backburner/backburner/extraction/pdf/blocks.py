"""Turns lines into paragraphs, list items and headings."""

import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backburner.extraction.pdf.lines import Line, joined
from backburner.extraction.pdf.words import Cells

_BULLET = re.compile(r"[•●○■□▪▫◦‣⁃∙·❖➢✓\u2212]\s*(?=\S)|[*\-–—\ufffd\uf000-\uf0ff]\s+(?=\S)|o\s+(?=[A-Z])")  # noqa: RUF001
_NUMBER = re.compile(
    r"(?:\(?(?:\d{1,3}|[ivxlc]{1,5}|[a-zA-Z])[.)]|\d{1,3}(?:\.\d{1,3})+\.?|\u00a7\s?\d+|\[\d+\])\s+\S"
    r"|(?:\d{1,3}\.|\d{1,3}(?:\.\d{1,3})+\.?|\([a-z\d]{1,3}\))[A-Z\u00c0-\u00de\u0410-\u042f]"
)
"""Some programs leave no gap between a number and its text."""
_ENDS = re.compile(r"[.:;!?…。！？؟][\"'”’»)\]]*$")  # noqa: RUF001
_BEGINS = re.compile(r"[\"'“‘«„(\[]*[A-Z\u00c0-\u00de\u0400-\u042f\d]")  # noqa: RUF001
_PAGE_NUMBER = re.compile(r" \.\.\. \S{1,8}$")
"""The end of a line in a table of contents: dot leaders and a page number."""
_HYPHEN = re.compile(r"(?<=[^\W_])[-\u2010\u00ad]$")
_SAME_SIZE = 0.06
_MOSTLY = 0.7
_WIDE = 0.6
_SHORT = 0.25
"""A share of the column width: a line that leaves more free has ended, whatever its last character."""


@dataclass(slots=True, eq=False)
class Block:
    """A paragraph with its font size, a table, or a remark to be shown as is."""

    text: str
    size: float
    lines: int = 1
    is_list_item: bool = False
    is_bullet: bool = False
    table: Cells | None = None


def blocks_of(lines: Sequence[Line], right: float) -> Iterator[Block]:
    """The blocks of a region whose lines may extend to this right edge."""
    pitch = _pitch(lines)
    fits = _fitting(lines, right)
    open_lines: list[Line] = []
    for line in lines:
        if open_lines and (line.table or open_lines[-1].table or _is_new(open_lines, line, pitch, fits)):
            yield _block(open_lines)
            open_lines = []
        open_lines.append(line)
    if open_lines:
        yield _block(open_lines)


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance between consecutive lines, in font sizes."""
    steps = [
        (above.bottom - below.bottom) / below.size
        for above, below in pairwise(lines)
        if _is_same_size(above, below) and 0 < above.bottom - below.bottom < 3 * below.size
    ]
    return statistics.median_low(steps) if steps else 1.2


def _fitting(lines: Sequence[Line], right: float) -> Callable[[Line, Line], bool]:
    """Whether a line was ended on purpose, since the first word of the next line would have fitted on it.

    Running text shows by itself how wide its lines are; short lines, and lines that each end a sentence, do not.
    """
    left, widest = min(line.x0 for line in lines), max(line.x1 for line in lines)
    ended = [_is_ended(above, below) for above, below in pairwise(lines)]
    goes_on = sum(line.text[:1].islower() for line in lines[1:])
    is_running = goes_on > 1 and goes_on >= 0.5 * len(ended)
    is_listed = len(ended) > 0 and sum(ended) >= _MOSTLY * len(ended)
    if is_running or (widest - left >= _WIDE * (right - left) and not is_listed):
        right = min(right, widest)

    def is_ended(above: Line, below: Line) -> bool:
        room = right - 0.5 * below.size - above.x1
        fits = room > 0.3 * below.size + below.first_width
        is_end = _is_ended(above, below)
        return (fits and (is_end or room > _SHORT * (right - left))) or (is_listed and is_end)

    return is_ended


def _is_ended(above: Line, below: Line) -> bool:
    return bool(_PAGE_NUMBER.search(above.text) or (_ENDS.search(above.text[-4:]) and _BEGINS.match(below.text)))


def _is_new(open_lines: Sequence[Line], line: Line, pitch: float, fits: Callable[[Line, Line], bool]) -> bool:
    """Whether a line begins a new paragraph."""
    above = open_lines[-1]
    step = (above.bottom - line.bottom) / line.size
    is_far = bool(_PAGE_NUMBER.search(above.text)) or step > max(1.25 * pitch, pitch + 0.3) or step < 0
    if is_far or not _is_same_size(above, line) or _BULLET.match(line.text):
        return True
    if _NUMBER.match(line.text) and (_is_item(open_lines[0]) or _ENDS.search(above.text[-4:]) or fits(above, line)):
        return True
    if len(open_lines) == 1 and _is_item(above) and line.x0 > above.x0:
        return False
    is_indented = line.x0 > above.x0 + 0.8 * line.size
    if is_indented and (len(open_lines) > 1 or _is_ended(above, line)):
        return True
    return fits(above, line) and not _HYPHEN.search(above.text[-2:])


def _is_item(line: Line) -> bool:
    return bool(_BULLET.match(line.text) or _NUMBER.match(line.text))


def _is_same_size(above: Line, below: Line) -> bool:
    return abs(above.size - below.size) <= _SAME_SIZE * max(above.size, below.size)


def _block(lines: Sequence[Line]) -> Block:
    if lines[0].table is not None:
        return Block("", lines[0].size, table=lines[0].table)
    text = joined(line.text for line in lines)
    size = statistics.median_low(line.size for line in lines)
    bullet = _BULLET.match(text)
    if bullet:
        return Block(f"- {text[bullet.end() :]}", size, len(lines), is_list_item=True, is_bullet=True)
    return Block(text, size, len(lines), is_list_item=bool(_NUMBER.match(text)))
