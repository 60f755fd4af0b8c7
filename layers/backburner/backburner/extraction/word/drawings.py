"""Drawings in a paragraph: pictures by their descriptions, charts, SmartArt, shapes with text, embedded objects."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from backburner.errors import JobError
from backburner.extraction.drawing import chart_text, diagram_text, drawing_text
from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.word.blocks import Block
from backburner.extraction.word.names import DRAWING, number, relationship_id, value, word
from backburner.extraction.xmltree import Element, attribute, local_name

if TYPE_CHECKING:
    from backburner.extraction.word.paragraph import Deeper, Paragraph
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
"""In EMU²: a picture that covers so much of an A4 page may be the page, scanned."""


class Drawings:
    """What is drawn in the paragraphs of a text."""

    def __init__(self, story: "Story") -> None:
        self._story = story
        self._setting = story.setting
        self._description = ""
        self._is_page = False

    def handlers(self, paragraph: "Paragraph") -> "dict[str, Callable[[Element], Deeper]]":
        """What to do with the elements of drawings."""

        def aside(read: Callable[[Element], str]) -> Callable[[Element], None]:
            def handle(element: Element) -> None:
                text = read(element)
                if text:
                    paragraph.put_aside([Block(text)])

            return handle

        def picture(element: Element) -> None:
            paragraph.add(self._picture(element))

        found: dict[str, Callable[[Element], Deeper]] = {}
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
        """The description of a drawing; what is marked as decoration has none."""
        is_decoration = any(local_name(one) == "decorative" and attribute(one, "val") != "0" for one in element.iter())
        said = attribute(element, "descr") or attribute(element, "title") or ""
        self._description = "" if is_decoration else " ".join(said.split())

    def _described_itself(self, element: Element) -> None:
        """The description of one picture in a drawing, if it has one of its own."""
        said = attribute(element, "descr") or attribute(element, "title") or ""
        self._description = " ".join(said.split()) or self._description

    def _shape(self, element: Element) -> "Deeper":
        self._is_page = False
        self._description = " ".join((attribute(element, "alt") or "").split())
        return iter(element), None

    def _picture(self, _: Element) -> str:
        self._setting.pictures += 1
        description, self._description = self._description, ""
        is_page, self._is_page = self._is_page, False
        if description:
            return f"[picture: {description}]"
        note = f"picture {self._setting.pictures}, as large as a page: not read, perhaps a scan"
        return self._setting.missing(note) if is_page else ""

    def _shape_text(self, element: Element) -> str:
        return self._said(drawing_text(element))

    def _word_art(self, element: Element) -> str:
        return self._said(" ".join((attribute(element, "string") or "").split()))

    def _chart(self, element: Element) -> str:
        return self._drawn(relationship_id(element), "chart", chart_text)

    def _diagram(self, element: Element) -> str:
        return self._drawn(relationship_id(element, "dm"), "SmartArt", diagram_text)

    def _drawn(self, related: str, what: str, text_of: Callable[[Element], str]) -> str:
        relationship = self._story.relationships.get(related)
        self._description = ""
        if relationship is None:
            return self._setting.missing(f"{what}: it is not in the file")
        try:
            text = text_of(self._setting.parts.tree(relationship.target))
        except JobError:
            return self._setting.missing(f"{what}: damaged, not read")
        return self._said(text) or self._setting.missing(f"{what} without stored text: not read")

    def _object(self, element: Element) -> str:
        """An embedded file, read if it is of a format that is read; a picture of it stands in the document."""
        kind = attribute(element, "ProgID") or "of an unknown kind"
        self._description = ""
        relationship = self._story.relationships.get(relationship_id(element))
        text, is_read = self._setting.read_part(relationship, f"embedded object {kind}")
        return self._said(f"Embedded object ({kind}):\n\n{text}") if is_read else text

    def _ink(self, _: Element) -> str:
        return self._setting.missing("handwriting: not read")

    def _form_control(self, element: Element) -> str:
        """A control of the kind that holds its state in a part of its own: in XML, or in bytes that only it reads."""
        relationship = self._story.relationships.get(relationship_id(element))
        state: dict[str, str] = {}
        if relationship is not None and relationship.target.endswith(".xml"):
            try:
                said = [
                    one for one in self._setting.parts.tree(relationship.target).iter() if local_name(one) == "ocxPr"
                ]
                state = {attribute(one, "name") or "": attribute(one, "value") or "" for one in said}
            except JobError:
                pass  # the note below says that it is not read
        shown, caption = state.get("Value"), state.get("Caption", "")
        if not shown and not caption:
            name = f"form control {value(element, 'name') or ''}".strip()
            return self._setting.missing(f"{name}: its state is not read")
        sign = {"1": TICKED, "True": TICKED, "0": UNTICKED, "False": UNTICKED}.get(shown or "", shown or "")
        return self._said(f"{sign} {caption}".strip())

    def _said(self, text: str) -> str:
        self._story.has_text = self._story.has_text or bool(text)
        return text
