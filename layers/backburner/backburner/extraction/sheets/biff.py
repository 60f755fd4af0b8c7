"""XLS records besides cells: the list of sheets, text boxes, charts, page headers and footers."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_BOF, _EOF, _CONTINUE, _BOUNDSHEET = 0x0809, 0x000A, 0x003C, 0x0085
_HEADER, _FOOTER, _OBJ, _TXO, _CHART_TEXT = 0x0014, 0x0015, 0x005D, 0x01B6, 0x100D
_NOTE, _PICTURE = 0x19, 0x08
_CHART_STREAM = 0x0020
_OBJECT_FORMULA = 0x09
_RECORD_HEADER = struct.Struct("<HH")
_WIDE = 1


@dataclass(frozen=True)
class SheetEntry:
    """A sheet in the workbook's list: offset of its records, 0 visible, 1 hidden or 2 very hidden, and its kind."""

    name: str
    offset: int
    visibility: int
    kind: int


@dataclass
class SheetObjects:
    """What a sheet contains besides cells."""

    boxes: list[str] = field(default_factory=list)
    charts: list[list[str]] = field(default_factory=list)
    """For each chart, its titles and the names in it."""
    headers_and_footers: list[str] = field(default_factory=list)
    pictures: int = 0
    embedded: int = 0


def listed_sheets(stream: bytes, encoding: str | None) -> Iterator[SheetEntry]:
    """All sheets in the workbook's order; `encoding` is that of names before Unicode."""
    for code, body in _records(stream, 0):
        if code == _BOUNDSHEET and len(body) > 8:  # noqa: PLR2004 - position, visibility, kind, length, flags
            offset, visibility, kind = struct.unpack_from("<IBB", body)
            name = body[7 : 7 + body[6]].decode(encoding, "replace") if encoding else _text(body[8:], body[6], body[7])
            yield SheetEntry(name, offset, visibility & 3, kind)


def sheet_objects(stream: bytes, offset: int) -> SheetObjects:
    """Everything in a sheet's records besides cells. Its charts are streams within its own."""
    found = SheetObjects()
    last_object, chars = 0, 0
    for code, body in _records(stream, offset):
        if code == _BOF and len(body) > 3 and struct.unpack_from("<H", body, 2)[0] == _CHART_STREAM:  # noqa: PLR2004
            found.charts.append([])
        elif code == _CHART_TEXT and found.charts and len(body) > 4:  # noqa: PLR2004 - id, length, flags
            found.charts[-1].append(_text(body[4:], body[2], body[3]))
        elif code == _OBJ and len(body) >= 6:  # noqa: PLR2004 - kind and length of its first part, its own kind
            last_object = struct.unpack_from("<H", body, 4)[0]
            found.embedded += last_object == _PICTURE and _is_embedded(body)
            found.pictures += last_object == _PICTURE and not _is_embedded(body)
        elif code == _TXO and len(body) >= 12:  # noqa: PLR2004 - flags, rotation, six bytes, length
            chars = struct.unpack_from("<H", body, 10)[0] if last_object != _NOTE else 0
            if chars:
                found.boxes.append("")
        elif code == _CONTINUE and chars and body:
            text = _text(body[1:], chars, body[0])
            found.boxes[-1] += text
            chars -= len(text)
        elif code in (_HEADER, _FOOTER) and len(body) > 3:  # noqa: PLR2004 - length, flags
            kind = "Header" if code == _HEADER else "Footer"
            found.headers_and_footers.append(f"{kind}: {_text(body[3:], struct.unpack_from('<H', body)[0], body[2])}")
    return found


def _records(stream: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The records of a sheet or of the workbook itself, including those of nested streams, up to its end."""
    depth = 0
    while 0 <= offset <= len(stream) - _RECORD_HEADER.size:
        code, size = _RECORD_HEADER.unpack_from(stream, offset)
        offset += _RECORD_HEADER.size
        depth += (code == _BOF) - (code == _EOF)
        yield code, stream[offset : offset + size]
        offset += size
        if depth <= 0:
            return


def _text(body: bytes, chars: int, flags: int) -> str:
    if flags & _WIDE:
        return body[: chars * 2].decode("utf-16-le", "replace")
    return body[:chars].decode("latin-1")


def _is_embedded(body: bytes) -> bool:
    """Whether a picture stands for an object of another program, which has a formula record."""
    offset = 0
    while offset <= len(body) - _RECORD_HEADER.size:
        kind, size = _RECORD_HEADER.unpack_from(body, offset)
        if kind == _OBJECT_FORMULA:
            return True
        offset += _RECORD_HEADER.size + size
    return False
