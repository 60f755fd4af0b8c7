"""The building blocks of a text document, for readers that go through it paragraph by paragraph.

Paragraphs, headings, list items and tables are blocks; footnotes follow the text; what could not be read is a note.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import missing

_BULLETS = frozenset("•·●○◦▪■□▫◆◇❖➢➔✓✔‣\u2043∙▶►◾◽oO§*\u2013—-\ufffd")
"""What marks the items of unnumbered lists, as decoded from symbol fonts."""
SUPERSCRIPT, SUBSCRIPT, STRUCK = "^", "~", "~~"
"""Marks around a run: 10^6^ is not 106."""
HIDDEN = "hidden text"
"""The label of text that no page shows."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a list item or a table, as it appears in the text."""

    text: str
    is_list_item: bool = False


def joined(blocks: Iterable[Block]) -> str:
    """Blocks separated by an empty line; consecutive list items have none between them."""
    pieces: list[str] = []
    was_item = False
    for block in blocks:
        if not block.text.strip():
            continue
        if pieces:
            pieces.append("\n" if was_item and block.is_list_item else "\n\n")
        pieces.append(block.text.rstrip("\n"))
        was_item = block.is_list_item
    return "".join(pieces)


def list_item(label: str, text: str, level: int) -> Block:
    """A list item with its number or letter as shown, or a bullet. Levels count from 0."""
    shown = label.strip()
    marker = "-" if not shown or shown in _BULLETS else shown
    return Block(f"{'  ' * min(level, 20)}{marker} {text}", is_list_item=True)


def heading_label(label: str | None) -> str:
    """The number of a heading; a bullet means nothing there."""
    shown = (label or "").strip()
    return "" if shown in _BULLETS else shown


class Runs:
    """A paragraph under construction: pieces of text, each with the mark that encloses it."""

    def __init__(self) -> None:
        self._runs: list[tuple[str, str]] = []

    def add(self, text: str, mark: str = "") -> None:
        """Append text."""
        self._runs.append((text, mark))

    def __len__(self) -> int:
        return len(self._runs)

    def link(self, first: int, address: str) -> None:
        """Link the pieces from index `first` on to an address."""
        text = "".join(piece for piece, _ in self._runs[first:])
        if link(text, address) != text:
            self._runs.insert(first, ("[", ""))
            self._runs.append((f"]({address})", ""))

    def take(self) -> str:
        """The text without surrounding white space; the paragraph is empty afterwards."""
        runs, self._runs = self._runs, []
        merged: list[tuple[list[str], str]] = []
        for text, mark in runs:
            if merged and merged[-1][1] == mark:
                merged[-1][0].append(text)
            else:
                merged.append(([text], mark))
        return "".join(_marked("".join(texts), mark) for texts, mark in merged).strip()


@dataclass
class Composition:
    """A document under construction: everything around its body."""

    headers: list[str] = field(default_factory=list)
    footers: list[str] = field(default_factory=list)
    footnotes: list[str] = field(default_factory=list)
    endnotes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read, and where."""

    def footnote(self, text: str, *, is_endnote: bool = False) -> str:
        """The mark of a note whose text will follow the document."""
        texts = self.endnotes if is_endnote else self.footnotes
        texts.append(text)
        return f"[^{'e' if is_endnote else ''}{len(texts)}]"

    def missing(self, note: str) -> str:
        """A note about something that could not be read, as it appears in the text."""
        self.notes.append(note)
        return missing(note)

    def header(self, text: str) -> None:
        """Add a page header, once however many pages and sections have it."""
        _once(self.headers, text)

    def footer(self, text: str) -> None:
        """Add a page footer, likewise once."""
        _once(self.footers, text)

    def extracted(self, body: Sequence[Block]) -> Extracted:
        """The whole document."""
        blocks = [Block(f"Header: {text}") for text in self.headers]
        blocks += body
        blocks += [Block(f"[^{number}]: {text}") for number, text in enumerate(self.footnotes, 1)]
        blocks += [Block(f"[^e{number}]: {text}") for number, text in enumerate(self.endnotes, 1)]
        blocks += [Block(f"Footer: {text}") for text in self.footers]
        text = joined(blocks)
        return Extracted(f"{text}\n" if text else "", tuple(self.notes))


def finished_document(composition: Composition, body: Sequence[Block], what: str, pictures: int) -> Extracted:
    """The whole document. Raises `JobError` if its body has nothing but pictures or things that cannot be read."""
    text = joined(body)
    for note in composition.notes:
        text = text.replace(missing(note), "", 1)
    if text.strip():
        return composition.extracted(body)
    if composition.notes:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, f"{what} without text ({composition.notes[0]}): save it as PDF and upload that"
        )
    if pictures:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"{what} with nothing but pictures, probably a scan: run it through OCR and upload the result",
        )
    return composition.extracted(body)


def comment(author: str, text: str) -> str:
    """A comment, as it appears where it is anchored."""
    by = f"comment by {author.strip()}" if author.strip() else "comment"
    return f" [{by}: {' '.join(text.split())}]"


def link(text: str, address: str) -> str:
    """A link, if it leads outside the document and its text is not already the address."""
    if not text.strip() or not address.startswith(("http://", "https://", "mailto:", "ftp://")):
        return text
    shown = text.strip()
    return text if shown == address.removeprefix("mailto:") else f"[{text}]({address})"


def _marked(text: str, mark: str) -> str:
    inner = text.strip()
    if not mark or not inner:
        return text
    before, _, after = text.partition(inner)
    shown = f"[{HIDDEN}: {inner}]" if mark == HIDDEN else f"{mark}{inner}{mark}"
    return f"{before}{shown}{after}"


def _once(texts: list[str], text: str) -> None:
    if text.strip() and text not in texts:
        texts.append(text)
