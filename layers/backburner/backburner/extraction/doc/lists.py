"""Lists: their levels, and the uses that paragraphs name."""

import struct
from dataclasses import dataclass, field

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.wordlists import MAX_LEVELS, Level, ListCounter, form_of

_LIST_BYTES, _USE_BYTES, _LEVEL_BYTES = 28, 16, 28
_SIMPLE, _LEGAL = 1, 4
_STARTS, _FORMATS = 0x10, 0x20
_NO_DATA = 0xFFFF_FFFF


@dataclass
class _Use:
    """A use of a list: with starts of its own, if it begins again."""

    counter: ListCounter
    starts: dict[int, int] = field(default_factory=dict)


class Lists:
    """The lists of a document."""

    def __init__(self, fib: Fib) -> None:
        self._uses: list[_Use] = []
        try:
            self._uses = _uses(fib, _lists(fib))
        except (struct.error, IndexError):
            self._uses = []

    def label(self, use: int, level: int) -> str | None:
        """What stands before the next item of a use, counted from 1; None if there is no such list."""
        if not 1 <= use <= len(self._uses):
            return None
        found = self._uses[use - 1]
        for depth, start in found.starts.items():
            found.counter.numbers[depth] = start - 1
        found.starts = {}
        return found.counter.label(level)


def _lists(fib: Fib) -> dict[int, ListCounter]:
    first, size = fib.place(Table.LISTS)
    if not size:
        return {}
    table = fib.table
    (count,) = struct.unpack_from("<H", table, first)
    place = first + size
    found = {}
    for number in range(count):
        description = table[first + 2 + _LIST_BYTES * number :][:_LIST_BYTES]
        (identity,) = struct.unpack_from("<i", description)
        counter = ListCounter()
        for _ in range(1 if description[26] & _SIMPLE else MAX_LEVELS):
            level, place = _level(table, place)
            counter.levels.append(level)
        found[identity] = counter
    return found


def _level(table: bytes, place: int) -> tuple[Level, int]:
    start, form, flags = struct.unpack_from("<iBB", table, place)
    characters, paragraph = table[place + 24], table[place + 25]
    place += _LEVEL_BYTES + characters + paragraph
    (length,) = struct.unpack_from("<H", table, place)
    pattern = table[place + 2 : place + 2 + 2 * length].decode("utf-16-le", "replace")
    return Level(form_of(form), start, pattern, bool(flags & _LEGAL)), place + 2 + 2 * length


def _uses(fib: Fib, lists: dict[int, ListCounter]) -> list[_Use]:
    first, size = fib.place(Table.LIST_USES)
    if not size:
        return []
    table = fib.table
    (count,) = struct.unpack_from("<I", table, first)
    place = first + 4 + _USE_BYTES * count
    uses = []
    for number in range(min(count, size // _USE_BYTES)):
        (identity,) = struct.unpack_from("<i", table, first + 4 + _USE_BYTES * number)
        use = _Use(lists.get(identity) or ListCounter())
        place = _overridden(table, place, table[first + 4 + _USE_BYTES * number + 12], use)
        uses.append(use)
    return uses


def _overridden(table: bytes, place: int, count: int, use: _Use) -> int:
    if place + 4 > len(table):
        return place
    place += 4
    for _ in range(count):
        start, flags = struct.unpack_from("<iI", table, place)
        place += 8
        depth = min(flags & 0xF, MAX_LEVELS - 1)
        if flags & _FORMATS:
            level, place = _level(table, place)
            use.counter = ListCounter(list(use.counter.levels))
            use.counter.levels += [Level()] * (depth + 1 - len(use.counter.levels))
            use.counter.levels[depth] = level
            start = level.start
        if flags & _STARTS:
            use.starts[depth] = start
    return place
