"""A text within a document, the body, a cell's or a box's, while it is read."""

import re

from backburner.extraction.composition import HIDDEN
from backburner.extraction.opendocument.lists import OpenList  # noqa: TC001 - one way to import in all modules
from backburner.extraction.story import Paragraph, Story
from backburner.extraction.symbols import with_symbols

_BLANKS = re.compile(r"[ \t\r\n]+")


class Flow:
    """A story, with what is open in it: a paragraph, lists, tables, marks around text."""

    def __init__(self) -> None:
        self.story = Story()
        self.tables = 0
        self.lists: list[OpenList] = []
        self.paragraph: Paragraph | None = None
        self.outer_lists: list[list[OpenList]] = []
        """Those around the open cells."""
        self.marks: list[str] = [""]
        self.fonts: list[str] = [""]
        self.links: list[tuple[int, int]] = []
        self.hidden = 0
        """How many elements around the text say that it is not shown."""
        self._ends_blank = True

    def begin(self, paragraph: Paragraph) -> None:
        """A paragraph begins."""
        self.paragraph = paragraph
        self._ends_blank = True

    def end(self) -> None:
        """It ends."""
        if self.paragraph is not None:
            self.story.end_paragraph(self.paragraph, self.tables)
        self.paragraph = None

    def end_boxes(self) -> None:
        """What stands in boxes is put where the reading is, between two paragraphs."""
        self.story.end_paragraph(Paragraph(), self.tables)

    def write(self, text: str) -> None:
        """Text as XML has it: white space is one space, and none behind another or at a paragraph's begin."""
        if self.paragraph is None or not text:
            return
        collapsed = with_symbols(_BLANKS.sub(" ", text), self.fonts[-1])
        if self._ends_blank:
            collapsed = collapsed.removeprefix(" ")
        if collapsed:
            self._ends_blank = collapsed.endswith(" ")
            self.story.add(collapsed, HIDDEN if self.hidden else self.marks[-1])

    def insert(self, text: str, *, is_marked: bool = True) -> None:
        """Text that stays as it is."""
        if self.paragraph is not None and text:
            self._ends_blank = False
            mark = HIDDEN if self.hidden else self.marks[-1]
            self.story.add(text, mark if is_marked else "")
