"""Whether a page's text is all that it shows: scans, drawings, and fonts without a map to Unicode."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby

from backburner.extraction.pdf.drawing import Box, Drawing, shared
from backburner.extraction.pdf.letters import UNREADABLE
from backburner.extraction.pdf.words import Word

_MAX_SCAN_CHARS = 100
"""A page mostly covered by a picture with at most this many characters is a scan with a stamp or a number."""
_MAX_MARGIN_CHARS = 400
"""The same if they are all at the top or the bottom."""
_MARGIN = 0.12
_COVERED = 0.6
_SMALL_PICTURE = 0.002
_LARGE_PICTURE = 0.3
_FEW_PATHS = 20
_MANY_UNREADABLE = 0.05


class Fault(StrEnum):
    """What is missing from a page."""

    SCAN = "no text, probably a scan"
    STAMPED_SCAN = "hardly any text over a picture, probably a scan"
    PICTURE = "no text, only a picture"
    DRAWING = "no text, only drawings"
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


def fault_of(words: Sequence[Word], drawing: Drawing, box: Box, *, is_recognised: bool) -> Fault | None:
    """What is missing from a page with these words; None if nothing is, or the page is blank.

    A page is `is_recognised` if its text is invisible: OCR put it over the picture.
    """
    printed = sum(len(word.text) for word in words)
    covered = _covered(drawing.pictures, box)
    if not printed:
        if covered > _SMALL_PICTURE:
            return Fault.SCAN if covered > _LARGE_PICTURE else Fault.PICTURE
        return Fault.DRAWING if drawing.paths > _FEW_PATHS else None
    is_little = printed <= _MAX_SCAN_CHARS or (printed <= _MAX_MARGIN_CHARS and _is_in_margins(words, box))
    if is_little and covered >= _COVERED and not is_recognised:
        return Fault.STAMPED_SCAN
    unreadable = sum(word.text.count(UNREADABLE) for word in words)
    return Fault.UNREADABLE if unreadable > _MANY_UNREADABLE * printed else None


def notes_of(faults: Iterable[tuple[int, Fault]]) -> Iterator[str]:
    """Notes on faults by page number (from 1), consecutive pages combined: `pages 2 to 4: no text, probably scans`."""
    for fault, group in _runs(faults):
        first, last = group[0], group[-1]
        words = fault.value.replace("a scan", "scans").replace("a picture", "pictures") if last > first else fault.value
        yield f"pages {first} to {last}: {words}" if last > first else f"page {first}: {words}"


def _runs(faults: Iterable[tuple[int, Fault]]) -> Iterator[tuple[Fault, list[int]]]:
    numbered = enumerate(sorted(faults, key=lambda fault: fault[0]))
    for (fault, _), group in groupby(numbered, key=lambda item: (item[1][1], item[1][0] - item[0])):
        yield fault, [page for _, (page, _) in group]


def _covered(pictures: Sequence[Box], box: Box) -> float:
    """The share of a page covered by pictures; overlaps count twice, which errs towards a note."""
    return sum(shared(picture, box) for picture in pictures)


def _is_in_margins(words: Sequence[Word], box: Box) -> bool:
    _, bottom, _, top = box
    margin = _MARGIN * (top - bottom)
    return all(word.baseline > top - margin or word.baseline < bottom + margin for word in words)
