"""Writes a range of characters as blocks: paragraphs, cells, fields, and notes in their places."""

import re
from collections import deque
from dataclasses import dataclass, field

from backburner.extraction.composition import HIDDEN, Block, Composition, comment, joined
from backburner.extraction.doc.fib import Fib
from backburner.extraction.doc.fonts import Fonts
from backburner.extraction.doc.forms import read_form
from backburner.extraction.doc.lists import Lists
from backburner.extraction.doc.notes_and_comments import Note, NotesAndBoxes
from backburner.extraction.doc.properties import CharacterProperties, ParagraphProperties
from backburner.extraction.doc.text import Run, Text
from backburner.extraction.story import Paragraph, Story
from backburner.extraction.wordfields import Field

_SPECIAL = re.compile("([\x00-\x08\x0b-\x1f])")
_REPLACEMENTS = {"\x0b": "\n", "\x0e": "\n", "\x1e": "\u2011"}
_ENDS = frozenset({"\r", "\x0c", "\x07"})
_PICTURE, _SHAPE = "\x01", "\x08"
_BEGIN, _RESULT, _END = "\x13", "\x14", "\x15"
_HEADINGS = range(9)
_EMBEDDED = re.compile(r"\s*(?:EMBED|LINK)\b\s*(\S*)", re.IGNORECASE)


@dataclass
class Context:
    """What the texts of a document share."""

    fib: Fib
    text: Text
    lists: Lists
    fonts: Fonts
    composition: Composition
    pictures: int = 0
    notes: dict[int, Note] = field(default_factory=dict)
    """Notes whose mark has not been reached, by the position of the mark."""


@dataclass
class _OpenField:
    """A field that has begun and not ended."""

    field: Field
    has_result: bool = False


class Writer:
    """Writes one text: the body, or a text outside it."""

    def __init__(self, context: Context, notes_and_boxes: NotesAndBoxes) -> None:
        self._context = context
        self._notes_and_boxes = notes_and_boxes
        self._story = Story()
        self._fields: list[_OpenField] = []
        self._mark_positions: deque[int] = deque()
        """The positions of note marks not reached yet."""

    def read(self, first: int, last: int) -> list[Block]:
        """The blocks of a range."""
        self._mark_positions = deque(sorted(position for position in self._context.notes if first <= position < last))
        for run in self._context.text.runs(first, last):
            if not run.properties.is_deleted:
                self._run(run)
        return self._story.finish()

    def _run(self, run: Run) -> None:
        position = run.first
        for piece in _SPECIAL.split(run.units.decode("utf-16-le", "replace")):
            if len(piece) == 1 and _SPECIAL.match(piece):
                self._special(piece, position, run.properties)
            elif piece:
                self._shown(piece, run.properties)
            position += len(piece) if piece.isascii() else len(piece.encode("utf-16-le")) // 2

    def _shown(self, piece: str, properties: CharacterProperties) -> None:
        fonts = self._context.fonts
        if properties.symbol is not None:
            self._write(fonts.symbol(*properties.symbol) * len(piece), properties)
        else:
            self._write(fonts.shown(piece, properties.font), properties)

    def _write(self, text: str, properties: CharacterProperties) -> None:
        open_field = next((outer for outer in reversed(self._fields) if not outer.has_result), None)
        if open_field is not None:
            open_field.field.instruction += text
        else:
            self._story.add(text, HIDDEN if properties.is_hidden else properties.mark)

    def _special(self, char: str, position: int, properties: CharacterProperties) -> None:
        if char in _ENDS:
            self._add_notes(position)
            self._end(char, self._context.text.paragraph(position))
        elif char in _REPLACEMENTS:
            self._write(_REPLACEMENTS[char], properties)
        elif char == _BEGIN:
            self._fields.append(_OpenField(Field(self._story.position)))
        elif char == _RESULT and self._fields:
            self._fields[-1].has_result = True
            self._fields[-1].field.start = self._story.position
        elif char == _END and self._fields:
            self._end_field(self._fields.pop())
        elif char == _PICTURE:
            self._picture(properties)
        elif char == _SHAPE:
            self._context.pictures += 1
            self._story.box(self._notes_and_boxes.box_at(position))
        else:
            self._add_notes(position)

    def _picture(self, properties: CharacterProperties) -> None:
        if properties.is_data and properties.picture is not None and self._fields:
            if self._fields[-1].field.instruction.strip().upper().startswith("FORM"):
                self._fields[-1].field.form = read_form(self._context.fib.data, properties.picture)
        else:
            self._context.pictures += 1
            if properties.is_object and not any(_EMBEDDED.match(outer.field.instruction) for outer in self._fields):
                self._story.add(self._context.composition.missing("embedded object: not read"))

    def _end_field(self, ended: _OpenField) -> None:
        if any(not outer.has_result for outer in self._fields):
            return
        found = ended.field
        if embedded := _EMBEDDED.match(found.instruction):
            kind = f"embedded object ({embedded[1]})" if embedded[1] else "embedded object"
            self._story.add(self._context.composition.missing(f"{kind}: not read"))
        elif not ended.has_result or self._story.position == found.start:
            self._story.add(found.shown())
        elif found.address:
            self._story.link(found.start, found.address)

    def _add_notes(self, upto: int) -> None:
        """Write the notes whose marks have been passed; custom marks are ordinary letters."""
        while self._mark_positions and self._mark_positions[0] <= upto:
            note = self._context.notes.pop(self._mark_positions.popleft(), None)
            if note is None:
                continue
            text = joined(self._notes_and_boxes.read(note))
            if note.author is not None:
                self._story.add(comment(note.author, text) if text else "")
            else:
                self._story.add(self._context.composition.footnote(text, is_endnote=note.is_endnote))

    def _end(self, char: str, properties: ParagraphProperties) -> None:
        level = properties.table_level
        if char == "\x07" and not level:
            level = 1
        if level and (properties.is_inner_row_end or (char == "\x07" and properties.is_row_end)):
            self._story.end_row(level, properties.edges)
        elif level and (char == "\x07" or properties.is_inner_cell):
            self._story.end_cell(self._paragraph(properties), level)
        else:
            self._story.end_paragraph(self._paragraph(properties), level)

    def _paragraph(self, properties: ParagraphProperties) -> Paragraph:
        level = properties.list_level or 0
        label = self._context.lists.label(properties.list_override, level) if properties.list_override else None
        outline = properties.outline
        heading_level = outline + 1 if outline is not None and outline in _HEADINGS else None
        return Paragraph(heading_level, label, level)
