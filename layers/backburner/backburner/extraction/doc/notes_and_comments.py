"""Notes, comments and text boxes, by the position in the text that they belong to."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from backburner.extraction.composition import Block
from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.doc.plc import plc, positions, strings

_COMMENT_BYTES, _SHAPE_BYTES, _BOX_BYTES, _NOTE_BYTES = 30, 26, 22, 2
_AUTHOR_AT, _SHAPE_AT = 20, 14

ReadRange = Callable[[int, int], list[Block]]
"""Reads a range of characters outside the body."""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote, endnote or comment: the range of its text, and what it is."""

    first: int
    last: int
    is_endnote: bool = False
    author: str | None = None
    """The author of a comment; None for other notes."""


class NotesAndBoxes:
    """Notes and text boxes; each text box is returned once."""

    def __init__(self, fib: Fib, read_range: ReadRange) -> None:
        self._fib = fib
        self._read_range = read_range
        lengths = fib.lengths
        footnotes = lengths.body
        self._comments = footnotes + lengths.footnotes + lengths.headers + lengths.macros
        endnotes = self._comments + lengths.comments
        self._boxes_first = endnotes + lengths.endnotes
        self.notes: dict[int, Note] = {
            **_notes(fib, (Table.FOOTNOTE_MARKS, Table.FOOTNOTES), footnotes, is_endnote=False),
            **_notes(fib, (Table.ENDNOTE_MARKS, Table.ENDNOTES), endnotes, is_endnote=True),
            **self._comments_by_mark(),
        }
        self._boxes = self._box_ranges(Table.BOXES, self._boxes_first)
        firsts, shapes = plc(fib.part(Table.SHAPES), _SHAPE_BYTES)
        self._shapes = {first: struct.unpack_from("<I", shape)[0] for first, shape in zip(firsts, shapes, strict=False)}

    def read(self, note: Note) -> list[Block]:
        """The text of a note."""
        return self._read_range(note.first, note.last)

    def box_at(self, position: int) -> list[Block]:
        """The text of the box that is anchored at a position."""
        found = self._boxes.pop(self._shapes.get(position, -1), None)
        return self._read_range(*found) if found else []

    def remaining_boxes(self) -> list[list[Block]]:
        """Text boxes without an anchor, such as those in groups of shapes."""
        remaining = sorted(self._boxes.values())
        self._boxes = {}
        return [self._read_range(*found) for found in remaining]

    def header_boxes(self) -> list[list[Block]]:
        """Text boxes anchored in headers and footers."""
        boxes = self._box_ranges(Table.HEADER_BOXES, self._boxes_first + self._fib.lengths.boxes)
        return [self._read_range(*found) for found in sorted(boxes.values())]

    def _comments_by_mark(self) -> dict[int, Note]:
        marks, descriptions = plc(self._fib.part(Table.COMMENT_MARKS), _COMMENT_BYTES)
        firsts = positions(self._fib.part(Table.COMMENTS))
        authors = strings(self._fib.part(Table.AUTHORS))
        found = {}
        for mark, description, first, last in zip(marks, descriptions, firsts, firsts[1:], strict=False):
            (number,) = struct.unpack_from("<H", description, _AUTHOR_AT)
            author = authors[number] if number < len(authors) else ""
            found[mark] = Note(self._comments + first, self._comments + last, author=author)
        return found

    def _box_ranges(self, table: Table, start: int) -> dict[int, tuple[int, int]]:
        """Text boxes by shape id; the last entry only marks the end."""
        firsts, descriptions = plc(self._fib.part(table), _BOX_BYTES)
        found = {}
        for first, last, description in zip(firsts, firsts[1:], descriptions[:-1], strict=False):
            (shape,) = struct.unpack_from("<I", description, _SHAPE_AT)
            if first < last:
                found[shape] = (start + first, start + last)
        return found


def _notes(fib: Fib, tables: tuple[Table, Table], start: int, *, is_endnote: bool) -> dict[int, Note]:
    marks, _ = plc(fib.part(tables[0]), _NOTE_BYTES)
    firsts = positions(fib.part(tables[1]))
    return {
        mark: Note(start + first, start + last, is_endnote=is_endnote)
        for mark, first, last in zip(marks[:-1], firsts, firsts[1:], strict=False)
    }
