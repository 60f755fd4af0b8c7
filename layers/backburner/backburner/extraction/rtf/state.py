"""The state of an RTF group, which is restored at its end."""

from collections.abc import Callable  # noqa: TC003 - imports look the same in all modules
from typing import Protocol

from backburner.extraction.story import Story

_MAX_TABLES = 50
"""How deep tables may be nested and still be kept apart."""


class Sink(Protocol):
    """A receiver of text."""

    def add(self, text: str, mark: str = "") -> None:
        """Take a piece of text."""


class Discarded:
    """A receiver that ignores its text."""

    def add(self, text: str, mark: str = "") -> None:
        """Ignore it."""


class Captured:
    """A short text kept for other use: an author, an instruction, a number."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, text: str, mark: str = "") -> None:  # noqa: ARG002 - the interface of all sinks
        """Keep it."""
        self._pieces.append(text)

    def __str__(self) -> str:
        return "".join(self._pieces)


class State:
    """The properties of a group. Nested groups do not inherit what is to be done at its end."""

    __slots__ = (
        "at_end", "font", "in_table", "is_deleted", "is_endnote", "is_hidden", "is_starred", "level",
        "list_level", "list_number", "mark", "outline", "sink", "story", "style", "unicode_skip",
    )  # fmt: skip

    def __init__(self, story: Story, sink: Sink) -> None:
        self.story = story
        self.sink = sink
        self.font: int | None = None
        self.unicode_skip = 1
        self.is_starred = False
        self.is_endnote = False
        self.at_end: Callable[[State], None] | None = None
        self.reset_characters(None)
        self.reset_paragraph()

    def child(self) -> "State":
        """The state of a nested group."""
        inner = State.__new__(State)
        inner.story = self.story
        inner.sink = self.sink
        inner.font = self.font
        inner.unicode_skip = self.unicode_skip
        inner.is_endnote = self.is_endnote
        inner.is_hidden = self.is_hidden
        inner.is_deleted = self.is_deleted
        inner.mark = self.mark
        inner.in_table = self.in_table
        inner.level = self.level
        inner.style = self.style
        inner.outline = self.outline
        inner.list_number = self.list_number
        inner.list_level = self.list_level
        inner.is_starred, inner.at_end = False, None
        return inner

    def reset_characters(self, font: int | None) -> None:
        r"""Reset as `\plain` does."""
        self.font = font
        self.is_hidden = False
        self.is_deleted = False
        self.mark = ""

    def reset_paragraph(self) -> None:
        r"""Reset as `\pard` does."""
        self.in_table = False
        self.level = 0
        self.style: int | None = None
        self.outline: int | None = None
        self.list_number: int | None = None
        self.list_level = 0

    @property
    def table_level(self) -> int:
        """The number of tables that contain the paragraph."""
        return min(max(self.level, int(self.in_table)), _MAX_TABLES)
