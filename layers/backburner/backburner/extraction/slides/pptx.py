"""PPTX, PPTM, PPSX and POTX: the slides in the order of the presentation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import heading, missing
from backburner.extraction.parts import Parts, packed_parts
from backburner.extraction.slides.layouts import Layouts, Page, placeholder_of
from backburner.extraction.slides.notes_and_comments import NotesAndComments
from backburner.extraction.slides.paragraphs import plain_of
from backburner.extraction.slides.shapes import Contents, in_order, read_shapes, shapes_of
from backburner.extraction.xmltree import attribute, local_name

MAX_SLIDES = 5_000
_OFF = frozenset({"0", "false", "off"})


def read_pptx(body: bytes) -> Extracted:
    """The presentation as Markdown, with a note for each thing that cannot be read. Raises `JobError`."""
    parts = packed_parts(body, "a presentation")
    main = parts.main(".main")
    slides = list(_slide_parts(parts, main))
    if len(slides) > MAX_SLIDES:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{len(slides)} slides, at most {MAX_SLIDES} are read: split it up")
    deck = _Deck(parts, main, Layouts(parts))
    for number, part in enumerate(slides, 1):
        deck.add(number, part)
    return deck.extracted()


def _slide_parts(parts: Parts, main: str) -> Iterator[str]:
    """The parts of the slides, in order; "" for a slide that is listed but missing."""
    relationships = parts.relationships(main)
    for listed in parts.tree(main).iter("{*}sldIdLst"):
        for one in listed:
            identity = next((one.get(key) for key in one.attrib if str(key).endswith("}id")), None)
            relationship = relationships.get(identity or "")
            if local_name(one) == "sldId":
                yield relationship.target if relationship and not relationship.is_external else ""


@dataclass
class _Deck:
    """The slides read so far."""

    parts: Parts
    main: str
    layouts: Layouts
    _blocks: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _used: list[str] = field(default_factory=list)
    _has_text: bool = False
    _has_pictures: bool = False

    def add(self, number: int, part: str) -> None:
        """Add a slide or, if it is damaged, a note."""
        try:
            root = self.parts.tree(part)
            page = self.layouts.page(part)
            contents = read_shapes(self.layouts, page, root)
        except JobError:
            self._blocks.append(heading(2, f"Slide {number}"))
            self._missing(f"slide {number}: damaged or missing, not read")
            return
        self._used += [page.layout, page.master]
        title = contents.title or f"Slide {number}"
        is_hidden = (attribute(root, "show") or "").lower() in _OFF
        self._blocks.append(heading(2, f"{title} (hidden)" if is_hidden else title))
        texts = [*contents.found.texts, *(one for one in contents.furniture if one)]
        self._blocks.extend(texts)
        for what in contents.found.unread:
            self._missing(f"slide {number}: {what} is not read")
        self._has_pictures = self._has_pictures or bool(contents.found.pictures)
        self._has_text = self._has_text or bool(texts) or bool(contents.title)
        self._note_pictures(number, contents)
        self._add_notes_and_comments(number, page)

    def extracted(self) -> Extracted:
        """The whole presentation. Raises `JobError` if no slide has text."""
        if not self._has_text:
            self._refuse()
        shared = [text for part in dict.fromkeys(self._used) for text in self._background(part)]
        if shared:
            self._blocks.extend([heading(2, "Text in the background of the slides"), *dict.fromkeys(shared)])
        return Extracted("\n\n".join(self._blocks) + "\n", tuple(self._notes))

    def _refuse(self) -> None:
        if self._has_pictures:
            what = "a presentation with nothing but pictures: run it through OCR and upload the result"
            raise JobError(Reason.UNREADABLE_DOCUMENT, what)
        if self._notes:
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"a presentation without text: {self._notes[0]}; save it again")
        raise JobError(Reason.EMPTY_DOCUMENT, "a presentation with neither text nor pictures; upload it again")

    def _note_pictures(self, number: int, contents: Contents) -> None:
        """Add a note if a slide consists of pictures, whose contents are not read."""
        if not contents.found.pictures or contents.found.texts:
            return
        besides = "only a title and pictures" if contents.title else "no text, only pictures"
        self._missing(f"slide {number}: {besides}")

    def _add_notes_and_comments(self, number: int, page: Page) -> None:
        try:
            notes, comments = self._notes_and_comments.notes(page), self._notes_and_comments.comments(page)
        except JobError:
            self._missing(f"slide {number}: damaged notes or comments are not read")
            return
        if notes:
            self._blocks.append(f"Notes:\n\n{notes}")
        if comments:
            self._blocks.append("\n".join(["Comments:", *comments]))
        self._has_text = self._has_text or bool(notes) or bool(comments)

    def _background(self, part: str) -> Iterator[str]:
        """Text of a layout or master outside its placeholders: slides show it but do not contain it."""
        root = self.layouts.root(part)
        shapes = list(shapes_of(root)) if root is not None else []
        for shape in in_order(shapes, self.layouts, Page(self.parts, part, {}, "", "")):
            if placeholder_of(shape) is None:
                yield from (text for body in shape if local_name(body) == "txBody" if (text := plain_of(body, {})))

    @cached_property
    def _notes_and_comments(self) -> NotesAndComments:
        return NotesAndComments(self.parts, self.main, self.layouts)

    def _missing(self, note: str) -> None:
        self._notes.append(note)
        self._blocks.append(missing(note))
