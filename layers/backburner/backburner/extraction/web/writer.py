"""Markdown as it grows while a page is walked through: lines of running text, and blocks in blocks."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from backburner.extraction.markdown import heading

MAX_INDENTED = 20
"""Lists and quotes in each other: deeper ones are read too, but stay at this depth."""
_SPACES = re.compile(r"[ \t\n\r\f]+")
_AROUND_BREAKS = re.compile(r" *\v *")
_BREAK = "\v"


@dataclass
class Block:
    """Something that has blocks in it: the page, an item of a list, a quote, a cell of a table."""

    blocks: list[str] = field(default_factory=list)


class Writer:
    """Takes text and the beginnings and ends of elements, gives Markdown."""

    def __init__(self) -> None:
        self._inside: list[Block] = [Block()]
        self._line: list[str] = []
        self._flushed = 0
        self.level = 0
        """The heading whose text is being written; 0 outside of headings."""

    @property
    def blocks(self) -> list[str]:
        """The blocks of the innermost container."""
        return self._inside[-1].blocks

    def text(self, text: str) -> None:
        """Running text; white space in it counts as one space."""
        self._line.append(_SPACES.sub(" ", text))

    def line_break(self) -> None:
        """A new line in the same paragraph."""
        self._line.append(_BREAK)

    def mark(self) -> tuple[int, int]:
        """The place where the text of an element begins."""
        return self._flushed, len(self._line)

    def wrap(self, begun: tuple[int, int], form: Callable[[str], str]) -> None:
        """Give the text since `begun` another form, unless it was broken into paragraphs; outer spaces stay outside."""
        if begun[0] != self._flushed:
            return
        written = "".join(self._line[begun[1] :])
        inner = written.strip(" \v")
        if not inner.strip():
            return
        before, after = written.split(inner, 1)
        self._line[begun[1] :] = [before, form(inner), after]

    def is_broken(self, begun: tuple[int, int]) -> bool:
        """Whether paragraphs have ended since."""
        return begun[0] != self._flushed

    def end_paragraph(self) -> None:
        """What follows is a paragraph of its own."""
        if not self._line:
            return
        line = _AROUND_BREAKS.sub("\n", _SPACES_IN_LINE.sub(" ", "".join(self._line))).strip()
        self._line.clear()
        self._flushed += 1
        if line:
            self.blocks.append(heading(self.level, line) if self.level else line)

    def block(self, text: str) -> None:
        """A block that stands for itself."""
        self.end_paragraph()
        if text.strip():
            self.blocks.append(text)

    def begin(self) -> None:
        """Begin a container; its blocks go into it until it ends."""
        self.end_paragraph()
        self._flushed += 1
        self._inside.append(Block())

    def end(self) -> list[str]:
        """End the innermost container and take its blocks."""
        self.end_paragraph()
        self._flushed += 1
        return self._inside.pop().blocks

    def is_shallow(self) -> bool:
        """Whether the innermost container may still be indented."""
        return len(self._inside) <= MAX_INDENTED

    def markdown(self) -> str:
        """All of it."""
        while len(self._inside) > 1:
            blocks = self.end()
            self.blocks.extend(blocks)
        self.end_paragraph()
        return "\n\n".join(self.blocks).strip("\n") + "\n" if self.blocks else ""


_SPACES_IN_LINE = re.compile(r"  +")


def indented(blocks: list[str], first: str, others: str, between: str) -> str:
    """Blocks as one, its first line with one prefix, the others with another; empty lines stay empty."""
    lines = between.join(blocks).split("\n")
    rest = (f"{others}{line}".rstrip() if line else others.rstrip() for line in lines[1:])
    return "\n".join([f"{first}{lines[0]}", *rest])
