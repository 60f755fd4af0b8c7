"""Form fields, whose state is kept in the data stream."""

import struct

from backburner.extraction.wordfields import Form

_HEADER_BYTES = 68
_CHOICE, _TEXT = 2, 0
_KIND_BITS, _RESULT_BITS = 0b11, 0b11111


def read_form(data: bytes, offset: int) -> Form:
    """A form field's state; it has no kind if the data are damaged."""
    form = Form()
    try:
        _read(data, offset + _HEADER_BYTES, form)
    except (struct.error, IndexError):
        return Form()
    return form


def _read(data: bytes, offset: int, form: Form) -> None:
    _, bits = struct.unpack_from("<IH", data, offset)
    kind = bits & _KIND_BITS
    form.result = bits >> 2 & _RESULT_BITS
    offset += 10
    _, offset = _string(data, offset)
    if kind == _TEXT:
        form.text, offset = _string(data, offset)
    else:
        (form.default,) = struct.unpack_from("<H", data, offset)
        offset += 2
    form.kind = kind
    if kind == _CHOICE:
        for _ in range(5):
            _, offset = _string(data, offset)
        _, count, extra = struct.unpack_from("<HHH", data, offset)
        offset += 6
        for _ in range(count):
            (length,) = struct.unpack_from("<H", data, offset)
            form.choices.append(data[offset + 2 : offset + 2 + 2 * length].decode("utf-16-le", "replace"))
            offset += 2 + 2 * length + extra


def _string(data: bytes, offset: int) -> tuple[str, int]:
    """A string preceded by its length and followed by a NUL."""
    (length,) = struct.unpack_from("<H", data, offset)
    return data[offset + 2 : offset + 2 + 2 * length].decode("utf-16-le", "replace"), offset + 4 + 2 * length
