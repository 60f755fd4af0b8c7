"""The records of XLSB parts: a number, a length, and bytes."""

import struct
from collections.abc import Iterator
from typing import IO

from backburner.errors import JobError, Reason

_CHUNK_BYTES = 1 << 20
_MAX_RECORD_BYTES = 1 << 24
_MORE = 0x80
_ID_BYTES, _LENGTH_BYTES = 2, 4
_MAX_HEAD = _ID_BYTES + _LENGTH_BYTES
_LENGTH = struct.Struct("<I")
_NO_TEXT = 0xFFFF_FFFF


def records(file: IO[bytes], what: str) -> Iterator[tuple[int, bytes]]:
    """All records of a part, read piece by piece. Raises `JobError` where it breaks off."""
    data, place, is_over = b"", 0, False
    while True:
        if len(data) - place < _MAX_HEAD and not is_over:
            data, place, is_over = _more(file, data[place:], _CHUNK_BYTES)
        if place >= len(data):
            return
        kind, size, place = _head(data, place, what)
        if len(data) - place < size and not is_over:
            data, place, is_over = _more(file, data[place:], max(size, _CHUNK_BYTES))
        if len(data) - place < size:
            raise _broken(what)
        yield kind, data[place : place + size]
        place += size


def text(body: bytes, place: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends; "" where it is marked as none."""
    if len(body) < place + _LENGTH.size:
        return "", len(body)
    (chars,) = _LENGTH.unpack_from(body, place)
    place += _LENGTH.size
    if chars == _NO_TEXT:
        return "", place
    return body[place : place + chars * 2].decode("utf-16-le", "replace"), place + chars * 2


def _head(data: bytes, place: int, what: str) -> tuple[int, int, int]:
    kind, place = _number(data, place, _ID_BYTES, what)
    size, place = _number(data, place, _LENGTH_BYTES, what)
    if size > _MAX_RECORD_BYTES:
        raise _broken(what)
    return kind, size, place


def _number(data: bytes, place: int, most_bytes: int, what: str) -> tuple[int, int]:
    """Seven bits of a number in each byte; the eighth says that another one follows."""
    value = 0
    for position in range(most_bytes):
        if place >= len(data):
            raise _broken(what)
        byte = data[place]
        place += 1
        value |= (byte & ~_MORE) << (7 * position)
        if not byte & _MORE:
            break
    return value, place


def _more(file: IO[bytes], rest: bytes, size: int) -> tuple[bytes, int, bool]:
    piece = file.read(size)
    return rest + piece, 0, len(piece) < size


def _broken(what: str) -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, f"{what} that breaks off: save it again and upload it again")
