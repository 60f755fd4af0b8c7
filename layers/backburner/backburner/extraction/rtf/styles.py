"""The style sheet: which styles are headings, and which belong to a list."""

import re
from dataclasses import dataclass

from backburner.extraction.rtf.state import State

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
MAX_OUTLINE = 8
"""Outline levels count from 0; 9 is body text."""


@dataclass
class Style:
    """An entry of the style sheet."""

    name: str = ""
    outline: int | None = None
    list_number: int | None = None
    list_level: int = 0

    @property
    def heading_level(self) -> int | None:
        """Its heading level, from 1; None if it is not a heading."""
        if self.outline is not None and 0 <= self.outline <= MAX_OUTLINE:
            return self.outline + 1
        named = _HEADING.fullmatch(self.name)
        return int(named[1]) if named else None


class Styles:
    """The style sheet, while it is read and afterwards."""

    def __init__(self) -> None:
        self._styles: dict[int, Style] = {}
        self._current = Style()

    def begin(self, number: int) -> None:
        """Begin the next entry."""
        self._current = self._styles[number] = Style()

    def property(self, word: str, number: int) -> None:
        """Apply a control word of the current entry."""
        match word:
            case "outlinelevel":
                self._current.outline = number
            case "ls":
                self._current.list_number = number
            case "ilvl":
                self._current.list_level = number

    def add(self, text: str, mark: str = "") -> None:  # noqa: ARG002 - the interface of all sinks
        """Append to the current entry's name."""
        self._current.name = (self._current.name + text).partition(";")[0].strip()

    def get(self, number: int | None) -> Style:
        """A style; one without properties if it is unknown."""
        return self._styles.get(0 if number is None else number, Style())

    def heading_level(self, state: State) -> int | None:
        """The heading level of a paragraph; None if it is not a heading."""
        if state.outline is not None:
            return state.outline + 1 if 0 <= state.outline <= MAX_OUTLINE else None
        return self.get(state.style).heading_level
