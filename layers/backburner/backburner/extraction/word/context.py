"""What all texts of a document share: its parts, styles, lists and notes, and what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.markdown import missing
from backburner.extraction.parts import Parts, Relationship
from backburner.extraction.word.numbering import Numbering
from backburner.extraction.word.styles import Styles
from backburner.extraction.xmltree import Element

Read = Callable[[bytes, str], Extracted]
"""Reads an embedded document from its bytes and name. Raises `JobError`."""
_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "message/rfc822": ".eml",
}


@dataclass
class Context:
    """The context of one document."""

    parts: Parts
    main: str
    styles: Styles
    numbering: Numbering
    inner: Read
    notes: list[str] = field(default_factory=list)
    """What could not be read, and where."""
    references: dict[str, dict[str, int]] = field(default_factory=lambda: {"footnote": {}, "endnote": {}})
    """Footnotes and endnotes by id, numbered in the order of their references."""
    comments: Callable[[str], str] = lambda _: ""
    """A comment's text by its id; "" if it is not to be shown."""
    pictures: int = 0
    _relationships: dict[str, dict[str, Relationship]] = field(default_factory=dict, repr=False)

    def missing(self, note: str) -> str:
        """A note about something missing, as it appears in the text."""
        if note not in self.notes:
            self.notes.append(note)
        return missing(note)

    def mark(self, kind: str, note_id: str) -> str:
        """The mark of a footnote (`[^1]`) or an endnote (`[^e1]`), numbered in reading order."""
        numbers = self.references[kind]
        number = numbers.setdefault(note_id, len(numbers) + 1)
        return f"[^{number}]" if kind == "footnote" else f"[^e{number}]"

    def relationships(self, part: str) -> dict[str, Relationship]:
        """A part's relationships; a damaged list is noted."""
        if part not in self._relationships:
            try:
                self._relationships[part] = self.parts.relationships(part)
            except JobError:
                self.missing(f"relationships of {part}: damaged, what they refer to is missing")
                self._relationships[part] = {}
        return self._relationships[part]

    def related(self, kind: str) -> tuple[str, Element] | None:
        """The name and root of the part of this kind that the main part refers to; a damaged one is noted."""
        for relationship in self.relationships(self.main).values():
            if relationship.kind == kind and not relationship.is_external and self.parts.has(relationship.target):
                try:
                    return relationship.target, self.parts.tree(relationship.target)
                except JobError:
                    self.missing(f"{kind}: damaged, not read")
        return None

    def read_part(self, relationship: Relationship | None, what: str) -> tuple[str, bool]:
        """The text of a part in another format, or a note on why it is not read; and whether it was read."""
        if relationship is None or relationship.is_external or not self.parts.has(relationship.target):
            return self.missing(f"{what}: missing from the file"), False
        try:
            extracted = self.inner(self.parts.read(relationship.target), _named(relationship.target, self.parts))
        except JobError as error:
            return self.missing(f"{what}: not read ({error.reason})"), False
        self.notes += [note for note in extracted.notes if note not in self.notes]
        return extracted.text.strip(), True


def _named(target: str, parts: Parts) -> str:
    """The part's name, with a suffix for its content type. Archived web pages have the form of mails."""
    name = target.rpartition("/")[2]
    content_type = "message/rfc822" if name.lower().endswith((".mht", ".mhtml")) else parts.type_of(target)
    ending = _ENDINGS.get(content_type, "")
    return name if name.lower().endswith(ending) else name + ending
