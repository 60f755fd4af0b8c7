"""The records of XLSB parts: a type, a length, and data."""

import struct
from collections.abc import Iterator
from typing import IO

from backburner.errors import JobError, Reason

_CHUNK_BYTES = 1 << 20
_MAX_RECORD_BYTES = 1 << 24
_MORE = 0x80
_ID_BYTES, _LENGTH_BYTES = 2, 4
_MAX_HEADER_BYTES = _ID_BYTES + _LENGTH_BYTES
_LENGTH = struct.Struct("<I")
_NO_TEXT = 0xFFFF_FFFF


def records(file: IO[bytes], what: str) -> Iterator[tuple[int, bytes]]:
    """All records of a part, read in chunks. Raises `JobError` if it is truncated."""
    data, offset, is_over = b"", 0, False
    while True:
        if len(data) - offset < _MAX_HEADER_BYTES and not is_over:
            data, offset, is_over = _more(file, data[offset:], _CHUNK_BYTES)
        if offset >= len(data):
            return
        kind, size, offset = _header(data, offset, what)
        if len(data) - offset < size and not is_over:
            data, offset, is_over = _more(file, data[offset:], max(size, _CHUNK_BYTES))
        if len(data) - offset < size:
            raise _broken(what)
        yield kind, data[offset : offset + size]
        offset += size


def text(body: bytes, offset: int) -> tuple[str, int]:
    """A string preceded by its length, and its end offset; "" if it is marked as absent."""
    if len(body) < offset + _LENGTH.size:
        return "", len(body)
    (chars,) = _LENGTH.unpack_from(body, offset)
    offset += _LENGTH.size
    if chars == _NO_TEXT:
        return "", offset
    return body[offset : offset + chars * 2].decode("utf-16-le", "replace"), offset + chars * 2


def _header(data: bytes, offset: int, what: str) -> tuple[int, int, int]:
    kind, offset = _number(data, offset, _ID_BYTES, what)
    size, offset = _number(data, offset, _LENGTH_BYTES, what)
    if size > _MAX_RECORD_BYTES:
        raise _broken(what)
    return kind, size, offset


def _number(data: bytes, offset: int, max_bytes: int, what: str) -> tuple[int, int]:
    """A number with seven bits per byte; the eighth bit says that another byte follows."""
    value = 0
    for index in range(max_bytes):
        if offset >= len(data):
            raise _broken(what)
        byte = data[offset]
        offset += 1
        value |= (byte & ~_MORE) << (7 * index)
        if not byte & _MORE:
            break
    return value, offset


def _more(file: IO[bytes], rest: bytes, size: int) -> tuple[bytes, int, bool]:
    piece = file.read(size)
    return rest + piece, 0, len(piece) < size


def _broken(what: str) -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, f"{what} that is truncated: save it again and upload it again")
