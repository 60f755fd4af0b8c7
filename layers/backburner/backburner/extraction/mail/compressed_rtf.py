"""RTF as Outlook compresses it ([MS-OXRTFCP])."""

import struct

_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    b"SymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096
_HEADER = struct.Struct("<II4sI")
_PACKED, _PLAIN = b"LZFu", b"MELA"


def decompressed(body: bytes) -> bytes:
    """The RTF, as much as there is, regardless of its checksum. Raises `ValueError` if it is something else."""
    if len(body) < _HEADER.size:
        raise ValueError(len(body))
    _, size, kind, _ = _HEADER.unpack_from(body)
    if kind == _PLAIN:
        return body[_HEADER.size : _HEADER.size + size]
    if kind != _PACKED:
        raise ValueError(kind)
    return bytes(_decompress(body, size))


def _decompress(body: bytes, size: int) -> bytearray:
    """Each bit of a control byte says whether a literal follows, or an offset into recent output and a length."""
    text = bytearray(_DICTIONARY)
    position, end = _HEADER.size, size + len(_DICTIONARY)
    while position < len(body) and len(text) < end:
        controls = body[position]
        position += 1
        for bit in range(8):
            if not controls >> bit & 1:
                text += body[position : position + 1]
                position += 1
                continue
            pair = int.from_bytes(body[position : position + 2].ljust(2, b"\0"))
            position += 2
            if pair >> 4 == len(text) % _WINDOW or position > len(body):
                return text[len(_DICTIONARY) :]
            _repeat(text, pair >> 4, (pair & 15) + 2)
    return text[len(_DICTIONARY) : end]


def _repeat(text: bytearray, offset: int, length: int) -> None:
    back = (len(text) - offset) % _WINDOW
    for _ in range(length):
        text.append(text[-back] if back <= len(text) else 32)
