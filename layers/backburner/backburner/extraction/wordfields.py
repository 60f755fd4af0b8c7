"""Word fields: the result is the text; the instruction holds the addresses of links and the contents of forms."""

import re
from dataclasses import dataclass, field

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.symbols import symbol

_LINK = re.compile(r'\s*HYPERLINK\s+"?([^"\s]+)"?', re.IGNORECASE)
_SYMBOL = re.compile(r'\s*SYMBOL\s+(0x[0-9a-f]+|\d+)(?:.*?\\f\s+"?([^"\\]+)"?)?', re.IGNORECASE)
_FORMULA = re.compile(r"\s*EQ\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_CHECK_BOX, _CHOICE = 1, 2
_USE_DEFAULT = 25
"""The result of a form field that has not been set."""


@dataclass
class Form:
    """A form field."""

    kind: int | None = None
    result: int = _USE_DEFAULT
    default: int = 0
    text: str = ""
    choices: list[str] = field(default_factory=list)

    def property(self, word: str, value: int) -> None:
        """Set a property by its control word."""
        match word:
            case "fftype":
                self.kind = value
            case "ffres":
                self.result = value
            case "ffdefres":
                self.default = value

    def shown(self) -> str:
        """What is shown if the field has no result."""
        chosen = self.default if self.result == _USE_DEFAULT else self.result
        if self.kind == _CHECK_BOX:
            return TICKED if chosen else UNTICKED
        if self.kind == _CHOICE:
            return self.choices[chosen] if 0 <= chosen < len(self.choices) else ""
        return self.text


@dataclass
class Field:
    """A field being read."""

    start: tuple[int, int] = (0, 0)
    """Its position in the paragraph."""
    instruction: str = ""
    form: Form = field(default_factory=Form)

    @property
    def address(self) -> str:
        """The address of a link."""
        found = _LINK.match(self.instruction)
        return found[1] if found else ""

    def shown(self) -> str:
        """What to show in place of a missing result."""
        if found := _SYMBOL.match(self.instruction):
            return symbol(int(found[1], 0), (found[2] or "Symbol").strip())
        if found := _FORMULA.match(self.instruction):
            return found[1].strip()
        return self.form.shown()
