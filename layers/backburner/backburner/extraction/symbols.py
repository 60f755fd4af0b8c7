"""Signs of symbol fonts as Word 97, RTF and LibreOffice write them: in the private area, under many names of fonts."""

from backburner.extraction import signfonts

_REPLACEMENT = "\ufffd"
_PRIVATE, _PAGE, _NO_BREAK = 0xF000, 0x100, 0xA0
_FIRST, _LAST = "\uf000", "\uf0ff"


def symbol(code: int, font: str) -> str:
    """The sign of a code, which may be one of those in the private area; "\N{REPLACEMENT CHARACTER}" if unknown."""
    low = code - _PRIVATE if _PRIVATE <= code < _PRIVATE + _PAGE else code
    if low >= _PAGE:
        return chr(code)
    return " " if low == _NO_BREAK else signfonts.symbol(low, _sign_font(font)) or _REPLACEMENT


def signs(text: str, font: str) -> str:
    """Text as a font shows it: where Word and LibreOffice have the signs of fonts in the private area."""
    if text.isascii() or not any(_FIRST <= char <= _LAST for char in text):
        return text
    return "".join(_sign(ord(char), font) if _FIRST <= char <= _LAST else char for char in text)


def is_symbol_font(font: str) -> bool:
    """Whether a font shows signs instead of letters. LibreOffice numbers fonts of one name."""
    name = font.casefold().rstrip("0123456789 ")
    return name == "symbol" or "wingdings" in name or name in ("webdings", "zapfdingbats", "zapf dingbats")


def _sign(code: int, font: str) -> str:
    """A font without signs has letters there, in the order of Windows-1252."""
    if not font or is_symbol_font(font):
        return symbol(code, font)
    return bytes([code - _PRIVATE]).decode("cp1252", "replace")


def _sign_font(font: str) -> str:
    """The font whose signs are shown: Symbol where it is none that is known."""
    name = font.casefold()
    if signfonts.is_symbol_font(name):
        return name
    return "wingdings" if "dings" in name or "webd" in name else "symbol"
