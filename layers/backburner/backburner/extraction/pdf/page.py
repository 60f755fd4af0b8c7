"""One page: its blocks in the order of reading, and what is missing from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from backburner.extraction.pdf.annotations import lay, within
from backburner.extraction.pdf.blocks import Block, blocks_of
from backburner.extraction.pdf.columns import Area, regions
from backburner.extraction.pdf.drawing import Box
from backburner.extraction.pdf.legibility import Fault, fault_of
from backburner.extraction.pdf.letters import is_rtl
from backburner.extraction.pdf.lines import lines_of
from backburner.extraction.pdf.pdfium import Page
from backburner.extraction.pdf.ruled import with_tables
from backburner.extraction.pdf.words import Word, set_words, turned

_RTL_SAMPLE = 400


@dataclass
class PageText:
    """What a page says."""

    blocks: list[Block] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    fault: Fault | None = None
    printed: int = 0
    """Characters, white space aside."""
    is_incomplete: bool = False
    """Whether PDFium has left out pieces of it: words of OCR have no shape, and it takes some for shadows of others."""
    is_blank: bool = False
    """Whether nothing at all is on it."""


def page_text(page: Page) -> PageText:
    """Read a page."""
    characters = page.characters()
    setting = set_words(characters)
    drawing = page.drawing()
    box, quarter = page.box, setting.quarter
    laid = lay(page.annotations(), quarter)
    words = _words_and(setting.words[quarter], setting.oblique)
    fault = fault_of(words, drawing, turned(box, quarter), is_recognised=characters.is_invisible)
    setting.words[quarter] += laid.words
    if laid.drawn:
        on_top = set_words(page.drawn_on_top())
        setting.words[quarter] += within(on_top.words[quarter], laid.drawn)
    blocks: list[Block] = []
    rules = [*drawing.horizontal, *drawing.vertical]
    for direction in sorted(setting.words, key=lambda direction: direction != quarter):
        placed = [turned(rule, direction) for rule in rules] if direction == quarter else []
        blocks += _blocks(setting.words[direction], placed, turned(box, direction))
    blocks += [Block(" ".join(text.split()), 0.0) for text in setting.oblique if text.strip()]
    printed = sum(len(word.text) for words in setting.words.values() for word in words)
    is_blank = not (printed or fault or laid.remarks or drawing.pictures or drawing.paths)
    is_incomplete = characters.is_invisible and characters.pieces < drawing.texts
    return PageText(blocks, laid.remarks, laid.attachments, fault, printed, is_incomplete, is_blank)


def _words_and(words: Sequence[Word], oblique: Sequence[str]) -> list[Word]:
    return [*words, *(Word(text, 0, 0, 0, 1) for text in oblique if text.strip())]


def _blocks(words: Sequence[Word], rules: Sequence[Box], box: Box) -> Iterator[Block]:
    if not words:
        return
    rtl = is_rtl("".join(word.text for word in words[:_RTL_SAMPLE]))
    if rtl:
        words = [replace(word, x0=-word.x1, x1=-word.x0) for word in words]
        rules = [(-x1, y0, -x0, y1) for x0, y0, x1, y1 in rules]
        box = -box[2], box[1], -box[0], box[3]
    flat = [rule for rule in rules if rule[1] == rule[3]]
    upright = [rule for rule in rules if rule[1] != rule[3]]
    words = with_tables(words, flat, upright, rtl=rtl)
    left = min(word.x0 for word in words)
    # Margins are alike on both sides.
    right = max(box[2] - max(left - box[0], 0.0), *(word.x1 for word in words))
    for region in regions(words, Area(right, rtl)):
        yield from blocks_of(list(lines_of(region.rows, rtl=rtl)), region.right)
