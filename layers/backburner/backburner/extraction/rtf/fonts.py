"""The font table: the code page of each font, and which are symbol fonts."""

from dataclasses import dataclass

from backburner.extraction.rtf.charsets import ANSI_CHARSET, SYMBOL_CHARSET, code_page_of, codec
from backburner.extraction.symbols import is_symbol_font

_WESTERN = 1252


@dataclass
class Font:
    """An entry of the font table."""

    name: str = ""
    charset: int | None = None
    code_page: int | None = None

    @property
    def is_symbol(self) -> bool:
        """Whether its bytes are symbols."""
        return self.charset == SYMBOL_CHARSET or is_symbol_font(self.name)


class Fonts:
    """The font table, while it is read and afterwards."""

    def __init__(self) -> None:
        self.default_code_page = _WESTERN
        """The document's own code page."""
        self._fonts: dict[int, Font] = {}
        self._current = Font()

    def begin(self, number: int) -> None:
        """Begin the next entry."""
        self._current = self._fonts[number] = Font()

    def charset(self, number: int) -> None:
        """Set the charset of the current entry."""
        self._current.charset = number

    def code_page(self, number: int) -> None:
        """Set the code page of the current entry, which overrides its charset."""
        self._current.code_page = number

    def add(self, text: str, mark: str = "") -> None:  # noqa: ARG002 - the interface of all sinks
        """Append to the current entry's name."""
        self._current.name = (self._current.name + text).partition(";")[0].strip()

    def codec(self, number: int | None) -> str:
        """The codec for text in a font."""
        font = self._fonts.get(number) if number is not None else None
        if font is None:
            return codec(self.default_code_page)
        return codec(font.code_page or self._code_page_of(font))

    def name(self, number: int | None) -> str:
        """The name of a font; "" if it is not in the table."""
        font = self._fonts.get(number) if number is not None else None
        return "" if font is None else font.name if not font.is_symbol else font.name or "Symbol"

    def symbol_name(self, number: int | None) -> str | None:
        """The name of a symbol font; None for other fonts."""
        font = self._fonts.get(number) if number is not None else None
        return (font.name or "Symbol") if font is not None and font.is_symbol else None

    def _code_page_of(self, font: Font) -> int:
        """The charset ANSI is Western, unless no font has the charset of the document's own code page."""
        if font.charset == ANSI_CHARSET:
            declared = {code_page_of(other.charset) for other in self._fonts.values() if other.charset}
            return _WESTERN if self.default_code_page in declared else self.default_code_page
        return (code_page_of(font.charset) if font.charset is not None else None) or self.default_code_page
