"""Annotations: values of form fields and added text in their places, comments after the page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.words import Word, rotated

_LARGEST = 12.0
_SMALLEST = 4.0
_CHAR_WIDTH = 0.5
_STATES = dict.fromkeys(("check box", "radio button"), (UNTICKED, TICKED))
_IN_PLACE = frozenset({"free text", "stamp", "field", "signature", "check box", "radio button"})
_SILENT = frozenset({"link", "popup", "button", "widget", "redaction"})


@dataclass(frozen=True)
class Annotation:
    """An annotation: its kind, its box, its text, and the state of a form field."""

    kind: str
    box: tuple[float, float, float, float]
    """Left, bottom, right, top."""
    text: str
    author: str = ""
    is_drawn: bool = False
    """Whether its appearance contains text."""
    is_hidden: bool = False
    is_checked: bool | None = None
    attachment: tuple[str, bytes] | None = None


@dataclass
class AnnotationContents:
    """The contents of a page's annotations."""

    words: list[Word] = field(default_factory=list)
    """In the page's coordinates, as if they were printed."""
    remarks: list[str] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    drawn: list[Box] = field(default_factory=list)
    """The boxes of annotations whose text is only in their appearance."""


def sort_annotations(annotations: Iterable[Annotation], quarter: int) -> AnnotationContents:
    """Sort a page's annotations; hidden ones, links and buttons are left out."""
    contents = AnnotationContents()
    for one in annotations:
        if one.attachment is not None:
            contents.attachments.append(one.attachment)
        if one.is_hidden or one.kind in _SILENT:
            continue
        if one.is_drawn and not one.text and one.kind not in _STATES:
            contents.drawn.append(rotated(one.box, quarter))
        elif one.kind in _IN_PLACE:
            contents.words += _words(one, quarter)
        else:
            contents.remarks += _remark(one)
    return contents


def words_inside(words: Iterable[Word], boxes: Iterable[Box]) -> list[Word]:
    """The words whose middle is inside one of these boxes."""
    wanted = list(boxes)
    return [
        word
        for word in words
        if any(
            x0 <= (word.x0 + word.x1) / 2 <= x1 and y0 <= word.baseline + 0.25 * word.size <= y1
            for x0, y0, x1, y1 in wanted
        )
    ]


def _remark(one: Annotation) -> Iterator[str]:
    text = " ".join(one.text.split())
    if text and not (one.attachment and text == one.attachment[0]):
        kind = "comment" if one.kind == "comment" else "note"
        yield f"[{kind} by {one.author}: {text}]" if one.author else f"[{kind}: {text}]"


def _words(one: Annotation, quarter: int) -> Iterator[Word]:
    """The lines of an annotation, from the top of its box, in a size that fits."""
    left, bottom, right, top = rotated(one.box, quarter)
    text = _STATES[one.kind][bool(one.is_checked)] if one.kind in _STATES else one.text
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        return
    is_tied = one.kind in ("field", "signature")
    height = max(top - bottom, 1.0)
    size = min(0.7 * height, max(0.8 * height / len(lines), _SMALLEST), _LARGEST)
    baseline = bottom + 0.5 * height + 0.5 * len(lines) * 1.2 * size - size
    for number, line in enumerate(lines):
        width = _CHAR_WIDTH * size * len(line)
        end = left + min(width, max(right - left, size))
        yield Word(line, left, end, baseline - 1.2 * size * number, size, is_spaced=True, is_tied=is_tied)
