"""The font table, needed because symbol fonts show other characters than the file contains."""

import struct

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.symbols import symbol, with_symbols

_NAME_AT = 40


class Fonts:
    """The font table of a document."""

    def __init__(self, fib: Fib) -> None:
        self._names = _names(fib.part(Table.FONTS))

    def symbol(self, font: int, code: int) -> str:
        """The symbol for a code in a font."""
        return symbol(code, self._names[font] if 0 <= font < len(self._names) else "Symbol")

    def shown(self, text: str, font: int) -> str:
        """Text as shown: characters in the private use area become symbols of the font."""
        return with_symbols(text, self._names[font] if 0 <= font < len(self._names) else "")


def _names(part: bytes) -> list[str]:
    if len(part) < 4:  # noqa: PLR2004 - no table
        return []
    (count,) = struct.unpack_from("<H", part)
    names = []
    offset = 4
    for _ in range(count):
        if offset >= len(part):
            break
        size = part[offset] + 1
        name = part[offset + _NAME_AT : offset + size].decode("utf-16-le", "replace")
        names.append(name.partition("\0")[0])
        offset += size
    return names
