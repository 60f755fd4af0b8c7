"""Lists as Word counts them: levels with patterns, in DOC as in RTF."""

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
    """The form that a code of Word stands for; digits if it is not known."""
    return _FORMS.get(code, Numbering.DECIMAL)


@dataclass
class Level:
    """A level of a list: how it counts and what it writes around its numbers."""

    form: Numbering = Numbering.DECIMAL
    start: int = 1
    pattern: str = ""
    """Characters below 9 stand for the number of that level."""
    is_legal: bool = False
    """Whether the numbers of outer levels are shown in digits."""


@dataclass
class Counted:
    """A list with its levels and where it stands."""

    levels: list[Level] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=lambda: [None] * MAX_LEVELS)

    def label(self, depth: int) -> str:
        """What stands before the next item of a level."""
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
        of = self._level(depth)
        form = Numbering.DECIMAL if level.is_legal and of.form is not Numbering.PADDED else of.form
        return ordinal(self.numbers[depth] or 0, form)
