"""The shapes of a slide: text boxes, tables, pictures, embedded objects."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.extraction.composition import Block
from backburner.extraction.ppt.records import Record, Type
from backburner.extraction.ppt.text import Text, texts
from backburner.extraction.story import table_blocks

_PICTURE = 75
_TABLE = frozenset({0x039F, 0x03A0})
_WORD_ART = 0x00C0
_COMPLEX, _PROPERTY = 0x8000, 0x3FFF
_FILLED_BY_PROGRAM = frozenset({7, 8, 9, 10, 11})
"""Placeholders that PowerPoint fills: date, number, header, footer, and a picture of the slide."""


@dataclass
class Shapes:
    """What a slide contains."""

    titles: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    pictures: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True)
class _Cell:
    top: int
    left: int
    text: str


def read_shapes(slide: Record, outline: list[Text]) -> Shapes:
    """The shapes of a slide, whose placeholders may have their text in the outline."""
    found = Shapes()
    for record in _shapes(slide):
        if record.type == Type.GROUP:
            found.blocks += table_blocks(_rows(record, outline), is_nested=False)
        else:
            _read_shape(record, outline, found)
    return found


def _shapes(within: Record) -> Iterator[Record]:
    """Shapes, and groups that are tables, in order."""
    for child in within.children():
        if child.type == Type.SHAPE or (child.type == Type.GROUP and _is_table(child)):
            yield child
        elif child.is_container:
            yield from _shapes(child)


def _read_shape(shape: Record, outline: list[Text], found: Shapes) -> None:
    placeholder = next((child for child in shape.all() if child.type == Type.PLACEHOLDER), None)
    if placeholder is not None and placeholder.number(4, 1) in _FILLED_BY_PROGRAM:
        return
    for text in _texts(shape, outline):
        if text.is_title and not found.titles:
            found.titles.append(" ".join(text.plain().split()))
        else:
            found.blocks += text.blocks()
    atom = shape.find(Type.SHAPE_ATOM)
    found.pictures += atom is not None and atom.instance == _PICTURE
    found.objects += any(child.type == Type.OBJECT for child in shape.all())
    art = _properties(shape, Type.PROPERTIES).get(_WORD_ART, "")
    if art:
        found.blocks.append(Block(art))


def _texts(shape: Record, outline: list[Text]) -> list[Text]:
    box = shape.find(Type.TEXT_BOX)
    if box is None:
        return []
    found = texts(box.children())
    for child in box.children():
        if child.type == Type.OUTLINE_TEXT and child.number(0) < len(outline):
            found.append(outline[child.number(0)])
    return found


def _is_table(group: Record) -> bool:
    first = group.find(Type.SHAPE)
    return first is not None and bool(_properties(first, Type.MORE_PROPERTIES).keys() & _TABLE)


def _rows(group: Record, outline: list[Text]) -> list[list[str]]:
    """The cells of a table, arranged by position."""
    cells = []
    for shape in group.children():
        anchor = shape.find(Type.CHILD_ANCHOR) if shape.type == Type.SHAPE else None
        if anchor is not None and shape.find(Type.TEXT_BOX) is not None:
            left, top = struct.unpack_from("<ii", anchor.body)
            cells.append(_Cell(top, left, "\n".join(text.plain() for text in _texts(shape, outline))))
    columns = {left: column for column, left in enumerate(sorted({cell.left for cell in cells}))}
    rows: dict[int, list[str]] = {top: [""] * len(columns) for top in sorted({cell.top for cell in cells})}
    for cell in cells:
        rows[cell.top][columns[cell.left]] = cell.text
    return list(rows.values())


def _properties(shape: Record, kind: Type) -> dict[int, str]:
    """The properties of a shape by number, with the text of those that are strings."""
    record = shape.find(kind)
    if record is None:
        return {}
    found = {}
    offset = record.first + 6 * record.instance
    for number in range(record.instance):
        code, value = struct.unpack_from("<HI", record.data, record.first + 6 * number)
        text = ""
        if code & _COMPLEX:
            if code & _PROPERTY == _WORD_ART:
                text = record.data[offset : offset + value].decode("utf-16-le", "replace").rstrip("\0")
            offset += value
        found[code & _PROPERTY] = text.replace("\r", "\n").strip()
    return found
