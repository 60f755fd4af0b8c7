"""Numbers of list items that an RTF file does not spell out, counted with its list table."""

from backburner.extraction.wordlists import MAX_LEVELS, Level, ListCounter, form_of


class ListTable:
    """The list table, while it is read and afterwards."""

    def __init__(self) -> None:
        self._lists: dict[int, ListCounter] = {}
        self._overrides: dict[int, int] = {}
        self._list = ListCounter()
        self._level = Level()
        self._list_id = 0
        self._overridden: list[int | None] = []
        self._starts: dict[int, list[int | None]] = {}

    def begin_list(self) -> None:
        """Begin the next list."""
        self._list = ListCounter()

    def begin_level(self) -> None:
        """Begin the next level of the current list."""
        self._level = Level()
        self._list.levels.append(self._level)

    def begin_override(self) -> None:
        """Begin the next list override."""
        self._overridden = []

    def override_level(self) -> None:
        """Begin the next level of the current override."""
        self._overridden.append(None)

    def property(self, word: str, number: int) -> None:
        """Apply a control word of the table."""
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
        """Set a level's text, whose first character is its length."""
        if text:
            self._level.pattern = text[1 : 1 + ord(text[0])]

    def label(self, number: int, depth: int) -> str | None:
        """The label of a list's next item; None if there is no such list."""
        found = self._lists.get(self._overrides.get(number, number))
        if found is None:
            return None
        for level, start in enumerate(self._starts.pop(number, [])[:MAX_LEVELS]):
            if start is not None:
                found.numbers[level] = start - 1
        return found.label(depth)
