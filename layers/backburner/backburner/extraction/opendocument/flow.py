"""A text within a document (the body, a cell, a text box) while it is being read."""

import re

from backburner.extraction.composition import HIDDEN
from backburner.extraction.opendocument.lists import OpenList  # noqa: TC001 - imports look the same in all modules
from backburner.extraction.story import Paragraph, Story
from backburner.extraction.symbols import with_symbols

_BLANKS = re.compile(r"[ \t\r\n]+")


class Flow:
    """A story with what is open in it: a paragraph, lists, tables, formatting."""

    def __init__(self) -> None:
        self.story = Story()
        self.tables = 0
        self.lists: list[OpenList] = []
        self.paragraph: Paragraph | None = None
        self.outer_lists: list[list[OpenList]] = []
        """The lists outside the open cells."""
        self.marks: list[str] = [""]
        self.fonts: list[str] = [""]
        self.links: list[tuple[int, int]] = []
        self.hidden = 0
        """How many elements around the text hide it."""
        self._ends_blank = True

    def begin(self, paragraph: Paragraph) -> None:
        """Begin a paragraph."""
        self.paragraph = paragraph
        self._ends_blank = True

    def end(self) -> None:
        """End the current paragraph, if any."""
        if self.paragraph is not None:
            self.story.end_paragraph(self.paragraph, self.tables)
        self.paragraph = None

    def end_boxes(self) -> None:
        """Put pending text boxes here, between two paragraphs."""
        self.story.end_paragraph(Paragraph(), self.tables)

    def write(self, text: str) -> None:
        """Text from the XML: white space is one space, and none after another or at the start of a paragraph."""
        if self.paragraph is None or not text:
            return
        collapsed = with_symbols(_BLANKS.sub(" ", text), self.fonts[-1])
        if self._ends_blank:
            collapsed = collapsed.removeprefix(" ")
        if collapsed:
            self._ends_blank = collapsed.endswith(" ")
            self.story.add(collapsed, HIDDEN if self.hidden else self.marks[-1])

    def insert(self, text: str, *, is_marked: bool = True) -> None:
        """Text to be kept as is."""
        if self.paragraph is not None and text:
            self._ends_blank = False
            mark = HIDDEN if self.hidden else self.marks[-1]
            self.story.add(text, mark if is_marked else "")
