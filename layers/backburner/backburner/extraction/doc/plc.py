"""Lists of character positions with data about the text between them (PLC)."""

import struct


def plc(part: bytes, size: int) -> tuple[list[int], list[bytes]]:
    """The positions and the data between them; there is one more position than data."""
    count = max((len(part) - 4) // (4 + size), 0)
    if not count:
        return [], []
    positions = list(struct.unpack_from(f"<{count + 1}I", part))
    first = 4 * (count + 1)
    return positions, [part[first + size * number : first + size * (number + 1)] for number in range(count)]


def positions(part: bytes) -> list[int]:
    """The positions alone."""
    return list(struct.unpack_from(f"<{len(part) // 4}I", part))


def strings(part: bytes) -> list[str]:
    """Strings of two-byte characters, each preceded by its length."""
    found = []
    offset = 0
    while offset + 2 <= len(part):
        (length,) = struct.unpack_from("<H", part, offset)
        found.append(part[offset + 2 : offset + 2 + 2 * length].decode("utf-16-le", "replace"))
        offset += 2 + 2 * length
    return found
