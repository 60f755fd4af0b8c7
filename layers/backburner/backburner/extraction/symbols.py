"""Symbol fonts as Word 97, RTF and LibreOffice use them: in the private use area, under many font names."""

from backburner.extraction import symbolfonts

_REPLACEMENT = "\ufffd"
_PRIVATE, _PAGE, _NO_BREAK = 0xF000, 0x100, 0xA0
_FIRST, _LAST = "\uf000", "\uf0ff"


def symbol(code: int, font: str) -> str:
    """The symbol for a code, which may be in the private use area; "\N{REPLACEMENT CHARACTER}" if unknown."""
    low = code - _PRIVATE if _PRIVATE <= code < _PRIVATE + _PAGE else code
    if low >= _PAGE:
        return chr(code)
    return " " if low == _NO_BREAK else symbolfonts.symbol(low, _symbol_font(font)) or _REPLACEMENT


def with_symbols(text: str, font: str) -> str:
    """Text with the symbols that Word and LibreOffice keep in the private use area decoded."""
    if text.isascii() or not any(_FIRST <= char <= _LAST for char in text):
        return text
    return "".join(_decoded(ord(char), font) if _FIRST <= char <= _LAST else char for char in text)


def is_symbol_font(font: str) -> bool:
    """Whether a font has symbols in place of letters. LibreOffice appends numbers to fonts of the same name."""
    name = font.casefold().rstrip("0123456789 ")
    return name == "symbol" or "wingdings" in name or name in ("webdings", "zapfdingbats", "zapf dingbats")


def _decoded(code: int, font: str) -> str:
    """The character for a code; a font that is not a symbol font has letters there, in Windows-1252."""
    if not font or is_symbol_font(font):
        return symbol(code, font)
    return bytes([code - _PRIVATE]).decode("cp1252", "replace")


def _symbol_font(font: str) -> str:
    """The symbol font to decode with; Symbol if the font is unknown."""
    name = font.casefold()
    if symbolfonts.is_symbol_font(name):
        return name
    return "wingdings" if "dings" in name or "webd" in name else "symbol"
