"""The style sheet: which styles are headings or carry a list."""

import struct
from dataclasses import dataclass, replace

from backburner.extraction.doc.properties import Properties, paragraph

_PARAGRAPH, _NONE = 1, 0xFFF
_FIRST_HEADING, _LAST_HEADING = 1, 9
_MAX_PARENTS = 20


@dataclass(frozen=True, slots=True)
class _Style:
    built_in: int
    parent: int
    paragraph: bytes = b""


class Styles:
    """The style sheet of a document."""

    def __init__(self, part: bytes) -> None:
        self._styles = _styles(part)
        self._paragraphs: dict[int, Properties] = {}

    def paragraph(self, number: int) -> Properties:
        """What a style says of its paragraphs."""
        if number not in self._paragraphs:
            found = Properties()
            for style in reversed(self._chain(number)):
                if _FIRST_HEADING <= style.built_in <= _LAST_HEADING:
                    found = replace(found, outline=style.built_in - 1)
                found = paragraph(style.paragraph, b"", found)
            self._paragraphs[number] = replace(found, style=number)
        return self._paragraphs[number]

    def _chain(self, number: int) -> list[_Style]:
        found: list[_Style] = []
        while 0 <= number < len(self._styles) and len(found) < _MAX_PARENTS:
            style = self._styles[number]
            if style is None:
                break
            found.append(style)
            number = style.parent
        return found


def _styles(part: bytes) -> list[_Style | None]:
    if len(part) < 6:  # noqa: PLR2004 - a sheet without a head
        return []
    head, count, base = struct.unpack_from("<HHH", part)
    place = 2 + head
    found: list[_Style | None] = []
    for _ in range(count):
        if place + 2 > len(part):
            break
        (size,) = struct.unpack_from("<H", part, place)
        found.append(_style(part[place + 2 : place + 2 + size], base) if size else None)
        place += 2 + size
    return found


def _style(body: bytes, base: int) -> _Style | None:
    if len(body) < base + 2 or base < 8:  # noqa: PLR2004 - damaged
        return None
    built_in, kind, parts = struct.unpack_from("<HHH", body)
    built_in, kind, parent = built_in & 0xFFF, kind & 0xF, kind >> 4
    (length,) = struct.unpack_from("<H", body, base)
    place = base + 2 + 2 * length + 2
    changed = []
    for _ in range(parts & 0xF):
        place += place % 2
        if place + 2 > len(body):
            break
        (size,) = struct.unpack_from("<H", body, place)
        changed.append(body[place + 2 : place + 2 + size])
        place += 2 + size
    own = parent if parent != _NONE else -1
    if kind != _PARAGRAPH or not changed:
        return _Style(-1, own)
    return _Style(built_in, own, changed[0][2:])
