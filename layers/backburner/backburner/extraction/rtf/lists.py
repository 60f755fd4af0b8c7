"""Numbers of list items that the writer of an RTF file did not write out: counted by its table of lists."""

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


class ListTable:
    """The table of lists, as it is read and as it is asked."""

    def __init__(self) -> None:
        self._lists: dict[int, Counted] = {}
        self._overrides: dict[int, int] = {}
        self._list = Counted()
        self._level = Level()
        self._list_id = 0
        self._overridden: list[int | None] = []
        self._starts: dict[int, list[int | None]] = {}

    def begin_list(self) -> None:
        """The next list."""
        self._list = Counted()

    def begin_level(self) -> None:
        """The next level of the current list."""
        self._level = Level()
        self._list.levels.append(self._level)

    def begin_override(self) -> None:
        """The next use of a list under a number of its own."""
        self._overridden = []

    def override_level(self) -> None:
        """The next level of the current use."""
        self._overridden.append(None)

    def property(self, word: str, number: int) -> None:
        """A control word of the table."""
        match word:
            case "levelnfc" | "levelnfcn":
                self._level.form = form_of(number)
            case "levelstartat" if self._overridden:
                self._overridden[-1] = number
            case "levelstartat":
                self._level.start = number
            case "levellegal":
                self._level.is_legal = bool(number)
            case "listid":
                self._list_id = number
                self._lists.setdefault(number, self._list)
            case "ls":
                self._overrides[number] = self._list_id
                self._starts[number] = self._overridden
                self._overridden = []

    def pattern(self, text: str) -> None:
        """What a level writes: its first character is the length."""
        if text:
            self._level.pattern = text[1 : 1 + ord(text[0])]

    def label(self, number: int, depth: int) -> str | None:
        """What stands before the next item of a list; None if there is no such list."""
        found = self._lists.get(self._overrides.get(number, number))
        if found is None:
            return None
        for level, start in enumerate(self._starts.pop(number, [])[:MAX_LEVELS]):
            if start is not None:
                found.numbers[level] = start - 1
        return found.label(depth)
