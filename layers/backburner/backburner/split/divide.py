"""Cuts documents too long for one generation, and batches, into parts. Writes the parts' texts, but no records."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

import msgspec

from backburner.batch.segmenter import Segmenter
from backburner.capacity.governor import Governor
from backburner.documents.pictures import PagesPart, picture_tokens
from backburner.documents.plain_text import Extracted, Span
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import CHARS_PER_TOKEN, PartSize, max_input_tokens, part_size, smaller, window_of
from backburner.errors import JobError, Reason
from backburner.ledger.keys import PAGES
from backburner.ledger.ledger import Committed
from backburner.ledger.records import Division, OpenRecord, log_keys
from backburner.ports import Extractor, Stored
from backburner.split.pages import Room, cut_by_pages
from backburner.split.part_store import PartStore

logger = logging.getLogger(__name__)

MAX_PARTS = 2000
"""The maximum number of parts of a document, whose record names them all."""
MAX_CONTEXT_OVERFLOWS = 2
"""How often a text is cut smaller because the provider calls it too long."""


@dataclass(frozen=True, kw_only=True)
class Divider:
    """Divides documents into parts. `windows` has context windows by the beginning of a model's name."""

    segmenter: Segmenter
    extractor: Extractor
    governor: Governor
    parts: PartStore
    windows: Mapping[str, int]

    def is_short(self, record: OpenRecord, recipe: Recipe, extracted: Extracted) -> bool:
        """Whether a document surely fits into one generation, even at two tokens a character. Raises `JobError`."""
        most = max_input_tokens(recipe, window_of(self.windows, record.provider.model))
        tokens = len(extracted.text) + 2 * picture_tokens(extracted.pictures, recipe.images.detail)
        return tokens <= most / 2 and len(extracted.pictures) <= recipe.images.max_pages_per_part

    async def divided(self, record: OpenRecord, recipe: Recipe, extracted: Extracted) -> Division | None:
        """The parts of a document, or None if it is sent whole. Raises `JobError` if it cannot be cut."""
        if self.is_short(record, recipe, extracted):
            return None
        tokens = max_input_tokens(recipe, window_of(self.windows, record.provider.model))
        if extracted.pictures:
            room = await self._room(record, recipe, tokens, recipe.images.max_pages_per_part)
            return None if room.takes(extracted) else await self._cut_by_pages(record, extracted, room)
        ratio = await self._chars_per_token(record.provider.model)
        is_whole = len(extracted.text) <= tokens * ratio
        return None if is_whole else await self._cut(record, extracted, part_size(recipe, tokens, ratio))

    async def smaller(self, record: OpenRecord, extracted: Extracted) -> Division:
        """The parts of a document that the provider called too long. Raises `JobError` if it is cut no further."""
        model, context_overflows = record.provider.model, record.context_overflows + 1
        if context_overflows > MAX_CONTEXT_OVERFLOWS:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"too long for {model} even in small parts")
        recipe, ratio = parse(record.recipe_text), await self._chars_per_token(model)
        if not extracted.pictures:
            return await self._cut(record, extracted, smaller(recipe, extracted.text, context_overflows, ratio))
        by = 2 * context_overflows
        room = await self._room(record, recipe, math.inf, max(1, len(extracted.pictures) // by))
        return await self._cut_by_pages(record, extracted, replace(room, tokens=room.of(extracted) / by + 1))

    async def _room(self, record: OpenRecord, recipe: Recipe, tokens: float, pictures: int) -> Room:
        counters, _ = await self.governor.counters()
        ratio = counters.chars_per_token.get(record.provider.model, CHARS_PER_TOKEN)
        return Room(
            recipe=recipe,
            tokens=tokens,
            pictures=pictures,
            chars_per_token=ratio,
            picture_scale=counters.picture_scale.get(record.provider.model, 1.0),
        )

    async def _cut_by_pages(self, record: OpenRecord, extracted: Extracted, room: Room) -> Division:
        key, etag = await self.parts.origin(record)
        found = await parts_by_pages(extracted, room, self.extractor)
        logger.info("document cut", extra=log_keys(record) | {"parts": len(found), "pages": len(extracted.pictures)})

        def part(number: int) -> bytes:
            one = found[number]
            return msgspec.json.encode(PagesPart(key=key, etag=etag, text=one.text, pictures=list(one.pictures)))

        parts = await self.parts.put(record, 0, len(found), part, suffix=PAGES)
        firsts = accumulate((len(one.text) for one in found), initial=0)
        return Division(
            levels=[[msgspec.structs.replace(part, first=first) for part, first in zip(parts, firsts, strict=False)]]
        )

    async def into_segments(self, record: OpenRecord, source: Stored) -> Division:
        """The segments of a batch. Raises `JobError` if it is too large or empty."""
        described = await self.segmenter.segments(record.source.key, source)
        logger.info("batch cut", extra=log_keys(record) | {"segments": len(described)})
        parts = await self.parts.put(record, 0, len(described), described.__getitem__)
        return Division(levels=[parts], is_batch=True)

    async def resumable_parts(self, committed: Committed, record: OpenRecord) -> Division | None:
        """The parts that the previous run left, with the finished ones marked; None if it left none."""
        for held in (committed.run, committed.error):
            left = held.record if held else None
            if left is None or left.resume is None or (left.job_id, left.run) != (record.job_id, record.run - 1):
                continue
            division = left.resume.division or Division(levels=[])
            keys = await self.parts.keys(record)
            levels = [[await self.parts.taken_up(part) for part in level] for level in division.levels]
            if levels and all(part.key in keys for level in levels for part in level):
                return Division(levels=levels, is_batch=division.is_batch, pages=division.pages)
        return None

    async def groups_chars(self, record: OpenRecord) -> int:
        """How many characters of answers one generation may merge."""
        recipe, model = parse(record.recipe_text), record.provider.model
        return int(max_input_tokens(recipe, window_of(self.windows, model)) * await self._chars_per_token(model))

    async def _cut(self, record: OpenRecord, extracted: Extracted, size: PartSize) -> Division:
        text = extracted.text
        spans = await spans_of(text, size, self.extractor)
        logger.info("document cut", extra=log_keys(record) | {"parts": len(spans), "characters": len(text)})

        def part(number: int) -> bytes:
            return text[spans[number].first : spans[number].last].encode()

        parts = await self.parts.put(record, 0, len(spans), part)
        placed = [msgspec.structs.replace(part, first=span.first) for part, span in zip(parts, spans, strict=True)]
        page_starts = extracted.page_starts if parse(record.recipe_text).has_quotes else ()
        return Division(levels=[placed], pages=list(page_starts))

    async def _chars_per_token(self, model: str) -> float:
        counters, _ = await self.governor.counters()
        return counters.chars_per_token.get(model, CHARS_PER_TOKEN)


async def spans_of(text: str, size: PartSize, extractor: Extractor) -> list[Span]:
    """The spans of a text that become its parts. Raises `JobError` if there is no place to cut, or too many parts."""
    spans = await extractor.cut(text, size.max_chars, size.overlap_chars)
    if len(spans) < 2:  # noqa: PLR2004 - a single part is not a division
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{len(text)} characters, and no place to cut them")
    spans = [span for span in spans if not text[span.own : span.last].isspace()]
    if len(spans) > MAX_PARTS:
        made = f"{len(text)} characters make {len(spans)} parts of {size.max_chars}"
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{made}: at most {MAX_PARTS} are run")
    return spans


async def parts_by_pages(extracted: Extracted, room: Room, extractor: Extractor) -> list[Extracted]:
    """The parts of a document with pictures. Raises `JobError` if one page is too much, or there are too many parts."""
    found = await cut_by_pages(extracted, room, extractor)
    if len(found) < 2:  # noqa: PLR2004 - a single part is not a division
        why = "one page is too much for the model: lower images.max_side_px in the recipe"
        raise JobError(Reason.DOCUMENT_TOO_LARGE, why)
    if len(found) > MAX_PARTS:
        made = f"{len(extracted.pictures)} pages make {len(found)} parts"
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{made}: at most {MAX_PARTS} are run")
    return found
