"""Cutting what is too long for one generation, and batches, into parts: their texts are written, no record is."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.segmenter import Segmenter
from backburner.capacity.governor import Governor
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import CHARS_PER_TOKEN, PartSize, most_tokens, part_size, smaller, window_of
from backburner.errors import JobError, Reason
from backburner.ledger.ledger import Committed
from backburner.ledger.records import Division, OpenRecord, log_keys
from backburner.ports import Extractor, Stored
from backburner.split.part_store import PartStore

logger = logging.getLogger(__name__)

MAX_PARTS = 2000
"""The most parts of one document: its record names them all."""
MAX_CONTEXT_OVERFLOWS = 2
"""How often a text is cut smaller because the provider says that it is too long."""


@dataclass(frozen=True, kw_only=True)
class Divider:
    """Finds the parts of a run. `windows`: context windows by how a model's name begins."""

    segmenter: Segmenter
    extractor: Extractor
    governor: Governor
    parts: PartStore
    windows: Mapping[str, int]

    def is_short(self, record: OpenRecord, recipe: Recipe, text: str) -> bool:
        """Whether a text fits into one generation whatever a token has. Raises `JobError` where nothing fits."""
        return len(text) <= most_tokens(recipe, window_of(self.windows, record.provider.model)) / 2

    async def divided(self, record: OpenRecord, recipe: Recipe, document: Extracted) -> Division | None:
        """The parts of a text, None if it goes out whole. Raises `JobError` where it cannot be cut as it must be."""
        text = document.text
        if self.is_short(record, recipe, text):
            return None
        room = most_tokens(recipe, window_of(self.windows, record.provider.model))
        ratio = await self._chars_per_token(record.provider.model)
        return await self._cut(record, document, part_size(recipe, room, ratio)) if len(text) > room * ratio else None

    async def smaller(self, record: OpenRecord, document: Extracted) -> Division:
        """The parts of a text that the provider called too long. Raises `JobError` where it is cut no further."""
        model, context_overflows = record.provider.model, record.context_overflows + 1
        if context_overflows > MAX_CONTEXT_OVERFLOWS:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"too long for {model} even in small parts")
        ratio = await self._chars_per_token(model)
        size = smaller(parse(record.recipe_text), document.text, context_overflows, ratio)
        return await self._cut(record, document, size)

    async def into_segments(self, record: OpenRecord, source: Stored) -> Division:
        """The segments of a batch. Raises `JobError` where it is too large or empty."""
        described = await self.segmenter.segments(record.source.key, source)
        logger.info("batch cut", extra=log_keys(record) | {"segments": len(described)})
        parts = await self.parts.put(record, 0, len(described), described.__getitem__)
        return Division(levels=[parts], is_batch=True)

    async def left_by_last_run(self, committed: Committed, record: OpenRecord) -> Division | None:
        """The parts that the run before has left, those that are done marked so; None if it left none."""
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
        """How many characters of answers one generation may join."""
        recipe, model = parse(record.recipe_text), record.provider.model
        return int(most_tokens(recipe, window_of(self.windows, model)) * await self._chars_per_token(model))

    async def _cut(self, record: OpenRecord, document: Extracted, size: PartSize) -> Division:
        text = document.text
        spans = await self.extractor.cut(text, size.most_chars, size.overlap_chars)
        if len(spans) < 2:  # noqa: PLR2004 - one part is no part
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{len(text)} characters, and no place to cut them")
        spans = [span for span in spans if not text[span.own : span.last].isspace()]
        if len(spans) > MAX_PARTS:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE,
                f"{len(text)} characters make {len(spans)} parts of {size.most_chars}: at most {MAX_PARTS} are run",
            )
        logger.info("document cut", extra=log_keys(record) | {"parts": len(spans), "characters": len(text)})

        def part(number: int) -> bytes:
            return text[spans[number].first : spans[number].last].encode()

        parts = await self.parts.put(record, 0, len(spans), part)
        placed = [replace(part, first=span.first) for part, span in zip(parts, spans, strict=True)]
        pages = document.pages if parse(record.recipe_text).has_quotes else ()
        return Division(levels=[placed], pages=list(pages))

    async def _chars_per_token(self, model: str) -> float:
        counters, _ = await self.governor.counters()
        return counters.chars_per_token.get(model, CHARS_PER_TOKEN)
