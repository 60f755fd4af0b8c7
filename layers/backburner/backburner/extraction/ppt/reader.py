"""PPT to Markdown: a heading for each slide, its text, its tables and its speaker notes."""

from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.composition import Block, Composition, comment, finished_document, joined
from backburner.extraction.compound import DAMAGED, Compound, damaged
from backburner.extraction.markdown import counted, heading
from backburner.extraction.ppt.directory import Directory
from backburner.extraction.ppt.records import Record, Type
from backburner.extraction.ppt.shapes import read_shapes
from backburner.extraction.ppt.text import Text, texts

MAX_SLIDES = 5_000
_SLIDES, _NOTES = 0, 2
_HIDDEN = 1 << 2
_AUTHOR, _HEADER, _FOOTER = 0, 1, 2
_COMMENT_TEXT = 1


def read_ppt(body: bytes) -> Extracted:
    """The text of a presentation. Raises `JobError` if it is encrypted, damaged or has only pictures."""
    compound = Compound(body)
    if "EncryptedSummary" in compound.names:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted PPT: save it without a password")
    try:
        directory = Directory(compound.read("PowerPoint Document"), compound.read("Current User"))
        return _Reader(directory).read()
    except DAMAGED as error:
        raise damaged() from error


@dataclass
class _Listed:
    """A slide in the presentation's slide list."""

    part: int
    identity: int
    outline: list[Record] = field(default_factory=list)


class _Reader:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._document = directory.document()
        self._composition = Composition()
        self._notes = {listed.identity: listed.part for listed in self._listed(_NOTES)}
        self._pictures = 0
        self._with_text = 0

    def read(self) -> Extracted:
        slides = self._listed(_SLIDES)
        if len(slides) > MAX_SLIDES:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE, f"{len(slides)} slides, at most {MAX_SLIDES} are read: split it up"
            )
        blocks = [block for number, listed in enumerate(slides, 1) for block in self._slide(number, listed)]
        self._headers_and_footers()
        if not self._with_text:
            self._composition, blocks = Composition(), []
        return finished_document(self._composition, blocks, "a PPT", self._pictures)

    def _listed(self, instance: int) -> list[_Listed]:
        found: list[_Listed] = []
        for group in self._document.children():
            if group.type != Type.LIST_WITH_TEXT or group.instance != instance:
                continue
            for record in group.children():
                if record.type == Type.SLIDE_PERSIST:
                    found.append(_Listed(record.number(0), record.number(12)))
                elif found:
                    found[-1].outline.append(record)
        return found

    def _slide(self, number: int, listed: _Listed) -> list[Block]:
        slide = self._directory.part(listed.part)
        if slide is None or slide.type != Type.SLIDE:
            return [Block(self._composition.missing(f"slide {number}: damaged, not read"))]
        outline = texts(listed.outline)
        shapes = read_shapes(slide, outline)
        self._pictures += shapes.pictures
        notes = self._speaker_notes(slide)
        is_hidden = any(record.type == Type.SHOW_INFO and record.number(10, 2) & _HIDDEN for record in slide.children())
        title = shapes.titles[0] if shapes.titles and shapes.titles[0] else f"Slide {number}"
        blocks = [Block(heading(2, f"{title} (hidden)" if is_hidden else title)), *shapes.blocks]
        blocks += [Block(shown) for shown in _comments(slide)]
        blocks += [Block(f"Notes: {notes}")] if notes else []
        self._with_text += len(blocks) > 1 or bool(shapes.titles)
        if shapes.objects:
            what = counted(shapes.objects, "embedded object")
            blocks.append(Block(self._composition.missing(f"slide {number}: {what} not read")))
        elif len(blocks) == 1 and not shapes.titles and shapes.pictures:
            blocks.append(Block(self._composition.missing(f"slide {number}: no text, only pictures")))
        return blocks

    def _speaker_notes(self, slide: Record) -> str:
        """The speaker notes of a slide."""
        atom = slide.find(Type.SLIDE_ATOM)
        part = self._notes.get(atom.number(16)) if atom is not None and atom.number(16) else None
        notes = self._directory.part(part) if part is not None else None
        return joined(read_shapes(notes, _NOTHING).blocks) if notes is not None and notes.type == Type.NOTES else ""

    def _headers_and_footers(self) -> None:
        """Read the headers and footers of all slides and notes."""
        for group in self._document.all():
            if group.type != Type.HEADERS_FOOTERS:
                continue
            for record in group.children():
                if record.type == Type.STRING and record.instance == _HEADER:
                    self._composition.header(record.body.decode("utf-16-le", "replace"))
                elif record.type == Type.STRING and record.instance == _FOOTER:
                    self._composition.footer(record.body.decode("utf-16-le", "replace"))


_NOTHING: list[Text] = []


def _comments(slide: Record) -> list[str]:
    found = []
    for record in slide.all():
        if record.type == Type.COMMENT:
            strings = {
                child.instance: child.body.decode("utf-16-le", "replace")
                for child in record.children()
                if child.type == Type.STRING
            }
            found.append(comment(strings.get(_AUTHOR, ""), strings.get(_COMMENT_TEXT, "")).strip())
    return found
