"""The style sheet: which paragraph styles are headings or belong to a list."""

import struct
from dataclasses import dataclass, replace

from backburner.extraction.doc.properties import ParagraphProperties, paragraph_properties

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
        self._paragraphs: dict[int, ParagraphProperties] = {}

    def paragraph(self, number: int) -> ParagraphProperties:
        """The paragraph properties that a style sets."""
        if number not in self._paragraphs:
            found = ParagraphProperties()
            for style in reversed(self._chain(number)):
                if _FIRST_HEADING <= style.built_in <= _LAST_HEADING:
                    found = replace(found, outline=style.built_in - 1)
                found = paragraph_properties(style.paragraph, b"", found)
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
    if len(part) < 6:  # noqa: PLR2004 - a style sheet without a header
        return []
    head, count, base = struct.unpack_from("<HHH", part)
    offset = 2 + head
    found: list[_Style | None] = []
    for _ in range(count):
        if offset + 2 > len(part):
            break
        (size,) = struct.unpack_from("<H", part, offset)
        found.append(_style(part[offset + 2 : offset + 2 + size], base) if size else None)
        offset += 2 + size
    return found


def _style(body: bytes, base: int) -> _Style | None:
    if len(body) < base + 2 or base < 8:  # noqa: PLR2004 - damaged
        return None
    built_in, kind, parts = struct.unpack_from("<HHH", body)
    built_in, kind, parent = built_in & 0xFFF, kind & 0xF, kind >> 4
    (length,) = struct.unpack_from("<H", body, base)
    offset = base + 2 + 2 * length + 2
    changed = []
    for _ in range(parts & 0xF):
        offset += offset % 2
        if offset + 2 > len(body):
            break
        (size,) = struct.unpack_from("<H", body, offset)
        changed.append(body[offset + 2 : offset + 2 + size])
        offset += 2 + size
    own = parent if parent != _NONE else -1
    if kind != _PARAGRAPH or not changed:
        return _Style(-1, own)
    return _Style(built_in, own, changed[0][2:])
