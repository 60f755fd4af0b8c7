"""What lies on a page rather than in it: values of form fields and added text in their places, comments behind it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.words import Word, turned

_LARGEST = 12.0
_SMALLEST = 4.0
_CHAR_WIDTH = 0.5
_STATES = dict.fromkeys(("check box", "radio button"), (UNTICKED, TICKED))
_IN_PLACE = frozenset({"free text", "stamp", "field", "signature", "check box", "radio button"})
_SILENT = frozenset({"link", "popup", "button", "widget", "redaction"})


@dataclass(frozen=True)
class Annotation:
    """What lies on a page: its kind, its box, what it says, and the state of a field."""

    kind: str
    box: tuple[float, float, float, float]
    """Left, bottom, right, top."""
    text: str
    author: str = ""
    is_drawn: bool = False
    """Whether it brings a drawing of its own with text in it."""
    is_hidden: bool = False
    is_checked: bool | None = None
    attachment: tuple[str, bytes] | None = None


@dataclass
class Laid:
    """What the annotations of a page say."""

    words: list[Word] = field(default_factory=list)
    """In the page's frame, as if they were printed."""
    remarks: list[str] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    drawn: list[Box] = field(default_factory=list)
    """Boxes of those that only draw what they say."""


def lay(annotations: Iterable[Annotation], quarter: int) -> Laid:
    """Sort the annotations of a page; hidden ones, links and buttons say nothing."""
    laid = Laid()
    for one in annotations:
        if one.attachment is not None:
            laid.attachments.append(one.attachment)
        if one.is_hidden or one.kind in _SILENT:
            continue
        if one.is_drawn and not one.text and one.kind not in _STATES:
            laid.drawn.append(turned(one.box, quarter))
        elif one.kind in _IN_PLACE:
            laid.words += _words(one, quarter)
        else:
            laid.remarks += _remark(one)
    return laid


def within(words: Iterable[Word], boxes: Iterable[Box]) -> list[Word]:
    """The words in the middle of one of these boxes."""
    wanted = list(boxes)
    return [
        word
        for word in words
        if any(
            x0 <= (word.x0 + word.x1) / 2 <= x1 and y0 <= word.base + 0.25 * word.size <= y1
            for x0, y0, x1, y1 in wanted
        )
    ]


def _remark(one: Annotation) -> Iterator[str]:
    text = " ".join(one.text.split())
    if text and not (one.attachment and text == one.attachment[0]):
        kind = "comment" if one.kind == "comment" else "note"
        yield f"[{kind} by {one.author}: {text}]" if one.author else f"[{kind}: {text}]"


def _words(one: Annotation, quarter: int) -> Iterator[Word]:
    """Its lines, from the top of its box on, in a size that fits it."""
    left, bottom, right, top = turned(one.box, quarter)
    text = _STATES[one.kind][bool(one.is_checked)] if one.kind in _STATES else one.text
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        return
    is_tied = one.kind in ("field", "signature")
    height = max(top - bottom, 1.0)
    size = min(0.7 * height, max(0.8 * height / len(lines), _SMALLEST), _LARGEST)
    base = bottom + 0.5 * height + 0.5 * len(lines) * 1.2 * size - size
    for number, line in enumerate(lines):
        width = _CHAR_WIDTH * size * len(line)
        end = left + min(width, max(right - left, size))
        yield Word(line, left, end, base - 1.2 * size * number, size, is_spaced=True, is_tied=is_tied)
