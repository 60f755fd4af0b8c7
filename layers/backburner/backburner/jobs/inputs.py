"""Builds the `input` of a request: the text, or messages with pictures of pages between pieces of the text.

Pages are drawn again for each attempt and never stored; a part only names the pages of its document (ADR 22).
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from backburner.documents.pictures import PagePicture, Rendered
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe
from backburner.errors import JobError, Reason
from backburner.ledger.records import OpenRecord
from backburner.memory.budget import MemoryBudget
from backburner.ports import Bucket, Extractor
from backburner.split.part_store import PartStore

_FACTOR = 6
"""Bytes of memory per byte of a picture, for its copies in base64, in the request and in the encoded request."""


@dataclass(frozen=True, kw_only=True)
class InputMaker:
    """Builds inputs."""

    bucket: Bucket
    parts: PartStore
    extractor: Extractor
    memory: MemoryBudget

    @asynccontextmanager
    async def made(
        self, record: OpenRecord, recipe: Recipe, extracted: Extracted
    ) -> AsyncIterator[str | list[dict[str, Any]] | None]:
        """The input, with memory held for it while the block runs; None if the document was replaced.

        Raises `JobError` if a page cannot be shown or the document is gone.
        """
        if not extracted.pictures:
            yield extracted.text
            return
        pictures = await self._drawn(record, recipe, extracted.pictures)
        if pictures is None:
            yield None
            return
        size_bytes = _FACTOR * sum(len(one.body) for one in pictures)
        async with self.memory.holding(size_bytes) as hold:
            if size_bytes > self.memory.moderate_bytes:
                await hold.become_large()
            yield messages(extracted, pictures, recipe.images.detail)

    async def _drawn(self, record: OpenRecord, recipe: Recipe, wanted: Sequence[PagePicture]) -> list[Rendered] | None:
        key, etag = await self.parts.origin(record)
        async with self.memory.for_document() as hold:
            source = await hold.document(self.bucket, key)
            if source is None:
                raise JobError(Reason.SOURCE_MISSING, "the document was removed before its generation was started")
            if source.etag != etag:
                return None
            pieces = [picture.piece for picture in wanted]
            return await self.extractor.render(source.body, key, pieces, recipe.images.max_side_px)


def messages(extracted: Extracted, pictures: Sequence[Rendered], detail: str) -> list[dict[str, Any]]:
    """One user message: text and pictures in page order, each picture preceded by its label."""
    content: list[dict[str, Any]] = []
    begin = 0
    for place, one in zip(extracted.pictures, pictures, strict=True):
        text, begin = extracted.text[begin : place.at].rstrip(), place.at
        content.append({"type": "input_text", "text": f"{text}\n\n{place.label}" if text else place.label})
        url = f"data:{one.media_type};base64,{b64encode(one.body).decode()}"
        content.append({"type": "input_image", "image_url": url, "detail": detail})
    if rest := extracted.text[begin:].strip():
        content.append({"type": "input_text", "text": rest})
    return [{"role": "user", "content": content}]
