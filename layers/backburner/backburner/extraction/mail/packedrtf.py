"""RTF as Outlook packs it ([MS-OXRTFCP])."""

import struct

_BEGINS = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    b"SymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096
_HEADER = struct.Struct("<II4sI")
_PACKED, _PLAIN = b"LZFu", b"MELA"


def unpacked(body: bytes) -> bytes:
    """The RTF, as much of it as there is, whatever its check sum. Raises `ValueError` where it is something else."""
    if len(body) < _HEADER.size:
        raise ValueError(len(body))
    _, size, kind, _ = _HEADER.unpack_from(body)
    if kind == _PLAIN:
        return body[_HEADER.size : _HEADER.size + size]
    if kind != _PACKED:
        raise ValueError(kind)
    return bytes(_unpack(body, size))


def _unpack(body: bytes, size: int) -> bytearray:
    """Each bit of a control byte says whether a letter follows or a place in what was written last, and a length."""
    text = bytearray(_BEGINS)
    place, most = _HEADER.size, size + len(_BEGINS)
    while place < len(body) and len(text) < most:
        controls = body[place]
        place += 1
        for bit in range(8):
            if not controls >> bit & 1:
                text += body[place : place + 1]
                place += 1
                continue
            pair = int.from_bytes(body[place : place + 2].ljust(2, b"\0"))
            place += 2
            if pair >> 4 == len(text) % _WINDOW or place > len(body):
                return text[len(_BEGINS) :]
            _repeat(text, pair >> 4, (pair & 15) + 2)
    return text[len(_BEGINS) : most]


def _repeat(text: bytearray, place: int, length: int) -> None:
    back = (len(text) - place) % _WINDOW
    for _ in range(length):
        text.append(text[-back] if back <= len(text) else 32)
