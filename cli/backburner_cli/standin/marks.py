"""Page marks: bars across a page that say which page it is, so that pictures of pages can be distinguished.

A mark is read along one line. In units: black 4, white 2; then sixteen bits, each black 1 (0) or 3 (1) and white 2;
then black 6. The bits are the page, the number of pages (six each), and four check bits. Beginning and end differ, so
a page that is upside down or on its side is recognised as such. Tests draw a mark on every page that they draw.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

BITS: Final = 16
START, GAP, NOUGHT, ONE, STOP = 4, 2, 1, 3, 6
"""Widths in units."""
MAX_PAGE: Final = 63
"""The largest page number that a mark can hold."""
_RUNS: Final = 2 * BITS + 3
_LINES: Final = 48
_AGREEING: Final = 3
"""How many lines must agree: lines of text may look like a mark, but no three of them like the same one."""
_CONTRAST: Final = 60
_OFF: Final = 0.35
"""How much a width may deviate, as a share of it, or of one unit if that is more."""


@dataclass(frozen=True)
class Mark:
    """What a page's mark says, and the page's orientation: `upright`, `upside down` or `on its side`."""

    page: int
    of: int
    lies: str


def widths(page: int, of: int) -> list[int]:
    """The widths of a mark's bars in units, alternately black and white."""
    value = page << 10 | of << 4 | _check(page, of)
    bits = [value >> place & 1 for place in reversed(range(BITS))]
    return [START, GAP, *(width for bit in bits for width in (ONE if bit else NOUGHT, GAP)), STOP]


def mark_of(picture: "Image") -> Mark | None:
    """The mark on a picture, if several lines agree on it; None if none can be read."""
    grey, seen = picture.convert("L"), Counter[Mark]()
    for lies, lines in (("rows", _lines(grey)), ("columns", _lines(grey.transpose(_transpose())))):
        for line in lines:
            for direction, runs in ((1, line), (-1, line[::-1])):
                if found := _read(runs):
                    seen[Mark(*found, _lying(lies, direction))] += 1
    mark, count = max(seen.items(), key=lambda item: item[1], default=(None, 0))
    return mark if count >= _AGREEING else None


def _transpose() -> "Transpose":
    from PIL import Image  # noqa: PLC0415 - only needed for pictures

    return Image.Transpose.TRANSPOSE


def _lying(lines: str, direction: int) -> str:
    if lines == "columns":
        return "on its side"
    return "upright" if direction > 0 else "upside down"


def _lines(grey: "Image") -> Iterator[list[tuple[bool, int]]]:
    """Runs of black and white along lines from the top to the bottom."""
    for at in range(1, _LINES):
        top = grey.height * at // _LINES
        line = grey.crop((0, top, grey.width, top + 1)).tobytes()
        low, high = min(line), max(line)
        if high - low >= _CONTRAST:
            yield list(_runs(line, (low + high) // 2))


def _runs(line: bytes, threshold: int) -> Iterator[tuple[bool, int]]:
    is_black, length = line[0] < threshold, 0
    for value in line:
        if (value < threshold) is not is_black:
            yield is_black, length
            is_black, length = not is_black, 0
        length += 1
    yield is_black, length


def _read(runs: Sequence[tuple[bool, int]]) -> tuple[int, int] | None:
    for first in range(len(runs) - _RUNS + 1):
        is_black, length = runs[first]
        if is_black and length >= START and (found := _decoded([width for _, width in runs[first : first + _RUNS]])):
            return found
    return None


def _decoded(found: Sequence[int]) -> tuple[int, int] | None:
    """Page and number of pages; the unit is measured nearby, since perspective changes it along the line."""
    value = 0
    for at in range(0, _RUNS, 2):
        gaps = [found[near] for near in (at - 1, at + 1) if 0 <= near < _RUNS]
        unit = sum(gaps) / len(gaps) / GAP
        if at == 0 or at == _RUNS - 1:
            if not _is_about(found[at], START if at == 0 else STOP, unit):
                return None
            continue
        bit = _is_about(found[at], ONE, unit)
        if not bit and not _is_about(found[at], NOUGHT, unit):
            return None
        value = value << 1 | bit
    page, of = value >> 10, value >> 4 & MAX_PAGE
    return (page, of) if value & 15 == _check(page, of) and page else None


def _is_about(length: int, units: int, unit: float) -> bool:
    return abs(length - units * unit) <= max(_OFF * units, 0.8) * unit


def _check(page: int, of: int) -> int:
    return (page * 7 + of * 3 + 5) % 16
