"""Reads one text of the document from its elements: the body, a header, a note, a text box.

Elements arrive one by one, at their start and end, so that the body may be larger than memory. Only a paragraph is
examined as a whole.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

from backburner.errors import JobError, Reason
from backburner.extraction.word.blocks import Block, Blocks, Cell
from backburner.extraction.word.context import Context
from backburner.extraction.word.formulas import formula_lines
from backburner.extraction.word.names import MARKUP, MATH, child, number, relationship_id, switch, value, word
from backburner.extraction.word.numbering import Counters
from backburner.extraction.word.paragraph import Paragraph
from backburner.extraction.word.runs import EMPHASIS, Piece, with_marks
from backburner.extraction.word.styles import ParagraphStyle, list_reference
from backburner.extraction.word.tables import Tables
from backburner.extraction.xmltree import Element, local_name

_COMPLETE = frozenset(
    {
        *word("p", "altChunk", "sectPr", "trPr", "tcPr", "subDoc"),
        *(f"{{{space}}}{name}" for space in MATH for name in ("oMath", "oMathPara")),
        f"{{{MARKUP}}}AlternateContent",
    }
)
"""Elements that are read as a whole, at their end."""
TAGS = (*_COMPLETE, *word("tbl", "tr", "tc"))
"""The elements whose start and end are reported."""
_MAX_NESTED = 40
"""How deep text boxes may be nested."""


class Section(NamedTuple):
    """A section's headers and footers."""

    has_title_page: bool
    references: list[tuple[str, str, str]]
    """`header` or `footer`; `default`, `first` or `even`; the id of the part's relationship."""


class Story:
    """A text being read from one part of the document, which passes on its blocks."""

    def __init__(self, context: Context, part: str, blocks: Blocks, counters: Counters | None = None) -> None:
        self.context = context
        self.part = part
        self.relationships = context.relationships(part)
        self.sections: list[Section] = []
        self.has_text = False
        """Whether any of the document's own text was read, as opposed to notes on what is missing."""
        self._counters = counters or Counters(context.numbering, context.styles.language)
        self._blocks = blocks
        self._tables = Tables()
        self._open_complete = 0
        self._nesting = 0
        self._paragraph = Paragraph(self)
        self._carried: list[Piece] = []

    def read(self, element: Element) -> None:
        """Read an element that is in memory."""
        self._feed_tree(element)
        self.finish()

    def feed(self, events: Iterable[tuple[str, Element]], *, free: bool = False) -> None:
        """Read elements as they start and end; finished ones are freed if `free` is set."""
        for event, element in events:
            is_begin = event == "start"
            if element.tag in _COMPLETE:
                self._open_complete += 1 if is_begin else -1
                if not is_begin and not self._open_complete:
                    self._read_whole(local_name(element), element)
            elif not self._open_complete:
                self._begin_or_end(local_name(element), is_begin=is_begin)
            if free and not is_begin and not self._open_complete:
                _free(element)

    def finish(self) -> None:
        """Write what was held back for more to come."""
        self._flush()
        held = self._paragraph.unfinished()
        if held:
            self._blocks.add(Block(self.context.missing("a field without an end: its contents follow")))
            self._blocks.add(Block(held))

    def nested(self, element: Element) -> list[Block]:
        """The blocks of a text box in this text. Raises `JobError` if text boxes are nested too deeply."""
        if self._nesting >= _MAX_NESTED:
            what = f"{self.context.parts.what} with text boxes nested deeper than {_MAX_NESTED}"
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"{what}: damaged, or hostile; save it again")
        cell = Cell()
        story = Story(self.context, self.part, cell, self._counters)
        story._nesting = self._nesting + 1
        story.read(element)
        self.has_text = self.has_text or story.has_text
        return cell.blocks

    def inner_document(self, element: Element) -> str:
        """A document inside this one (`w:altChunk`, `w:subDoc`), or a note on why it is not read."""
        what = "inserted document" if local_name(element) == "altChunk" else "subdocument"
        relationship = self.relationships.get(relationship_id(element))
        name = "" if relationship is None else relationship.target.replace("\\", "/").rpartition("/")[2]
        text, is_read = self.context.read_part(relationship, f"{what} {name}".strip())
        self.has_text = self.has_text or is_read
        return text

    def _feed_tree(self, element: Element) -> None:
        self.feed(etree.iterwalk(element, events=("start", "end"), tag=TAGS))

    def _read_whole(self, name: str, element: Element) -> None:
        if name == "p":
            self._read_paragraph(element)
        elif name == "AlternateContent":
            for best_version in self._paragraph.best_version(element):
                self._feed_tree(best_version)
        elif name == "sectPr":
            self._read_section(element)
        elif name in ("altChunk", "subDoc"):
            self._blocks.add(Block(self.inner_document(element)))
        elif name in ("trPr", "tcPr"):
            if self._tables:
                self._tables.apply_properties(element)
        else:
            self._blocks.add(Block("\n".join(formula_lines(element))))
            self.has_text = True

    def _read_section(self, element: Element) -> None:
        kinds = {"headerReference": "header", "footerReference": "footer"}
        references = [
            (kinds[local_name(one)], value(one, "type") or "default", relationship_id(one))
            for one in element
            if local_name(one) in kinds
        ]
        self.sections.append(Section(switch(element, "titlePg") or False, references))

    def _begin_or_end(self, name: str, *, is_begin: bool) -> None:
        if is_begin:
            if name == "tbl":
                self._flush()
            self._blocks = self._tables.begin(name, self._blocks)
        else:
            self._flush()
            self._blocks = self._tables.end(name, self._blocks)

    def _read_paragraph(self, element: Element) -> None:
        properties = child(element, "pPr")
        style_id = "" if properties is None else _child_value(properties, "pStyle")
        style = self.context.styles.of_paragraph(style_id)
        before, pieces, after = self._paragraph.read(element, style.run)
        pieces = self._carried + pieces
        self._carried = []
        for block in before:
            self._blocks.add(block)
        if properties is not None and _continues(properties):
            self._carried = pieces
        else:
            self._blocks.add(self._block(pieces, properties, style))
        for block in after:
            self._blocks.add(block)
        section = None if properties is None else child(properties, "sectPr")
        if section is not None:
            self._read_section(section)

    def _block(self, pieces: list[Piece], properties: Element | None, style: ParagraphStyle) -> Block:
        """A heading, list item or plain paragraph, with its number; an entirely hidden one is not counted."""
        outline = None if properties is None else child(properties, "outlineLvl")
        heading = (style.heading or 0) if outline is None else ((number(value(outline)) or 0) + 1) % 10
        text = with_marks(pieces, ~EMPHASIS if heading else ~0).strip()
        position = self.context.numbering.position(list_reference(properties), style)
        mark = None if properties is None else child(properties, "rPr")
        is_hidden = not text and mark is not None and switch(mark, "vanish") is True
        label = None if position is None or is_hidden else self._counters.next(*position)
        if position is None or label is None or (label.is_bullet and (heading or not text)):
            return Block(text, heading)
        return Block(text, heading, None if heading else position[1] + style.depth, label.text, label.gap)

    def _flush(self) -> None:
        """End a paragraph held back, at the end of a cell or of the text."""
        if self._carried:
            self._blocks.add(Block(with_marks(self._carried).strip()))
            self._carried = []


def _continues(properties: Element) -> bool:
    """Whether a paragraph continues in the next one: its end was deleted or moved away, or it is a drop cap."""
    mark, frame = child(properties, "rPr"), child(properties, "framePr")
    is_deleted = mark is not None and any(child(mark, name) is not None for name in ("del", "moveFrom"))
    return is_deleted or (frame is not None and value(frame, "dropCap") in ("drop", "margin"))


def _child_value(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""


def _free(element: Element) -> None:
    """Free a finished element and those before it."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
