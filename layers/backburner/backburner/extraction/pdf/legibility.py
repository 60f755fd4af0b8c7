"""Whether a page's text is all that it shows: scans, stamps, drawings, and fonts without a map to Unicode."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import groupby

from backburner.extraction.pdf.drawing import Box, Drawing, shared
from backburner.extraction.pdf.letters import UNREADABLE
from backburner.extraction.pdf.words import Word

_MAX_SCAN_CHARS = 100
"""A page mostly covered by a picture with at most this many characters is a scan with a stamp or a number."""
_MAX_MARGIN_CHARS = 400
"""The same if they are all at the top or the bottom."""
_MAX_STAMP_CHARS = 600
"""The same if a picture covers nearly all of it, and they take little room in one place, as stamps of signatures do."""
_MAX_STAMP_SHARE, _MAX_STAMP_INK, _MAX_STAMP_WIDTH = 0.15, 0.05, 0.45
"""The most of a page that the box around all such characters takes, and that their own boxes do; and the most of its
width in their direction that the box takes. A stamp is narrow, and the lines of a text are wide."""
_MARGIN = 0.12
_COVERED, _ALL_COVERED = 0.6, 0.85
_LITTLE_INK = 0.08
"""The share of a page that text takes beside a picture whose loss is noted; a full page of text takes a third."""
_SMALL_PICTURE = 0.002
_LARGE_PICTURE = 0.3
_NOTED_PICTURE = 0.5
_FEW_PATHS = 20
_MANY_UNREADABLE = 0.05


class Fault(StrEnum):
    """What is missing from a page."""

    SCAN = "no text, probably a scan"
    STAMPED_SCAN = "hardly any text over a picture, probably a scan"
    PICTURE = "no text, only a picture"
    DRAWING = "no text, only drawings"
    BESIDE = "a picture takes most of it and was not read"
    UNREADABLE = "some of its characters cannot be read, its fonts do not say what they mean"
    INCOMPLETE = "its text from OCR may lack words"
    BROKEN = "damaged, not read"

    @property
    def is_scan(self) -> bool:
        """Whether OCR would help."""
        return self in (Fault.SCAN, Fault.STAMPED_SCAN, Fault.PICTURE, Fault.DRAWING)

    @property
    def is_cured(self) -> bool:
        """Whether a model that is shown the page as a picture can read it all the same."""
        return self.is_scan or self is Fault.UNREADABLE


@dataclass(frozen=True)
class Printed:
    """The text of a page: words by direction, and the box of the page in that direction's coordinates."""

    words: Sequence[tuple[Sequence[Word], Box]]
    oblique: Sequence[str] = ()

    @cached_property
    def text(self) -> str:
        """Everything printed, without white space."""
        words = [word.text for words, _ in self.words for word in words]
        return "".join(words + ["".join(text.split()) for text in self.oblique])

    @property
    def chars(self) -> int:
        """Characters, not counting white space."""
        return len(self.text)

    @property
    def unreadable(self) -> int:
        """Characters that cannot be read."""
        return self.text.count(UNREADABLE)

    @property
    def ink(self) -> float:
        """The share of the page that the words take."""
        return sum(
            shared((word.x0, word.bottom, word.x1, word.top), box) for words, box in self.words for word in words
        )

    @property
    def spread(self) -> float:
        """The share of the page that the boxes around all words of a direction take, except those in its margins."""
        return sum(shared(around, box) for around, box in self._inner())

    @property
    def width(self) -> float:
        """The share of the page's width, in the direction of the words, that the widest of these boxes takes."""
        return max(((around[2] - around[0]) / (box[2] - box[0]) for around, box in self._inner()), default=0.0)

    @property
    def is_in_margins(self) -> bool:
        """Whether it is all at the top or the bottom."""
        return not self.oblique and all(_is_in_margin(word, box) for words, box in self.words for word in words)

    def _inner(self) -> Iterator[tuple[Box, Box]]:
        """For each direction the box around its words outside the margins, and the page's."""
        for words, box in self.words:
            inner = [word for word in words if not _is_in_margin(word, box)]
            if inner:
                yield _around(inner), box


def fault_of(printed: Printed, drawing: Drawing, box: Box, *, is_recognised: bool) -> Fault | None:
    """What is missing from a page with this text; None if nothing is, or it has no text and few drawings.

    A page is `is_recognised` if its text is invisible: OCR put it over the picture.
    """
    chars = printed.chars
    covered = _covered(drawing.pictures, box)
    if not chars:
        if covered > _SMALL_PICTURE:
            return Fault.SCAN if covered > _LARGE_PICTURE else Fault.PICTURE
        return Fault.DRAWING if drawing.paths > _FEW_PATHS else None
    if not is_recognised and _is_stamped(printed, chars, covered):
        return Fault.STAMPED_SCAN
    if printed.unreadable > _MANY_UNREADABLE * chars:
        return Fault.UNREADABLE
    is_beside = covered >= _NOTED_PICTURE and not is_recognised and printed.ink < _LITTLE_INK
    return Fault.BESIDE if is_beside else None


def _is_stamped(printed: Printed, chars: int, covered: float) -> bool:
    """Whether text on a page is only what is stamped or printed over a scan."""
    if covered < _COVERED:
        return False
    if chars <= _MAX_SCAN_CHARS or (chars <= _MAX_MARGIN_CHARS and printed.is_in_margins):
        return True
    is_little = chars <= _MAX_STAMP_CHARS and printed.ink <= _MAX_STAMP_INK
    is_together = printed.spread <= _MAX_STAMP_SHARE and printed.width <= _MAX_STAMP_WIDTH
    return covered >= _ALL_COVERED and is_little and is_together


def notes_of(faults: Iterable[tuple[int, Fault]]) -> Iterator[str]:
    """Notes on faults by page number (from 1), consecutive pages combined: `pages 2 to 4: no text, probably scans`."""
    for fault, group in _runs(faults):
        first, last = group[0], group[-1]
        words = _many(fault) if last > first else fault.value
        yield f"pages {first} to {last}: {words}" if last > first else f"page {first}: {words}"


def _many(fault: Fault) -> str:
    if fault is Fault.BESIDE:
        return "pictures take most of them and were not read"
    return fault.value.replace("a scan", "scans").replace("a picture", "pictures")


def _runs(faults: Iterable[tuple[int, Fault]]) -> Iterator[tuple[Fault, list[int]]]:
    numbered = enumerate(sorted(faults, key=lambda fault: fault[0]))
    for (fault, _), group in groupby(numbered, key=lambda item: (item[1][1], item[1][0] - item[0])):
        yield fault, [page for _, (page, _) in group]


def _covered(pictures: Sequence[Box], box: Box) -> float:
    """The share of a page covered by pictures; overlaps count twice, which errs towards a note."""
    return sum(shared(picture, box) for picture in pictures)


def _is_in_margin(word: Word, box: Box) -> bool:
    _, bottom, _, top = box
    margin = _MARGIN * (top - bottom)
    return word.baseline > top - margin or word.baseline < bottom + margin


def _around(words: Sequence[Word]) -> Box:
    return (
        min(word.x0 for word in words),
        min(word.bottom for word in words),
        max(word.x1 for word in words),
        max(word.top for word in words),
    )
