"""The text of a document in runs and paragraphs."""

from collections.abc import Iterator
from dataclasses import dataclass

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.doc.pieces import Pieces
from backburner.extraction.doc.properties import (
    CharacterProperties,
    ParagraphProperties,
    PropertyRuns,
    character_properties,
    paragraph_properties,
)
from backburner.extraction.doc.styles import Styles


@dataclass(frozen=True, slots=True)
class Run:
    """Characters with the same properties, in UTF-16 units."""

    first: int
    units: bytes
    properties: CharacterProperties


class Text:
    """All texts of a document; positions count through them."""

    def __init__(self, fib: Fib) -> None:
        self.styles = Styles(fib.part(Table.STYLES))
        self._data = fib.data
        self._pieces = Pieces(fib.part(Table.PIECES), fib.document)
        self._characters = PropertyRuns(fib.part(Table.CHARACTERS), fib.document, is_of_paragraphs=False)
        self._paragraphs = PropertyRuns(fib.part(Table.PARAGRAPHS), fib.document, is_of_paragraphs=True)
        self._known: dict[bytes, CharacterProperties] = {}

    @property
    def count(self) -> int:
        """The number of characters."""
        return self._pieces.count

    def runs(self, first: int, last: int) -> Iterator[Run]:
        """The runs in a range."""
        for piece in self._pieces.between(first, last):
            position = max(piece.first, first)
            end = min(piece.last, last)
            while position < end:
                offset = piece.offset_of(position)
                changed, until = self._characters.at(offset)
                upto = min(max(position + (until - offset) // piece.width, position + 1), end)
                found = self._style_of(changed)
                if piece.properties:
                    found = character_properties(piece.properties, found)
                yield Run(position, self._pieces.units(piece, position, upto), found)
                position = upto

    def paragraph(self, position: int) -> ParagraphProperties:
        """The properties of the paragraph that ends at a character."""
        piece = self._pieces.at(position)
        if piece is None:
            return ParagraphProperties()
        changed, _ = self._paragraphs.at(piece.offset_of(position))
        style = int.from_bytes(changed[2:4], "little")
        found = paragraph_properties(changed[4:], self._data, self.styles.paragraph(style))
        return paragraph_properties(piece.properties, b"", found) if piece.properties else found

    def _style_of(self, changed: bytes) -> CharacterProperties:
        if changed not in self._known:
            self._known[changed] = character_properties(changed)
        return self._known[changed]
