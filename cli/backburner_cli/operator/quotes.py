"""The quotes of a result, and where they are in its source, to be shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from backburner.errors import JobError
from backburner.ports import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backburner.ledger.records import Quote, RunRecord
    from backburner_cli.operator.session import Records

MAX_READ_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """One quote: its text in the result, and characters [first, last) of the source's text."""

    pointer: str
    text: str
    first: int
    last: int
    page: int | None
    part: int | None

    @property
    def where(self) -> str:
        """Its place in words."""
        page = "" if self.page is None else f"page {self.page}, "
        part = "" if self.part is None else f"part {self.part}, "
        return f"{page}{part}characters {self.first:,} to {self.last:,}"


@dataclass(frozen=True, kw_only=True)
class InSource:
    """Quotes with the text that contains them, in pieces; `problem` says why there is no text."""

    quotes: list[Quoted]
    pieces: list[tuple[str, list[int]]]
    """Each piece of the text with the numbers of the quotes that it belongs to, from 0."""
    problem: str = ""


def quotes_in(record: RunRecord, result: str) -> list[Quoted]:
    """The quotes that a run record lists, with their texts."""
    if record.quotes is None or not record.quotes.places:
        return []
    try:
        answer = json.loads(result)
    except ValueError:
        answer = None
    return [_quoted(place, answer) for place in record.quotes.places]


async def in_source(records: Records, record: RunRecord, max_chars: int) -> InSource:
    """The quotes of a result in its source, if both are what the record says; the text as far as `max_chars`."""
    result = await records.bucket.get(record.result_key, MAX_READ_BYTES)
    if result is None or result.etag != record.result_etag:
        return InSource(quotes=[], pieces=[], problem="the result was changed or removed")
    quotes = quotes_in(record, result.body.decode(errors="replace"))
    try:
        source = await records.bucket.get(record.source.key, MAX_READ_BYTES)
    except TooLargeError as error:
        return InSource(
            quotes=quotes, pieces=[], problem=f"the source has {error.size_bytes:,} bytes: too many to show"
        )
    if source is None or source.etag != record.source.etag:
        return InSource(quotes=quotes, pieces=[], problem="the source was replaced or removed since it was quoted")
    try:
        extracted = await records.extractor.extract(source.body, record.source.key)
    except JobError as error:
        return InSource(quotes=quotes, pieces=[], problem=f"the source cannot be read: {error}")
    return InSource(quotes=quotes, pieces=pieces_of(extracted.text[:max_chars], quotes))


def pieces_of(text: str, quotes: Sequence[Quoted]) -> list[tuple[str, list[int]]]:
    """A text cut where quotes begin and end; what several of them share belongs to each."""
    borders = sorted({0, len(text), *(min(end, len(text)) for each in quotes for end in (each.first, each.last))})
    return [
        (text[first:last], [number for number, each in enumerate(quotes) if each.first <= first and last <= each.last])
        for first, last in pairwise(borders)
    ]


def _quoted(place: Quote, answer: Any) -> Quoted:
    return Quoted(
        pointer=place.pointer,
        text=_at(answer, place.pointer),
        first=place.first,
        last=place.last,
        page=place.page,
        part=place.part,
    )


def _at(answer: Any, pointer: str) -> str:
    """The string that a JSON pointer leads to; "" if there is none, or the pointer was shortened."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(answer, list) and name.isdecimal() and int(name) < len(answer):
            answer = answer[int(name)]
        elif isinstance(answer, dict):
            answer = answer.get(name)
        else:
            return ""
    return answer if isinstance(answer, str) else ""
