"""Writes Markdown during the walk through a page: running text, and nested blocks."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from backburner.extraction.markdown import heading

MAX_INDENTED = 20
"""How deep lists and quotes are indented; deeper ones are kept, at this depth."""
_SPACES = re.compile(r"[ \t\n\r\f]+")
_SPACES_IN_LINE = re.compile(r"  +")
_AROUND_BREAKS = re.compile(r" *\v *")
_BREAK = "\v"


@dataclass
class Container:
    """Something that contains blocks: the page, a list item, a quote, a table cell."""

    blocks: list[str] = field(default_factory=list)


class Writer:
    """Takes text and the starts and ends of elements, and produces Markdown."""

    def __init__(self) -> None:
        self._containers: list[Container] = [Container()]
        self._line: list[str] = []
        self._flushed = 0
        self.level = 0
        """The level of the heading being written; 0 outside headings."""

    @property
    def blocks(self) -> list[str]:
        """The blocks of the innermost container."""
        return self._containers[-1].blocks

    def text(self, text: str) -> None:
        """Append running text; white space in it counts as one space."""
        if _has_spaces(text):
            text = _SPACES.sub(" ", text)
        self._line.append(text)

    def line_break(self) -> None:
        """Begin a new line in the same paragraph."""
        self._line.append(_BREAK)

    def mark(self) -> tuple[int, int]:
        """The current position, for `wrap`."""
        return self._flushed, len(self._line)

    def wrap(self, start: tuple[int, int], transform: Callable[[str], str]) -> None:
        """Transform the text written since `start`, unless a paragraph ended in between; outer spaces stay outside."""
        if start[0] != self._flushed:
            return
        written = "".join(self._line[start[1] :])
        inner = written.strip(" \v")
        if not inner.strip():
            return
        before, after = written.split(inner, 1)
        self._line[start[1] :] = [before, transform(inner), after]

    def is_broken(self, start: tuple[int, int]) -> bool:
        """Whether a paragraph has ended since `start`."""
        return start[0] != self._flushed

    def end_paragraph(self) -> None:
        """End the current paragraph."""
        if not self._line:
            return
        line = "".join(self._line)
        if "  " in line:
            line = _SPACES_IN_LINE.sub(" ", line)
        if _BREAK in line:
            line = _AROUND_BREAKS.sub("\n", line)
        line = line.strip()
        self._line.clear()
        self._flushed += 1
        if line:
            self.blocks.append(heading(self.level, line) if self.level else line)

    def block(self, text: str) -> None:
        """Add a separate block."""
        self.end_paragraph()
        if text.strip():
            self.blocks.append(text)

    def begin(self) -> None:
        """Begin a container, which takes all blocks until it ends."""
        self.end_paragraph()
        self._flushed += 1
        self._containers.append(Container())

    def end(self) -> list[str]:
        """End the innermost container and return its blocks."""
        self.end_paragraph()
        self._flushed += 1
        return self._containers.pop().blocks

    def is_shallow(self) -> bool:
        """Whether the innermost container may still be indented."""
        return len(self._containers) <= MAX_INDENTED

    def markdown(self) -> str:
        """The whole page."""
        while len(self._containers) > 1:
            blocks = self.end()
            self.blocks.extend(blocks)
        self.end_paragraph()
        return "\n\n".join(self.blocks).strip("\n") + "\n" if self.blocks else ""


def _has_spaces(text: str) -> bool:
    """Whether there is other white space than single spaces."""
    return "  " in text or "\n" in text or "\t" in text or "\r" in text or "\f" in text


def indented(blocks: list[str], first: str, others: str, between: str) -> str:
    """Blocks joined into one, with one prefix for the first line and another for the rest; empty lines stay empty."""
    lines = between.join(blocks).split("\n")
    rest = (f"{others}{line}".rstrip() if line else others.rstrip() for line in lines[1:])
    return "\n".join([f"{first}{lines[0]}", *rest])
