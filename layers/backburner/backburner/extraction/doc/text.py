"""The text of a document by runs and paragraphs, in the order of its characters."""

from collections.abc import Iterator
from dataclasses import dataclass

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.doc.pieces import Pieces
from backburner.extraction.doc.properties import Characters, Properties, Runs, characters, paragraph
from backburner.extraction.doc.styles import Styles


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one kind, in units of UTF-16."""

    first: int
    units: bytes
    properties: Characters


class Text:
    """All texts of a document: positions count through them."""

    def __init__(self, fib: Fib) -> None:
        self.styles = Styles(fib.part(Table.STYLES))
        self._data = fib.data
        self._pieces = Pieces(fib.part(Table.PIECES), fib.document)
        self._characters = Runs(fib.part(Table.CHARACTERS), fib.document, is_of_paragraphs=False)
        self._paragraphs = Runs(fib.part(Table.PARAGRAPHS), fib.document, is_of_paragraphs=True)
        self._known: dict[bytes, Characters] = {}

    @property
    def count(self) -> int:
        """How many characters there are."""
        return self._pieces.count

    def runs(self, first: int, last: int) -> Iterator[Run]:
        """The runs of a range."""
        for piece in self._pieces.between(first, last):
            position = max(piece.first, first)
            end = min(piece.last, last)
            while position < end:
                place = piece.place_of(position)
                changed, until = self._characters.at(place)
                upto = min(max(position + (until - place) // piece.width, position + 1), end)
                found = self._of(changed)
                if piece.properties:
                    found = characters(piece.properties, found)
                yield Run(position, self._pieces.units(piece, position, upto), found)
                position = upto

    def paragraph(self, position: int) -> Properties:
        """The properties of the paragraph that ends with a character."""
        piece = self._pieces.at(position)
        if piece is None:
            return Properties()
        changed, _ = self._paragraphs.at(piece.place_of(position))
        style = int.from_bytes(changed[2:4], "little")
        found = paragraph(changed[4:], self._data, self.styles.paragraph(style))
        return paragraph(piece.properties, b"", found) if piece.properties else found

    def _of(self, changed: bytes) -> Characters:
        if changed not in self._known:
            self._known[changed] = characters(changed)
        return self._known[changed]
