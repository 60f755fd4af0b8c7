"""Texts of boxes: characters, their kind, and how deep their paragraphs are indented."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from backburner.extraction.composition import Block, list_item
from backburner.extraction.ppt.records import Record, Type

_TITLES, _BODIES = frozenset({0, 6}), frozenset({1, 7, 8})
NOTES = 2
_FIELDS = frozenset({Type.SLIDE_NUMBER, Type.DATE_TIME, Type.GENERIC_DATE, Type.HEADER_PLACE, Type.FOOTER_PLACE})
_BULLET_FLAGS = 0b1111
_SIZES = (
    (7, 2), (4, 2), (6, 2), (5, 4), (11, 2), (12, 2), (13, 2), (14, 2), (8, 2), (10, 2), (15, 2),
)  # fmt: skip
"""Bits of the mask of a paragraph's properties, in the order in which they stand, with their bytes."""
_TABS, _BEHIND_TABS, _WRAPS, _DIRECTION = 20, 16, (17, 18, 19), 21


@dataclass
class Text:
    """A text: its kind, its characters, the depth of its paragraphs and whether they have bullets."""

    kind: int
    characters: str = ""
    paragraphs: list[tuple[int, int, bool | None]] = field(default_factory=list)
    """Characters, depth, bullet; None as the master has it."""

    @property
    def is_title(self) -> bool:
        """Whether it is the title of a slide."""
        return self.kind in _TITLES

    def plain(self) -> str:
        """The characters, with paragraphs as lines."""
        return self.characters.replace("\r", "\n").replace("\x0b", "\n").strip()

    def blocks(self) -> list[Block]:
        """Paragraphs; those of a slide's body are items of a list."""
        blocks = []
        place = 0
        for paragraph in self.characters.split("\r"):
            depth, bullet = self._at(place)
            place += len(paragraph) + 1
            shown = paragraph.replace("\x0b", "\n").strip()
            has_bullet = bullet if bullet is not None else self.kind in _BODIES
            if shown:
                blocks.append(list_item("", shown, depth) if has_bullet else Block(shown))
        return blocks

    def _at(self, place: int) -> tuple[int, bool | None]:
        end = 0
        for count, depth, bullet in self.paragraphs:
            end += count
            if place < end:
                return depth, bullet
        return 0, None


def texts(records: Iterable[Record]) -> list[Text]:
    """The texts that records in a row describe: each begins with its kind."""
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
            _without(found[-1], record.number(0))
    return found


def _without(text: Text, place: int) -> None:
    """A number or date that each slide has anew stands there as an asterisk."""
    if text.characters[place : place + 1] == "*":
        text.characters = f"{text.characters[:place]} {text.characters[place + 1 :]}"


def _paragraphs(style: bytes, length: int) -> list[tuple[int, int, bool | None]]:
    found: list[tuple[int, int, bool | None]] = []
    place, covered = 0, 0
    try:
        while covered < length and place < len(style):
            count, depth, mask = struct.unpack_from("<IHI", style, place)
            place += 10
            bullet: bool | None = None
            if mask & _BULLET_FLAGS:
                (flags,) = struct.unpack_from("<H", style, place)
                bullet = bool(flags & 1) if mask & 1 else None
                place += 2
            place = _behind(style, place, mask)
            covered += count
            found.append((count, min(depth, 10), bullet))
    except struct.error:
        return found
    return found


def _behind(style: bytes, place: int, mask: int) -> int:
    place += sum(size for bit, size in _SIZES if mask >> bit & 1)
    if mask >> _TABS & 1:
        (count,) = struct.unpack_from("<H", style, place)
        place += 2 + 4 * count
    place += 2 * (mask >> _BEHIND_TABS & 1)
    place += 2 * any(mask >> bit & 1 for bit in _WRAPS)
    return place + 2 * (mask >> _DIRECTION & 1)
