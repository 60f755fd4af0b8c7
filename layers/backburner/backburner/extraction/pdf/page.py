"""One page: its blocks in reading order, and what is missing from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from backburner.documents.pictures import fitted
from backburner.extraction.pdf.annotations import sort_annotations, words_inside
from backburner.extraction.pdf.blocks import Block, blocks_of
from backburner.extraction.pdf.columns import Area, regions
from backburner.extraction.pdf.drawing import Box, Drawing
from backburner.extraction.pdf.legibility import Fault, Printed, fault_of
from backburner.extraction.pdf.letters import is_rtl
from backburner.extraction.pdf.lines import lines_of
from backburner.extraction.pdf.pdfium import Page
from backburner.extraction.pdf.pixels import Frame, pixels
from backburner.extraction.pdf.ruled import with_tables
from backburner.extraction.pdf.words import Word, rotated, words_of

_RTL_SAMPLE = 400
_TRACE_PX = 400
"""The longer side of a page that is drawn only to see whether there is anything on it."""


@dataclass
class PageText:
    """The contents of a page."""

    blocks: list[Block] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    fault: Fault | None = None
    printed: int = 0
    """The number of characters, not counting white space."""
    is_incomplete: bool = False
    """Whether PDFium left out words: it takes some OCR words, which have no visible shape, for shadows of others."""
    is_blank: bool = False
    """Whether there is nothing at all on the page."""
    size: tuple[float, float] | None = None
    """Width and height in points, if the page can be drawn."""
    is_shown: bool = False
    """Whether it is to be shown as a picture; it has no blocks then."""


def page_text(page: Page) -> PageText:
    """Read a page."""
    characters = page.characters()
    page_words = words_of(characters)
    drawing = page.drawing()
    box, quarter = page.box, page_words.quarter
    annotations = sort_annotations(page.annotations(), quarter)
    on_page = Printed([(words, rotated(box, turn)) for turn, words in page_words.words.items()], page_words.oblique)
    fault = fault_of(on_page, drawing, box, is_recognised=characters.is_invisible)
    if fault is None and not on_page.chars and not annotations.words:
        fault = _trace(page, drawing, is_remarked=bool(annotations.remarks))
    page_words.words[quarter] += annotations.words
    if annotations.drawn:
        on_top = words_of(page.drawn_on_top())
        page_words.words[quarter] += words_inside(on_top.words[quarter], annotations.drawn)
    blocks: list[Block] = []
    rules = [*drawing.horizontal, *drawing.vertical]
    for direction in sorted(page_words.words, key=lambda direction: direction != quarter):
        placed = [rotated(rule, direction) for rule in rules] if direction == quarter else []
        blocks += _blocks(page_words.words[direction], placed, rotated(box, direction))
    blocks += [Block(" ".join(text.split()), 0.0) for text in page_words.oblique if text.strip()]
    printed = sum([len(word.text) for words in page_words.words.values() for word in words])
    is_blank = not (printed or fault or annotations.remarks or drawing.pictures or drawing.paths)
    is_incomplete = characters.is_invisible and characters.pieces < drawing.texts
    return PageText(
        blocks, annotations.remarks, annotations.attachments, fault, printed, is_incomplete, is_blank, page.size
    )


def _trace(page: Page, drawing: Drawing, *, is_remarked: bool) -> Fault | None:
    """What is missing from a page without text, however little it is; None if the page shows nothing.

    The marks of remarks show nothing else: their words are read.
    """
    size = fitted(*page.size, _TRACE_PX)
    drawn = pixels(page, Frame(size, (0, 0, *size)), with_annotations=not is_remarked)
    if drawn == drawn[:4] * (len(drawn) // 4):
        return None
    return Fault.PICTURE if drawing.pictures else Fault.DRAWING


def _blocks(words: Sequence[Word], rules: Sequence[Box], box: Box) -> Iterator[Block]:
    if not words:
        return
    rtl = is_rtl("".join(word.text for word in words[:_RTL_SAMPLE]))
    if rtl:
        words = [structs.replace(word, x0=-word.x1, x1=-word.x0) for word in words]
        rules = [(-x1, y0, -x0, y1) for x0, y0, x1, y1 in rules]
        box = -box[2], box[1], -box[0], box[3]
    flat = [rule for rule in rules if rule[1] == rule[3]]
    upright = [rule for rule in rules if rule[1] != rule[3]]
    words = with_tables(words, flat, upright, rtl=rtl)
    left = min([word.x0 for word in words])
    # Margins are assumed to be equal on both sides.
    right = max(box[2] - max(left - box[0], 0.0), *[word.x1 for word in words])
    for region in regions(words, Area(right, rtl)):
        yield from blocks_of(list(lines_of(region.rows, rtl=rtl)), region.right)
