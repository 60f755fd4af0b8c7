"""The blocks of a text, and how they become Markdown: on the page, or inside a cell, which is a single line."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backburner.extraction.markdown import heading, table

_MARKDOWN_LABEL = re.compile(r"-|\d{1,9}[.)]")
_RULE = re.compile(r"\|(?: --- \|)+")


class Block(NamedTuple):
    """A paragraph; a heading if it has a heading level, a list item if it has a depth, a table if it has rows."""

    text: str
    heading: int = 0
    depth: int | None = None
    label: str = ""
    gap: str = " "
    rows: Sequence[Sequence[str]] = ()

    @property
    def labelled(self) -> str:
        """The text after its number, separated from it if it begins with a letter, even if Word leaves no gap."""
        gap = " " if self.text[:1].isalnum() else self.gap
        return f"{self.label}{gap}{self.text}".strip() if self.label else self.text


class Blocks(Protocol):
    """A receiver of blocks."""

    def add(self, block: Block) -> None:
        """Add a block."""


class Page:
    """Blocks as Markdown. List items follow each other without an empty line, indented below their parent item.

    The first item of a list is never indented, whatever its level, so that it is not taken for code.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._above: list[tuple[int, int]] = []
        """Levels and label widths of the items that the next one may be below."""

    def add(self, block: Block) -> None:
        """Add a block, unless it is empty."""
        if block.depth is None:
            text = table(block.rows).rstrip("\n") if block.rows else block.labelled.strip()
            if block.heading and text:
                text = heading(block.heading, text)
            self._above = [] if text else self._above
            self._write(text, "\n\n")
            return
        is_first = not self._above
        while self._above and self._above[-1][0] >= block.depth:
            self._above.pop()
        margin = " " * sum(width for _, width in self._above)
        width = len(block.label) + 1 if _MARKDOWN_LABEL.fullmatch(block.label) else 2
        self._above.append((block.depth, width))
        self._write(margin + block.labelled.strip().replace("\n", f"\n{margin}"), "\n\n" if is_first else "\n")

    def text(self) -> str:
        """The whole page."""
        return "".join(self._pieces)

    def _write(self, text: str, gap: str) -> None:
        if text.strip():
            self._pieces += [gap, text] if self._pieces else [text]


class Cell:
    """Blocks inside a cell, a note or a text box, as a list or as plain lines."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def add(self, block: Block) -> None:
        """Add a block."""
        self.blocks.append(block)

    def flat(self) -> str:
        """One line per paragraph and per table row."""
        lines = []
        for block in self.blocks:
            if block.rows:
                lines += [" | ".join(one for one in row if one) for row in block.rows]
            elif text := block.labelled.strip():
                lines += [line for line in text.split("\n") if not _RULE.fullmatch(line)]
        return "\n".join(line for line in lines if line.strip())
