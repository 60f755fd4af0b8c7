"""Drawings in a paragraph: pictures with their descriptions, charts, SmartArt, shapes with text, embedded objects."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from backburner.errors import JobError
from backburner.extraction.drawing import chart_text, diagram_text, drawing_text
from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.word.blocks import Block
from backburner.extraction.word.names import DRAWING, number, relationship_id, value, word
from backburner.extraction.xmltree import Element, attribute, local_name

if TYPE_CHECKING:
    from backburner.extraction.word.paragraph import Descent, Paragraph
    from backburner.extraction.word.story import Story

_POSITION = (
    "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
)
_PICTURE = (
    "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "http://purl.oclc.org/ooxml/drawingml/picture",
)
_CHART = ("http://schemas.openxmlformats.org/drawingml/2006/chart", "http://purl.oclc.org/ooxml/drawingml/chart")
_NEW_CHART = ("http://schemas.microsoft.com/office/drawing/2014/chartex",)
_DIAGRAM = ("http://schemas.openxmlformats.org/drawingml/2006/diagram", "http://purl.oclc.org/ooxml/drawingml/diagram")
_VML, _OFFICE = ("urn:schemas-microsoft-com:vml",), ("urn:schemas-microsoft-com:office:office",)
_PAGE_SIZE = 0.6 * 7_560_000 * 10_692_000
"""In EMU²: a picture that covers this much of an A4 page may be a scan of it."""


class Drawings:
    """The drawings in the paragraphs of a text."""

    def __init__(self, story: "Story") -> None:
        self._story = story
        self._context = story.context
        self._description = ""
        self._is_page = False

    def handlers(self, paragraph: "Paragraph") -> "dict[str, Callable[[Element], Descent]]":
        """The handlers for the elements of drawings."""

        def aside(read: Callable[[Element], str]) -> Callable[[Element], None]:
            def handle(element: Element) -> None:
                text = read(element)
                if text:
                    paragraph.add_aside([Block(text)])

            return handle

        def picture(element: Element) -> None:
            paragraph.add(self._picture(element))

        found: dict[str, Callable[[Element], Descent]] = {}
        for spaces, name, handler in (
            (_POSITION, "extent", self._extent),
            (_POSITION, "docPr", self._described),
            (_PICTURE, "cNvPr", self._described_itself),
            (_VML, "shape", self._shape),
            (DRAWING, "blip", picture),
            (_VML, "imagedata", picture),
            (DRAWING, "p", aside(self._shape_text)),
            (_VML, "textpath", aside(self._word_art)),
            (_CHART, "chart", aside(self._chart)),
            (_NEW_CHART, "chart", aside(self._chart)),
            (_DIAGRAM, "relIds", aside(self._diagram)),
            (_OFFICE, "OLEObject", aside(self._object)),
        ):
            found |= {f"{{{space}}}{name}": handler for space in spaces}
        found |= dict.fromkeys(word("contentPart"), aside(self._ink))
        found |= dict.fromkeys(word("control"), aside(self._form_control))
        return found

    def _extent(self, element: Element) -> None:
        width, height = (number(attribute(element, name)) or 0 for name in ("cx", "cy"))
        self._is_page = width * height >= _PAGE_SIZE

    def _described(self, element: Element) -> None:
        """Take the description of a drawing; decorations have none."""
        is_decoration = any(local_name(one) == "decorative" and attribute(one, "val") != "0" for one in element.iter())
        text = attribute(element, "descr") or attribute(element, "title") or ""
        self._description = "" if is_decoration else " ".join(text.split())

    def _described_itself(self, element: Element) -> None:
        """Take the description of a single picture in a drawing, if it has its own."""
        text = attribute(element, "descr") or attribute(element, "title") or ""
        self._description = " ".join(text.split()) or self._description

    def _shape(self, element: Element) -> "Descent":
        self._is_page = False
        self._description = " ".join((attribute(element, "alt") or "").split())
        return iter(element), None

    def _picture(self, _: Element) -> str:
        self._context.pictures += 1
        description, self._description = self._description, ""
        is_page, self._is_page = self._is_page, False
        if description:
            return f"[picture: {description}]"
        note = f"picture {self._context.pictures}, as large as a page: not read, perhaps a scan"
        return self._context.missing(note) if is_page else ""

    def _shape_text(self, element: Element) -> str:
        return self._as_text(drawing_text(element))

    def _word_art(self, element: Element) -> str:
        return self._as_text(" ".join((attribute(element, "string") or "").split()))

    def _chart(self, element: Element) -> str:
        return self._related_text(relationship_id(element), "chart", chart_text)

    def _diagram(self, element: Element) -> str:
        return self._related_text(relationship_id(element, "dm"), "SmartArt", diagram_text)

    def _related_text(self, related: str, what: str, text_of: Callable[[Element], str]) -> str:
        relationship = self._story.relationships.get(related)
        self._description = ""
        if relationship is None:
            return self._context.missing(f"{what}: missing from the file")
        try:
            text = text_of(self._context.parts.tree(relationship.target))
        except JobError:
            return self._context.missing(f"{what}: damaged, not read")
        return self._as_text(text) or self._context.missing(f"{what} without stored text: not read")

    def _object(self, element: Element) -> str:
        """An embedded file, read if its format is; the document shows a picture of it."""
        kind = attribute(element, "ProgID") or "of unknown type"
        self._description = ""
        relationship = self._story.relationships.get(relationship_id(element))
        text, is_read = self._context.read_part(relationship, f"embedded object {kind}")
        return self._as_text(f"Embedded object ({kind}):\n\n{text}") if is_read else text

    def _ink(self, _: Element) -> str:
        return self._context.missing("handwriting: not read")

    def _form_control(self, element: Element) -> str:
        """A form control whose state is in a part of its own: as XML, or as bytes that only the control can read."""
        relationship = self._story.relationships.get(relationship_id(element))
        state: dict[str, str] = {}
        if relationship is not None and relationship.target.endswith(".xml"):
            try:
                properties = [
                    one for one in self._context.parts.tree(relationship.target).iter() if local_name(one) == "ocxPr"
                ]
                state = {attribute(one, "name") or "": attribute(one, "value") or "" for one in properties}
            except JobError:
                pass  # the note below says that it is not read
        shown, caption = state.get("Value"), state.get("Caption", "")
        if not shown and not caption:
            name = f"form control {value(element, 'name') or ''}".strip()
            return self._context.missing(f"{name}: its state is not read")
        mark = {"1": TICKED, "True": TICKED, "0": UNTICKED, "False": UNTICKED}.get(shown or "", shown or "")
        return self._as_text(f"{mark} {caption}".strip())

    def _as_text(self, text: str) -> str:
        self._story.has_text = self._story.has_text or bool(text)
        return text
