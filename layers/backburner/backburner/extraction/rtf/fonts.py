"""The fonts of a document: in which code page each has its bytes, and which show signs instead of letters."""

from dataclasses import dataclass

from backburner.extraction.rtf.charsets import ANSI_CHARSET, SYMBOL_CHARSET, codec, page_of_charset
from backburner.extraction.symbols import is_symbol_font

_WESTERN = 1252


@dataclass
class Font:
    """A line of the table of fonts."""

    name: str = ""
    charset: int | None = None
    page: int | None = None

    @property
    def is_symbol(self) -> bool:
        """Whether its bytes are signs."""
        return self.charset == SYMBOL_CHARSET or is_symbol_font(self.name)


class Fonts:
    """The table, as it is read and as it is asked."""

    def __init__(self) -> None:
        self.page = _WESTERN
        """The document's own code page."""
        self._fonts: dict[int, Font] = {}
        self._current = Font()

    def begin(self, number: int) -> None:
        """The next line."""
        self._current = self._fonts[number] = Font()

    def charset(self, number: int) -> None:
        """The character set of the current line."""
        self._current.charset = number

    def code_page(self, number: int) -> None:
        """The code page of the current line: it wins over the character set."""
        self._current.page = number

    def add(self, text: str, mark: str = "") -> None:  # noqa: ARG002 - as every sink
        """A piece of the current line's name."""
        self._current.name = (self._current.name + text).partition(";")[0].strip()

    def codec(self, number: int | None) -> str:
        """How text in a font is decoded."""
        font = self._fonts.get(number) if number is not None else None
        if font is None:
            return codec(self.page)
        return codec(font.page or self._page(font))

    def name(self, number: int | None) -> str:
        """The name of a font; "" of one that is not in the table."""
        font = self._fonts.get(number) if number is not None else None
        return "" if font is None else font.name if not font.is_symbol else font.name or "Symbol"

    def symbol_name(self, number: int | None) -> str | None:
        """The name of a font of signs; None of one of letters."""
        font = self._fonts.get(number) if number is not None else None
        return (font.name or "Symbol") if font is not None and font.is_symbol else None

    def _page(self, font: Font) -> int:
        """The set ANSI is Western, unless no font is marked as having the document's own character set."""
        if font.charset == ANSI_CHARSET:
            marked = {page_of_charset(other.charset) for other in self._fonts.values() if other.charset}
            return _WESTERN if self.page in marked else self.page
        return (page_of_charset(font.charset) if font.charset is not None else None) or self.page
