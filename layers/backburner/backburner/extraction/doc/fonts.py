"""The names of a document's fonts: those of symbols show other characters than they hold."""

import struct

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.symbols import symbol, with_symbols

_NAME_AT = 40


class Fonts:
    """The table of fonts."""

    def __init__(self, fib: Fib) -> None:
        self._names = _names(fib.part(Table.FONTS))

    def sign(self, font: int, code: int) -> str:
        """The sign of a code in a font."""
        return symbol(code, self._names[font] if 0 <= font < len(self._names) else "Symbol")

    def shown(self, text: str, font: int) -> str:
        """Text as it is shown: what is in the private area are symbols of its font."""
        return with_symbols(text, self._names[font] if 0 <= font < len(self._names) else "")


def _names(part: bytes) -> list[str]:
    if len(part) < 4:  # noqa: PLR2004 - no table
        return []
    (count,) = struct.unpack_from("<H", part)
    names = []
    place = 4
    for _ in range(count):
        if place >= len(part):
            break
        size = part[place] + 1
        name = part[place + _NAME_AT : place + size].decode("utf-16-le", "replace")
        names.append(name.partition("\0")[0])
        place += size
    return names
