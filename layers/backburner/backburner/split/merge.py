"""Merges the answers of parts: they are joined, or grouped for another level of generations that merges them."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.finish_batch import BatchFinisher
from backburner.documents.recipes import parse
from backburner.errors import Reason
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import Division, OpenRecord, PartEnd, State
from backburner.memory.budget import MEBIBYTE, MemoryBudget
from backburner.memory.spool import Spool, as_file, open_spool
from backburner.outcome.finish import Finisher
from backburner.split.divide import Divider
from backburner.split.part_quotes import PartQuotes
from backburner.split.part_store import AT_ONCE, PartStore

_BETWEEN = "\n\n"
"""The text between two answers."""
_MIN_GROUP = 2
_QUOTABLE_BYTES = 4 * MEBIBYTE
"""A joined text up to this size is kept if its run is superseded."""


@dataclass(frozen=True, kw_only=True)
class Merger:
    """Merges answers without holding all of them in memory."""

    ledger: Ledger
    finisher: Finisher
    batch_finisher: BatchFinisher
    divider: Divider
    parts: PartStore
    part_quotes: PartQuotes
    memory: MemoryBudget

    async def merge(self, record: OpenRecord, division: Division) -> Division | None:
        """End a run whose parts have all ended, or return its division with another level.

        Raises `JobError` if an answer is gone.
        """
        level = division.levels[-1]
        failed = next((end for end in record.parts or () if end.state is State.FAILED), None)
        if failed is not None:
            await self._fail(record, division, failed)
        elif division.is_batch:
            await self.batch_finisher.finish(record, level)
        elif len(level) == 1:
            quoted = replace(record, quotes=await self.part_quotes.of(record, division, is_array=False))
            await self.finisher.done(quoted, await self.parts.answer(level[0], record.output))
        else:
            async with self.memory.holding(self.memory.moderate_bytes):
                with open_spool() as spool:
                    return await self._merge(record, division, spool)
        return None

    async def _fail(self, record: OpenRecord, division: Division, failed: PartEnd) -> None:
        parts = division.levels[failed.level]
        committed = await self.ledger.committed(output_location(parts[failed.number - 1].key), "")
        said = committed.error.record.message if committed.error else ""
        what = "part" if failed.level == 0 else "joined part"
        reason = failed.reason or Reason.PROVIDER_FAILED
        await self.finisher.fail(record, reason, f"{what} {failed.number} of {len(parts)}: {said}")

    async def _merge(self, record: OpenRecord, division: Division, spool: Spool) -> Division | None:
        chars = await self._read(record, division, spool)
        if parse(record.recipe_text).concatenates:
            quotes = await self.part_quotes.of(record, division, is_array=record.output == "json")
            record = replace(record, quotes=quotes)
            texts = (text.decode() for text in spool.in_order())
            with as_file(piece.encode() for piece in pieces(texts, record.output)) as path:
                is_short = path.stat().st_size <= _QUOTABLE_BYTES
                await self.finisher.done(record, path.read_text(encoding="utf-8") if is_short else path)
            return None
        grouped = groups(chars, await self.divider.groups_chars(record))

        def joined(number: int) -> bytes:
            return _BETWEEN.encode().join(spool.take(each) for each in grouped[number])

        parts = await self.parts.put(record, len(division.levels), len(grouped), joined)
        return replace(division, levels=[*division.levels, parts], opened=False)

    async def _read(self, record: OpenRecord, division: Division, spool: Spool) -> list[int]:
        """Write the answers of the last level to the spool. Returns the number of characters of each."""
        level, chars = division.levels[-1], list[int]()
        for first in range(0, len(level), AT_ONCE):
            block = level[first : first + AT_ONCE]
            for text in await asyncio.gather(*(self.parts.answer(part, record.output) for part in block)):
                spool.put(len(chars), text.encode())
                chars.append(len(text))
        return chars


def pieces(texts: Iterable[str], output: str) -> Iterator[str]:
    """Answers joined in order, piece by piece: as paragraphs of text, or as the items of a JSON array."""
    begin, between, end = ("[\n", ",\n", "\n]\n") if output == "json" else ("", _BETWEEN, "\n")
    yield begin
    for number, text in enumerate(texts):
        yield between if number else ""
        yield _item(text) if output == "json" else text.strip("\n")
    yield end


def groups(sizes: Sequence[int], max_chars: int | None) -> list[range]:
    """Which answers are merged together, given the number of characters of each.

    As many as fit, but at least two, so that the levels come to an end.
    """
    found: list[range] = []
    for number, size in enumerate(sizes):
        last = found[-1] if found else range(0)
        has_room = max_chars is None or sum(sizes[each] for each in last) + size <= max_chars
        if found and (has_room or len(last) < _MIN_GROUP):
            found[-1] = range(last.start, number + 1)
        else:
            found.append(range(number, number + 1))
    if len(found) > 1 and len(found[-1]) < _MIN_GROUP:
        single = found.pop()
        found[-1] = range(found[-1].start, single.stop)
    return found


def _item(text: str) -> str:
    """An answer unchanged if it is JSON, otherwise as a JSON string."""
    try:
        json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.strip()


def _no_json(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
