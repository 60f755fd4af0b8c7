"""Records of old workbooks (XLS) that hold more than cells: the list of sheets, text boxes, charts, page headers."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_BOF, _EOF, _CONTINUE, _BOUNDSHEET = 0x0809, 0x000A, 0x003C, 0x0085
_HEADER, _FOOTER, _OBJ, _TXO, _CHART_TEXT = 0x0014, 0x0015, 0x005D, 0x01B6, 0x100D
_NOTE, _PICTURE = 0x19, 0x08
_CHART_STREAM = 0x0020
_OBJECT_FORMULA = 0x09
_HEAD = struct.Struct("<HH")
_WIDE = 1


@dataclass(frozen=True)
class Listed:
    """A sheet as the workbook lists it: where its records begin, 0 visible, 1 hidden, 2 very hidden, its kind."""

    name: str
    offset: int
    visibility: int
    kind: int


@dataclass
class Besides:
    """What stands beside a sheet's cells."""

    boxes: list[str] = field(default_factory=list)
    charts: list[list[str]] = field(default_factory=list)
    """The titles and names of each chart."""
    running: list[str] = field(default_factory=list)
    pictures: int = 0
    embedded: int = 0


def listed_sheets(stream: bytes, encoding: str | None) -> Iterator[Listed]:
    """The sheets in the workbook's order, of every kind; `encoding` is that of names before Unicode."""
    for code, body in _records(stream, 0):
        if code == _BOUNDSHEET and len(body) > 8:  # noqa: PLR2004 - position, visibility, kind, length, flags
            offset, visibility, kind = struct.unpack_from("<IBB", body)
            name = body[7 : 7 + body[6]].decode(encoding, "replace") if encoding else _text(body[8:], body[6], body[7])
            yield Listed(name, offset, visibility & 3, kind)


def besides(stream: bytes, offset: int) -> Besides:
    """What a sheet's records say beside its cells. Charts of a sheet are streams within its own."""
    found = Besides()
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
        elif code == _TXO and len(body) >= 12:  # noqa: PLR2004 - flags, turn, six bytes, length
            chars = struct.unpack_from("<H", body, 10)[0] if last_object != _NOTE else 0
            if chars:
                found.boxes.append("")
        elif code == _CONTINUE and chars and body:
            text = _text(body[1:], chars, body[0])
            found.boxes[-1] += text
            chars -= len(text)
        elif code in (_HEADER, _FOOTER) and len(body) > 3:  # noqa: PLR2004 - length, flags
            kind = "Header" if code == _HEADER else "Footer"
            found.running.append(f"{kind}: {_text(body[3:], struct.unpack_from('<H', body)[0], body[2])}")
    return found


def _records(stream: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The records of a sheet or of the workbook itself, those of streams within it too, up to its end."""
    depth = 0
    while 0 <= offset <= len(stream) - _HEAD.size:
        code, size = _HEAD.unpack_from(stream, offset)
        offset += _HEAD.size
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
    """Whether a picture stands for an object of another program: its parts name a formula."""
    place = 0
    while place <= len(body) - _HEAD.size:
        kind, size = _HEAD.unpack_from(body, place)
        if kind == _OBJECT_FORMULA:
            return True
        place += _HEAD.size + size
    return False
