"""The texts of boxes: their characters, their type, and the indentation of their paragraphs."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from backburner.extraction.composition import Block, list_item
from backburner.extraction.ppt.records import Record, Type

_TITLES, _BODIES = frozenset({0, 6}), frozenset({1, 7, 8})
NOTES = 2
_FIELDS = frozenset({Type.SLIDE_NUMBER, Type.DATE_TIME, Type.GENERIC_DATE, Type.HEADER_FIELD, Type.FOOTER_FIELD})
_BULLET_FLAGS = 0b1111
_SIZES = (
    (7, 2), (4, 2), (6, 2), (5, 4), (11, 2), (12, 2), (13, 2), (14, 2), (8, 2), (10, 2), (15, 2),
)  # fmt: skip
"""Bits in the mask of a paragraph's properties and their sizes in bytes, in the order stored."""
_TABS, _AFTER_TABS, _WRAPS, _DIRECTION = 20, 16, (17, 18, 19), 21


@dataclass
class Text:
    """A text: its type, its characters, and the depth and bullets of its paragraphs."""

    kind: int
    characters: str = ""
    paragraphs: list[tuple[int, int, bool | None]] = field(default_factory=list)
    """Number of characters, depth, bullet; None if the master decides."""

    @property
    def is_title(self) -> bool:
        """Whether it is a slide's title."""
        return self.kind in _TITLES

    def plain(self) -> str:
        """The characters, with one line per paragraph."""
        return self.characters.replace("\r", "\n").replace("\x0b", "\n").strip()

    def blocks(self) -> list[Block]:
        """The paragraphs; those of a slide's body are list items."""
        blocks = []
        offset = 0
        for paragraph in self.characters.split("\r"):
            depth, bullet = self._at(offset)
            offset += len(paragraph) + 1
            shown = paragraph.replace("\x0b", "\n").strip()
            has_bullet = bullet if bullet is not None else self.kind in _BODIES
            if shown:
                blocks.append(list_item("", shown, depth) if has_bullet else Block(shown))
        return blocks

    def _at(self, offset: int) -> tuple[int, bool | None]:
        end = 0
        for count, depth, bullet in self.paragraphs:
            end += count
            if offset < end:
                return depth, bullet
        return 0, None


def texts(records: Iterable[Record]) -> list[Text]:
    """The texts in a sequence of records; each begins with its type."""
    found: list[Text] = []
    for record in records:
        if record.type == Type.TEXT_HEADER:
            found.append(Text(record.number(0)))
        elif not found:
            continue
        elif record.type == Type.TEXT_CHARS:
            found[-1].characters = record.body.decode("utf-16-le", "replace")
        elif record.type == Type.TEXT_BYTES:
            found[-1].characters = record.body.decode("latin-1")
        elif record.type == Type.TEXT_STYLE:
            found[-1].paragraphs = _paragraphs(record.body, len(found[-1].characters) + 1)
        elif record.type in _FIELDS:
            _remove_field(found[-1], record.number(0))
    return found


def _remove_field(text: Text, offset: int) -> None:
    """Remove the asterisk that stands for a slide number or date."""
    if text.characters[offset : offset + 1] == "*":
        text.characters = f"{text.characters[:offset]} {text.characters[offset + 1 :]}"


def _paragraphs(style: bytes, length: int) -> list[tuple[int, int, bool | None]]:
    found: list[tuple[int, int, bool | None]] = []
    offset, covered = 0, 0
    try:
        while covered < length and offset < len(style):
            count, depth, mask = struct.unpack_from("<IHI", style, offset)
            offset += 10
            bullet: bool | None = None
            if mask & _BULLET_FLAGS:
                (flags,) = struct.unpack_from("<H", style, offset)
                bullet = bool(flags & 1) if mask & 1 else None
                offset += 2
            offset = _after_properties(style, offset, mask)
            covered += count
            found.append((count, min(depth, 10), bullet))
    except struct.error:
        return found
    return found


def _after_properties(style: bytes, offset: int, mask: int) -> int:
    offset += sum(size for bit, size in _SIZES if mask >> bit & 1)
    if mask >> _TABS & 1:
        (count,) = struct.unpack_from("<H", style, offset)
        offset += 2 + 4 * count
    offset += 2 * (mask >> _AFTER_TABS & 1)
    offset += 2 * any(mask >> bit & 1 for bit in _WRAPS)
    return offset + 2 * (mask >> _DIRECTION & 1)
