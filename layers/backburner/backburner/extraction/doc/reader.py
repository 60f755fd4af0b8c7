"""DOC to Markdown: the body, with notes and text boxes in their places."""

from itertools import pairwise

from backburner.documents.plain_text import Extracted
from backburner.extraction.composition import Block, Composition, finished_document, joined
from backburner.extraction.compound import DAMAGED, Compound, damaged
from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.doc.fonts import Fonts
from backburner.extraction.doc.lists import Lists
from backburner.extraction.doc.notes_and_comments import NotesAndBoxes
from backburner.extraction.doc.plc import positions
from backburner.extraction.doc.text import Text
from backburner.extraction.doc.writer import Context, Writer

_SEPARATORS = 6
"""Texts before the headers: the separators between the body and its notes."""
_FOOTERS = frozenset({2, 3, 5})
"""The footers among the six texts of a section."""
_STORIES = 6


def read_doc(body: bytes) -> Extracted:
    """The text of a Word 97 to 2003 document. Raises `JobError` if it is encrypted, older or damaged."""
    compound = Compound(body)
    try:
        return _Reader(Fib(compound)).read()
    except DAMAGED as error:
        raise damaged() from error


class _Reader:
    def __init__(self, fib: Fib) -> None:
        self._fib = fib
        self._composition = Composition()
        self._context = Context(fib, Text(fib), Lists(fib), Fonts(fib), self._composition)
        self._notes_and_boxes = NotesAndBoxes(fib, self._read)
        self._context.notes = self._notes_and_boxes.notes

    def read(self) -> Extracted:
        lengths = self._fib.lengths
        if not 0 < lengths.body <= min(self._context.text.count, len(self._fib.document)):
            raise damaged()
        blocks = self._read(0, lengths.body)
        self._headers(lengths.body + lengths.footnotes, lengths.headers)
        blocks += [block for box in self._notes_and_boxes.remaining_boxes() for block in box]
        return finished_document(self._composition, blocks, "a DOC", self._context.pictures)

    def _read(self, first: int, last: int) -> list[Block]:
        """The body, or a text outside it."""
        return Writer(self._context, self._notes_and_boxes).read(first, last)

    def _headers(self, first: int, length: int) -> None:
        firsts = positions(self._fib.part(Table.HEADERS))
        for number, (begin, end) in enumerate(pairwise(firsts)):
            if number < _SEPARATORS or not begin < end <= length:
                continue
            text = joined(self._read(first + begin, first + end))
            if (number - _SEPARATORS) % _STORIES in _FOOTERS:
                self._composition.footer(text)
            else:
                self._composition.header(text)
        for blocks in self._notes_and_boxes.header_boxes():
            self._composition.header(joined(blocks))
