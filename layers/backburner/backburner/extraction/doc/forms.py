"""Form fields: what is ticked or chosen stands in the stream of data."""

import struct

from backburner.extraction.wordfields import Form

_HEADER_BYTES = 68
_CHOICE, _TEXT = 2, 0
_KIND_BITS, _RESULT_BITS = 0b11, 0b11111


def read_form(data: bytes, place: int) -> Form:
    """A field's state; one without a kind where the data are damaged."""
    form = Form()
    try:
        _read(data, place + _HEADER_BYTES, form)
    except (struct.error, IndexError):
        return Form()
    return form


def _read(data: bytes, place: int, form: Form) -> None:
    _, bits = struct.unpack_from("<IH", data, place)
    kind = bits & _KIND_BITS
    form.result = bits >> 2 & _RESULT_BITS
    place += 10
    _, place = _string(data, place)
    if kind == _TEXT:
        form.text, place = _string(data, place)
    else:
        (form.default,) = struct.unpack_from("<H", data, place)
        place += 2
    form.kind = kind
    if kind == _CHOICE:
        for _ in range(5):
            _, place = _string(data, place)
        _, count, extra = struct.unpack_from("<HHH", data, place)
        place += 6
        for _ in range(count):
            (length,) = struct.unpack_from("<H", data, place)
            form.choices.append(data[place + 2 : place + 2 + 2 * length].decode("utf-16-le", "replace"))
            place += 2 + 2 * length + extra


def _string(data: bytes, place: int) -> tuple[str, int]:
    """A string with its length before and a null behind it."""
    (length,) = struct.unpack_from("<H", data, place)
    return data[place + 2 : place + 2 + 2 * length].decode("utf-16-le", "replace"), place + 4 + 2 * length
