"""A text of the document from its elements: the body, a header, a note, a text box.

Elements are told one by one, at their beginning and their end, so that a body may be longer than memory. Only a
paragraph is looked at as a whole.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

from backburner.errors import JobError, Reason
from backburner.extraction.word.blocks import Block, Blocks, Cell
from backburner.extraction.word.formulas import formula_lines
from backburner.extraction.word.names import MARKUP, MATH, child, number, relationship_id, switch, value, word
from backburner.extraction.word.numbering import Counters
from backburner.extraction.word.paragraph import Paragraph
from backburner.extraction.word.runs import EMPHASIS, Piece, marked
from backburner.extraction.word.setting import Setting
from backburner.extraction.word.styles import ParagraphStyle, list_place
from backburner.extraction.word.tables import Tables
from backburner.extraction.xmltree import Element, local_name

_WHOLE = frozenset(
    {
        *word("p", "altChunk", "sectPr", "trPr", "tcPr", "subDoc"),
        *(f"{{{space}}}{name}" for space in MATH for name in ("oMath", "oMathPara")),
        f"{{{MARKUP}}}AlternateContent",
    }
)
"""What is looked at as a whole once it ends."""
TAGS = (*_WHOLE, *word("tbl", "tr", "tc"))
"""The elements to be told of."""
_MAX_NESTED = 40
"""Text boxes in text boxes."""


class Section(NamedTuple):
    """What a section says of its headers and footers."""

    has_title_page: bool
    references: list[tuple[str, str, str]]
    """`header` or `footer`; `default`, `first` or `even`; the id of the part."""


class Story:
    """A text that is being read from one part of the document, into where its blocks go."""

    def __init__(self, setting: Setting, part: str, blocks: Blocks, counters: Counters | None = None) -> None:
        self.setting = setting
        self.part = part
        self.relationships = setting.relationships(part)
        self.sections: list[Section] = []
        self.has_text = False
        """Whether anything was read that is the document's own text, and no note of what is missing."""
        self._counters = counters or Counters(setting.numbering, setting.styles.language)
        self._blocks = blocks
        self._tables = Tables()
        self._within = 0
        self._level = 0
        self._paragraph = Paragraph(self)
        self._carried: list[Piece] = []

    def read(self, element: Element) -> None:
        """All that is in an element that is in memory."""
        self._feed_tree(element)
        self.finish()

    def feed(self, events: Iterable[tuple[str, Element]], *, forget: bool = False) -> None:
        """Elements as they begin and end; those that are done with are emptied on demand."""
        for event, element in events:
            is_begin = event == "start"
            if element.tag in _WHOLE:
                self._within += 1 if is_begin else -1
                if not is_begin and not self._within:
                    self._read_whole(local_name(element), element)
            elif not self._within:
                self._enclose(local_name(element), is_begin=is_begin)
            if forget and not is_begin and not self._within:
                _empty(element)

    def finish(self) -> None:
        """Nothing more comes: what waited for more is written."""
        self._settle()
        held = self._paragraph.unfinished()
        if held:
            self._blocks.add(Block(self.setting.missing("a field without an end: what stands in it follows")))
            self._blocks.add(Block(held))

    def nested(self, element: Element) -> list[Block]:
        """The blocks of a text box in this text. Raises `JobError` where it is in too many others."""
        if self._level >= _MAX_NESTED:
            what = f"{self.setting.parts.what} with more than {_MAX_NESTED} text boxes in each other"
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"{what}: damaged, or hostile; save it again")
        cell = Cell()
        story = Story(self.setting, self.part, cell, self._counters)
        story._level = self._level + 1
        story.read(element)
        self.has_text = self.has_text or story.has_text
        return cell.blocks

    def chunk(self, element: Element) -> str:
        """A document within this one (`w:altChunk`, `w:subDoc`), or why it is not read."""
        what = "inserted document" if local_name(element) == "altChunk" else "subdocument"
        relationship = self.relationships.get(relationship_id(element))
        name = "" if relationship is None else relationship.target.replace("\\", "/").rpartition("/")[2]
        text, is_read = self.setting.read_part(relationship, f"{what} {name}".strip())
        self.has_text = self.has_text or is_read
        return text

    def _feed_tree(self, element: Element) -> None:
        self.feed(etree.iterwalk(element, events=("start", "end"), tag=TAGS))

    def _read_whole(self, name: str, element: Element) -> None:
        if name == "p":
            self._read_paragraph(element)
        elif name == "AlternateContent":
            for branch in self._paragraph.branch(element):
                self._feed_tree(branch)
        elif name == "sectPr":
            self._read_section(element)
        elif name in ("altChunk", "subDoc"):
            self._blocks.add(Block(self.chunk(element)))
        elif name in ("trPr", "tcPr"):
            if self._tables:
                self._tables.look(element)
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

    def _enclose(self, name: str, *, is_begin: bool) -> None:
        if is_begin:
            if name == "tbl":
                self._settle()
            self._blocks = self._tables.begin(name, self._blocks)
        else:
            self._settle()
            self._blocks = self._tables.end(name, self._blocks)

    def _read_paragraph(self, element: Element) -> None:
        properties = child(element, "pPr")
        style_id = "" if properties is None else _said(properties, "pStyle")
        style = self.setting.styles.of_paragraph(style_id)
        before, pieces, behind = self._paragraph.read(element, style.run)
        pieces = self._carried + pieces
        self._carried = []
        for block in before:
            self._blocks.add(block)
        if properties is not None and _runs_on(properties):
            self._carried = pieces
        else:
            self._blocks.add(self._block(pieces, properties, style))
        for block in behind:
            self._blocks.add(block)
        section = None if properties is None else child(properties, "sectPr")
        if section is not None:
            self._read_section(section)

    def _block(self, pieces: list[Piece], properties: Element | None, style: ParagraphStyle) -> Block:
        """A heading, an item or a plain paragraph, with its number. One that is hidden as a whole does not count."""
        outline = None if properties is None else child(properties, "outlineLvl")
        heading = (style.heading or 0) if outline is None else ((number(value(outline)) or 0) + 1) % 10
        text = marked(pieces, ~EMPHASIS if heading else ~0).strip()
        place = self.setting.numbering.place(list_place(properties), style)
        mark = None if properties is None else child(properties, "rPr")
        is_hidden = not text and mark is not None and switch(mark, "vanish") is True
        label = None if place is None or is_hidden else self._counters.next(*place)
        if place is None or label is None or (label.is_bullet and (heading or not text)):
            return Block(text, heading)
        return Block(text, heading, None if heading else place[1] + style.depth, label.text, label.gap)

    def _settle(self) -> None:
        """The end of a cell or of the text ends a paragraph too."""
        if self._carried:
            self._blocks.add(Block(marked(self._carried).strip()))
            self._carried = []


def _runs_on(properties: Element) -> bool:
    """Whether a paragraph goes on in the next: its end was deleted or moved away, or it is a large first letter."""
    mark, frame = child(properties, "rPr"), child(properties, "framePr")
    is_deleted = mark is not None and any(child(mark, name) is not None for name in ("del", "moveFrom"))
    return is_deleted or (frame is not None and value(frame, "dropCap") in ("drop", "margin"))


def _said(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""


def _empty(element: Element) -> None:
    """Free an element that is done with, and what stands before it."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]
