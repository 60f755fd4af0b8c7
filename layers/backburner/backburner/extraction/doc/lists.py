"""List definitions with their levels, and the list overrides that paragraphs refer to."""

import struct
from dataclasses import dataclass, field

from backburner.extraction.doc.fib import Fib, Table
from backburner.extraction.wordlists import MAX_LEVELS, Level, ListCounter, form_of

_LIST_BYTES, _OVERRIDE_BYTES, _LEVEL_BYTES = 28, 16, 28
_SIMPLE, _LEGAL = 1, 4
_STARTS, _FORMATS = 0x10, 0x20


@dataclass
class _Override:
    """A list as paragraphs refer to it: with start numbers of its own, if it restarts."""

    counter: ListCounter
    starts: dict[int, int] = field(default_factory=dict)


class Lists:
    """The lists of a document."""

    def __init__(self, fib: Fib) -> None:
        self._overrides: list[_Override] = []
        try:
            self._overrides = _overrides(fib, _lists(fib))
        except (struct.error, IndexError):
            self._overrides = []

    def label(self, override: int, level: int) -> str | None:
        """The label of the next item of a list override, numbered from 1; None if there is no such override."""
        if not 1 <= override <= len(self._overrides):
            return None
        found = self._overrides[override - 1]
        for depth, start in found.starts.items():
            found.counter.numbers[depth] = start - 1
        found.starts = {}
        return found.counter.label(level)


def _lists(fib: Fib) -> dict[int, ListCounter]:
    first, size = fib.location(Table.LISTS)
    if not size:
        return {}
    table = fib.table
    (count,) = struct.unpack_from("<H", table, first)
    offset = first + size
    found = {}
    for number in range(count):
        description = table[first + 2 + _LIST_BYTES * number :][:_LIST_BYTES]
        (identity,) = struct.unpack_from("<i", description)
        counter = ListCounter()
        for _ in range(1 if description[26] & _SIMPLE else MAX_LEVELS):
            level, offset = _level(table, offset)
            counter.levels.append(level)
        found[identity] = counter
    return found


def _level(table: bytes, offset: int) -> tuple[Level, int]:
    start, form, flags = struct.unpack_from("<iBB", table, offset)
    characters, paragraph = table[offset + 24], table[offset + 25]
    offset += _LEVEL_BYTES + characters + paragraph
    (length,) = struct.unpack_from("<H", table, offset)
    pattern = table[offset + 2 : offset + 2 + 2 * length].decode("utf-16-le", "replace")
    return Level(form_of(form), start, pattern, bool(flags & _LEGAL)), offset + 2 + 2 * length


def _overrides(fib: Fib, lists: dict[int, ListCounter]) -> list[_Override]:
    first, size = fib.location(Table.LIST_OVERRIDES)
    if not size:
        return []
    table = fib.table
    (count,) = struct.unpack_from("<I", table, first)
    offset = first + 4 + _OVERRIDE_BYTES * count
    overrides = []
    for number in range(min(count, size // _OVERRIDE_BYTES)):
        (identity,) = struct.unpack_from("<i", table, first + 4 + _OVERRIDE_BYTES * number)
        override = _Override(lists.get(identity) or ListCounter())
        offset = _override(table, offset, table[first + 4 + _OVERRIDE_BYTES * number + 12], override)
        overrides.append(override)
    return overrides


def _override(table: bytes, offset: int, count: int, override: _Override) -> int:
    if offset + 4 > len(table):
        return offset
    offset += 4
    for _ in range(count):
        start, flags = struct.unpack_from("<iI", table, offset)
        offset += 8
        depth = min(flags & 0xF, MAX_LEVELS - 1)
        if flags & _FORMATS:
            level, offset = _level(table, offset)
            override.counter = ListCounter(list(override.counter.levels))
            override.counter.levels += [Level()] * (depth + 1 - len(override.counter.levels))
            override.counter.levels[depth] = level
            start = level.start
        if flags & _STARTS:
            override.starts[depth] = start
    return offset
