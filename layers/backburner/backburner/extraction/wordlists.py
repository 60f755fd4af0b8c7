"""Lists as Word numbers them, with patterns per level, in DOC and RTF."""

from dataclasses import dataclass, field

from backburner.extraction.ordinals import Numbering, ordinal

_FORMS = {
    0: Numbering.DECIMAL, 1: Numbering.UPPER_ROMAN, 2: Numbering.LOWER_ROMAN, 3: Numbering.UPPER_LETTER,
    4: Numbering.LOWER_LETTER, 5: Numbering.ORDINAL, 10: Numbering.CHINESE, 11: Numbering.CHINESE,
    18: Numbering.CIRCLED, 19: Numbering.DECIMAL, 22: Numbering.PADDED, 23: Numbering.BULLET, 39: Numbering.CHINESE,
    58: Numbering.CYRILLIC_LOWER, 59: Numbering.CYRILLIC_UPPER, 255: Numbering.NONE,
}  # fmt: skip
MAX_LEVELS = 9


def form_of(code: int) -> Numbering:
    """The number format for one of Word's codes; digits if unknown."""
    return _FORMS.get(code, Numbering.DECIMAL)


@dataclass
class Level:
    """A list level: its number format and the text around the number."""

    form: Numbering = Numbering.DECIMAL
    start: int = 1
    pattern: str = ""
    """Characters below 9 stand for the number of the level with that index."""
    is_legal: bool = False
    """Whether the numbers of outer levels are shown in digits."""


@dataclass
class ListCounter:
    """A list with its levels and the current number of each."""

    levels: list[Level] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=lambda: [None] * MAX_LEVELS)

    def label(self, depth: int) -> str:
        """Count the next item of a level; returns its label."""
        depth = min(max(depth, 0), MAX_LEVELS - 1)
        level = self._level(depth)
        before = self.numbers[depth]
        self.numbers[depth] = level.start if before is None else before + 1
        for outer in range(depth):
            if self.numbers[outer] is None:
                self.numbers[outer] = self._level(outer).start
        self.numbers[depth + 1 :] = [None] * (MAX_LEVELS - depth - 1)
        if level.form is Numbering.BULLET:
            return "•"
        return "".join(self._shown(char, level) for char in level.pattern)

    def _level(self, depth: int) -> Level:
        return self.levels[depth] if depth < len(self.levels) else Level(pattern=f"{chr(depth)}.")

    def _shown(self, char: str, level: Level) -> str:
        depth = ord(char)
        if depth >= MAX_LEVELS:
            return char
        level_shown = self._level(depth)
        form = Numbering.DECIMAL if level.is_legal and level_shown.form is not Numbering.PADDED else level_shown.form
        return ordinal(self.numbers[depth] or 0, form)
