"""Lists of character positions, each with something about the text between it and the next one."""

import struct


def plc(part: bytes, size: int) -> tuple[list[int], list[bytes]]:
    """Positions, and the pieces of data between them; there is one position more."""
    count = max((len(part) - 4) // (4 + size), 0)
    if not count:
        return [], []
    positions = list(struct.unpack_from(f"<{count + 1}I", part))
    first = 4 * (count + 1)
    return positions, [part[first + size * number : first + size * (number + 1)] for number in range(count)]


def positions(part: bytes) -> list[int]:
    """Positions alone."""
    return list(struct.unpack_from(f"<{len(part) // 4}I", part))


def strings(part: bytes) -> list[str]:
    """Strings of two-byte characters, each behind its length."""
    found = []
    place = 0
    while place + 2 <= len(part):
        (length,) = struct.unpack_from("<H", part, place)
        found.append(part[place + 2 : place + 2 + 2 * length].decode("utf-16-le", "replace"))
        place += 2 + 2 * length
    return found
