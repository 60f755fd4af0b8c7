"""Walks OpenDocument elements in reading order, without recursion, calling a handler at each start and end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lxml import etree

from backburner.extraction.composition import Block, Composition
from backburner.extraction.opendocument.controls import Controls
from backburner.extraction.opendocument.flow import Flow
from backburner.extraction.opendocument.formulas import formula_marks
from backburner.extraction.opendocument.lists import Lists
from backburner.extraction.opendocument.names import name_of
from backburner.extraction.opendocument.styles import Styles
from backburner.extraction.xmltree import Element

SKIPPED = frozenset({
    "text:tracked-changes", "text:table-of-content-source", "text:illustration-index-source", "text:table-index-source",
    "text:object-index-source", "text:user-index-source", "text:alphabetical-index-source", "text:bibliography-source",
    "text:note-citation", "text:script", "text:number", "office:binary-data", "office:forms", "office:event-listeners",
    "office:settings", "office:scripts", "office:font-face-decls", "office:meta", "office:annotation-end",
    "svg:title", "svg:desc", "dc:date", "meta:date-string", "meta:creator-initials", "draw:page-thumbnail",
    "table:title", "table:desc", "text:label", "math:annotation", "math:annotation-xml", "text:index-title-template",
    "presentation:header-decl", "presentation:footer-decl", "presentation:date-time-decl",
})  # fmt: skip
"""Elements with no document text, or with text that is also elsewhere."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The contents of an embedded object."""

    blocks: list[Block]
    line: str | None = None
    """A formula, which is part of a sentence."""


class Objects(Protocol):
    """Reads documents embedded in the document."""

    def embedded(self, element: Element) -> Embedded:
        """The contents of an object, or a note that it is not read."""


Handler = Callable[["Walker", Element], None]


class Walker:
    """Reads elements into flows; the last flow is the current text."""

    def __init__(
        self,
        styles: Styles,
        composition: Composition,
        objects: Objects,
        begins: Mapping[str, Handler],
        ends: Mapping[str, Handler],
    ) -> None:
        self.styles = styles
        self.composition = composition
        self.objects = objects
        self.controls = Controls()
        self.lists = Lists(styles)
        self.flows = [Flow()]
        self.pictures = 0
        self.author = ""
        self.repeats_content = False
        """Whether repeated cells repeat their contents, as in spreadsheets."""
        self._begins = begins
        self._ends = ends
        self._walk: etree.iterwalk[Any] = etree.iterwalk(etree.Element("none"))
        self._skipped: Element | None = None

    @property
    def flow(self) -> Flow:
        """The text being read."""
        return self.flows[-1]

    def read(self, root: Element) -> None:
        """Read an element and everything in it."""
        self._walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in self._walk:
            name = name_of(element)
            if event == "start":
                self._start(name, element)
                continue
            self._end(name, element)
            if element is not root:
                self.write(element.tail or "")

    def finish(self) -> list[Block]:
        """All that was read; the walker is empty afterwards."""
        flow = self.flows[0]
        self.flows = [Flow()]
        return flow.story.finish()

    def skip(self, element: Element) -> None:
        """Skip the contents of an element."""
        self._skipped = element
        self._walk.skip_subtree()

    def write(self, text: str) -> None:
        """Text from the XML."""
        self.flow.write(text)

    def insert(self, text: str) -> None:
        """Text to be kept as is."""
        self.flow.insert(text)

    def insert_plain(self, text: str) -> None:
        """The same, without raised or struck formatting."""
        self.flow.insert(text, is_marked=False)

    def push(self) -> None:
        """Begin a separate text within the current one."""
        flow = Flow()
        flow.hidden = self.flow.hidden
        self.flows.append(flow)

    def pop(self) -> list[Block]:
        """End it; the outer text continues."""
        flow = self.flows.pop()
        return flow.story.finish()

    def place(self, blocks: list[Block]) -> None:
        """Put blocks at the current position: after the current paragraph, if there is one."""
        flow = self.flow
        flow.story.box(blocks)
        if flow.paragraph is None:
            flow.end_boxes()

    def place_in_line(self, text: str) -> None:
        """Insert a frame's text into the paragraph that the frame is anchored in."""
        flow = next((flow for flow in reversed(self.flows) if flow.paragraph is not None), None)
        if flow is not None:
            flow.insert(text)
        else:
            self.place([Block(text)])

    def note(self, note: str) -> None:
        """A note where something that cannot be read is missing."""
        self.place([Block(self.composition.missing(note))])

    def _start(self, name: str, element: Element) -> None:
        if name in SKIPPED:
            self.skip(element)
            return
        if (begin := self._begins.get(name)) is not None:
            begin(self, element)
        elif _is_drawn(name):
            self.push()
        elif name.startswith("math:"):
            self.insert(formula_marks(name, element)[0])
        if self._skipped is not element:
            self.write(element.text or "")

    def _end(self, name: str, element: Element) -> None:
        if self._skipped is element:
            self._skipped = None
            if name in SKIPPED:
                return
        if (end := self._ends.get(name)) is not None:
            end(self, element)
        elif name not in self._begins and _is_drawn(name):
            self.place(self.pop())
        elif name.startswith("math:"):
            self.insert(formula_marks(name, element)[1])


def _is_drawn(name: str) -> bool:
    """Whether an element is a shape, which may have its own text."""
    return name.startswith("draw:") and name not in ("draw:a", "draw:page")
