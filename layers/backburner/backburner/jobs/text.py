"""Reads the text of a document or part, and which pages are shown, within the process's memory budget."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from backburner.documents.pictures import TEXT_ONLY, Pages, PagesPart, Show, Wish, ranges
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import known_of
from backburner.errors import JobError, Reason
from backburner.ledger.keys import OutputLocation
from backburner.ledger.records import OpenRecord
from backburner.memory.budget import Hold, MemoryBudget
from backburner.ports import Bucket, Extractor, Stored, TooLargeError


@dataclass(frozen=True, kw_only=True)
class DocumentReader:
    """Extracts the text of documents; raises `JobError` if one cannot be read.

    `sighted` says whether models see pictures, by the beginning of their names.
    """

    bucket: Bucket
    extractor: Extractor
    memory: MemoryBudget
    sighted: Mapping[str, bool]

    def sees(self, model: str) -> bool | None:
        """Whether a model sees pictures; None if that is not known."""
        return known_of(self.sighted, model)

    async def extract(
        self, source: Stored, location: OutputLocation, hold: Hold, recipe: Recipe, model: str
    ) -> Extracted:
        """The text of a document whose bytes are given; a part is text already."""
        self.memory.must_fit(source.size_bytes)
        if location.is_pages:
            return _of_part(source.body)
        if location.is_part:
            return Extracted(source.body.decode())
        await hold.before_reading(source.body, location.key)
        sees = self.sees(model)
        extracted = await self.extractor.extract(source.body, location.key, wish_of(recipe, sees=sees))
        await hold.after_reading(len(extracted.text))
        must_see(extracted, model, sees=sees)
        return extracted

    async def read(self, record: OpenRecord, hold: Hold) -> Extracted | None:
        """The document that a run was claimed for; None if it has been replaced since."""
        self.memory.must_fit(record.source.size)
        try:
            source = await self.bucket.get(record.source.key, record.source.size)
        except TooLargeError:
            return None
        if source is None:
            raise JobError(Reason.SOURCE_MISSING, "the document was removed before its generation was started")
        if source.etag != record.source.etag:
            return None
        return await self.extract(source, record.location, hold, parse(record.recipe_text), record.provider.model)


def wish_of(recipe: Recipe, *, sees: bool | None) -> Wish:
    """Which pages to show; none to a model not known to see pictures, unless the recipe explicitly asks for them.

    None either if quotes are checked: a page that is shown has no text in which to find them, so the answer would be
    paid for and could not count.
    """
    if recipe.input == "images":
        return Wish(Show.ALL, recipe.images.max_side_px)
    if recipe.input == "auto" and sees and not recipe.has_quotes:
        return Wish(Show.TEXTLESS, recipe.images.max_side_px)
    return TEXT_ONLY


def must_see(extracted: Extracted, model: str, *, sees: bool | None) -> None:
    """Raise `JobError` if pages are to be shown to a model that is not known to see pictures."""
    if extracted.pictures and not sees:
        known = "does not see pictures" if sees is False else "is not known to see pictures"
        raise JobError(
            Reason.VISION_UNSUPPORTED,
            f"input is images, but {model} {known}: name a model that does in the recipe, set input: text there, or, "
            "if this one does see them, name it in BACKBURNER_VISION_MODELS",
        )


def _of_part(body: bytes) -> Extracted:
    part = msgspec.json.decode(body, type=PagesPart)
    shown = ranges(picture.page for picture in part.pictures)
    return Extracted(part.text, pictures=tuple(part.pictures), pages=Pages(images=shown))
