"""What a text document is made of, for the formats whose readers walk from paragraph to paragraph.

Paragraphs, headings, items and tables are blocks; footnotes stand behind the text; what could not be read is a note.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import missing

_BULLETS = frozenset("•·●○◦▪■□▫◆◇❖➢➔✓✔‣\u2043∙▶►◾◽oO§*\u2013—-\ufffd")
"""What lists without numbers have before their items, as fonts of symbols are read."""
SUPERSCRIPT, SUBSCRIPT, STRUCK = "^", "~", "~~"
"""Marks around a run: 10^6^ is not 106."""
HIDDEN = "hidden text"
"""What no page shows is told to be that."""
"""Check boxes."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, an item of a list or a table, as it stands in the text."""

    text: str
    is_item: bool = False


def joined(blocks: Iterable[Block]) -> str:
    """Blocks with an empty line between them; items of a list follow each other."""
    pieces: list[str] = []
    was_item = False
    for block in blocks:
        if not block.text.strip():
            continue
        if pieces:
            pieces.append("\n" if was_item and block.is_item else "\n\n")
        pieces.append(block.text.rstrip("\n"))
        was_item = block.is_item
    return "".join(pieces)


def item(label: str, text: str, level: int) -> Block:
    """An item of a list: with its number or letter as it is shown, or a bullet. Levels count from 0."""
    shown = label.strip()
    begin = "-" if not shown or shown in _BULLETS else shown
    return Block(f"{'  ' * min(level, 20)}{begin} {text}", is_item=True)


def heading_label(label: str | None) -> str:
    """What stands before a heading: its number; a bullet says nothing there."""
    shown = (label or "").strip()
    return "" if shown in _BULLETS else shown


class Runs:
    """A paragraph that is being written: pieces of text, each with the mark that stands around it."""

    def __init__(self) -> None:
        self._runs: list[tuple[str, str]] = []

    def add(self, text: str, mark: str = "") -> None:
        """Text behind what is there."""
        self._runs.append((text, mark))

    def __len__(self) -> int:
        return len(self._runs)

    def link(self, first: int, address: str) -> None:
        """The pieces from the given one on lead to an address."""
        text = "".join(piece for piece, _ in self._runs[first:])
        if link(text, address) != text:
            self._runs.insert(first, ("[", ""))
            self._runs.append((f"]({address})", ""))

    def take(self) -> str:
        """The text as it stands, without white space around it; nothing is left."""
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
    """A document that is being written: what stands before, behind and beside its text."""

    headers: list[str] = field(default_factory=list)
    footers: list[str] = field(default_factory=list)
    footnotes: list[str] = field(default_factory=list)
    endnotes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read, and where."""

    def footnote(self, text: str, *, is_endnote: bool = False) -> str:
        """The mark of a note, whose text will stand behind the document."""
        texts = self.endnotes if is_endnote else self.footnotes
        texts.append(text)
        return f"[^{'e' if is_endnote else ''}{len(texts)}]"

    def missing(self, note: str) -> str:
        """A note of something that could not be read, as it stands in the text."""
        self.notes.append(note)
        return missing(note)

    def header(self, text: str) -> None:
        """A header of pages: once, however many pages and sections have it."""
        _once(self.headers, text)

    def footer(self, text: str) -> None:
        """A footer of pages, likewise."""
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


def whole(composition: Composition, body: Sequence[Block], what: str, pictures: int) -> Extracted:
    """The whole document. Raises `JobError` where its body is pictures only, or nothing but what cannot be read."""
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
            f"{what} of pictures only, probably a scan: run it through OCR and upload the result",
        )
    return composition.extracted(body)


def comment(author: str, text: str) -> str:
    """A comment at the place that it is about."""
    by = f"comment by {author.strip()}" if author.strip() else "comment"
    return f" [{by}: {' '.join(text.split())}]"


def link(text: str, address: str) -> str:
    """A link, where it leads outside the document and does not say so itself."""
    if not text.strip() or not address.startswith(("http://", "https://", "mailto:", "ftp://")):
        return text
    shown = text.strip()
    return text if shown == address.removeprefix("mailto:") else f"[{text}]({address})"


def _marked(text: str, mark: str) -> str:
    inner = text.strip()
    if not mark or not inner:
        return text
    before, _, behind = text.partition(inner)
    shown = f"[{HIDDEN}: {inner}]" if mark == HIDDEN else f"{mark}{inner}{mark}"
    return f"{before}{shown}{behind}"


def _once(texts: list[str], text: str) -> None:
    if text.strip() and text not in texts:
        texts.append(text)
