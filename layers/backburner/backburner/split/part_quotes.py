"""Converts the places of quotes found in parts to places in the whole document."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.documents.passages import Passage
from backburner.documents.recipes import parse
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import MAX_QUOTES, Division, OpenRecord, Part, Quote, Quotes
from backburner.split.part_store import AT_ONCE

_MAX_POINTER_CHARS = 300


@dataclass(frozen=True)
class PartQuotes:
    """Reads the places that the parts of a run have found."""

    ledger: Ledger

    async def of(self, record: OpenRecord, division: Division, *, is_array: bool) -> Quotes | None:
        """The quotes of a run whose last level has ended; None if its recipe asks for none.

        `is_array` says whether the answers of that level become the items of an array.
        """
        if not parse(record.recipe_text).has_quotes:
            return None
        level, checked, places = division.levels[-1], 0, list[Quote]()
        for first in range(0, len(level), AT_ONCE):
            block = level[first : first + AT_ONCE]
            for index, found in enumerate(await asyncio.gather(*map(self._found, block)), first):
                checked += found.checked
                shown = found.places[: MAX_QUOTES - len(places)]
                places += [_in_document(each, index if is_array else None, level[index], division) for each in shown]
        return Quotes(checked=checked, places=places)

    async def _found(self, part: Part) -> Quotes:
        committed = await self.ledger.committed(output_location(part.key), "")
        return (committed.run.record.quotes if committed.run else None) or Quotes(checked=0)


def _in_document(quote: Quote, index: int | None, part: Part, division: Division) -> Quote:
    pointer = quote.pointer if index is None else pointed(f"/{index}{quote.pointer}")
    if part not in division.levels[0]:
        return replace(quote, pointer=pointer)
    moved = Passage(first=quote.first + part.first, last=quote.last + part.first)
    number = division.levels[0].index(part) + 1
    return replace(located(pointer, moved, division.pages, None), part=number)


def located(pointer: str, passage: Passage, pages: Sequence[int], division: Division | None) -> Quote:
    """The record of a quote, with its page if there are pages and its part if the document was cut."""
    firsts = [part.first for part in division.levels[0]] if division is not None else []
    return Quote(
        pointer=pointer,
        first=passage.first,
        last=passage.last,
        page=_page_of(passage.first, pages),
        part=bisect_right(firsts, passage.first) or None,
    )


def pointed(pointer: str) -> str:
    """A pointer, shortened for records if it is very long."""
    return pointer if len(pointer) <= _MAX_POINTER_CHARS else f"{pointer[:_MAX_POINTER_CHARS]}…"


def _page_of(place: int, pages: Sequence[int]) -> int | None:
    page = bisect_right(pages, place)
    return page if 0 < page < len(pages) else None
