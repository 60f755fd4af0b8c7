"""Finds the current job: the one that the document now in the inbox and its recipe make."""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.documents.recipes import MAX_RECIPE_BYTES, fingerprint, merge_text, model_in, part_text
from backburner.ledger.keys import OutputLocation, job_id, output_location, recipe_keys
from backburner.ledger.ledger import Committed, Ledger
from backburner.ledger.records import OpenRecord, Part
from backburner.ports import Bucket, Clock, Stored, TooLargeError
from backburner.provider.profiles import resolve_model
from backburner.settings import Settings

RECENT_S = 10.0
"""What a process has read within this time it need not read again, in the cases that ADR 17 names."""
_MAX_RECENT = 64
"""How many recipes are cached, each of at most `MAX_RECIPE_BYTES`."""
_MAX_RECENT_PARENTS = 4
"""How many records of batches are cached; each may name several hundred segments."""


@dataclass(frozen=True, kw_only=True)
class CurrentJob:
    """The current version of a document and its job. `source` has the document's bytes only if they were asked for."""

    location: OutputLocation
    source: Stored
    recipe: bytes | None
    job_id: str
    model: str
    parent: OpenRecord | None = None
    """The run that a part belongs to."""

    @property
    def is_segment(self) -> bool:
        """Whether it is a segment of a batch."""
        return self.parent is not None and self.parent.division is not None and self.parent.division.is_batch


@dataclass(frozen=True, kw_only=True)
class CurrentJobs:
    """Finds the current jobs of documents; the model in the settings is part of a job's identity."""

    bucket: Bucket
    ledger: Ledger
    settings: Settings
    clock: Clock
    _recipes: dict[str, tuple[float, bytes | None]] = field(default_factory=dict)
    _parents: dict[str, tuple[float, OpenRecord | None]] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self, key: str, source: Stored | None, part_of: str | None = None) -> CurrentJob | None:
        """The current job of a document or part that was just read.

        None if there is no document, or the part is no longer needed.
        """
        if source is None:
            return None
        location = output_location(key)
        if location.is_part:
            parent = await self.parent(part_of)
            if parent is None or parent.division is None or parent.division.is_stopping:
                return None
            return self._part(parent, key, source)
        return self.job_of(location, source, await self.recipe(location.recipe))

    def job_of(self, location: OutputLocation, source: Stored, recipe: bytes | None) -> CurrentJob:
        """The job that a document and a recipe make."""
        settings = self.settings
        model = resolve_model(settings.profile, model_in(recipe) or settings.model, settings.project)
        job = job_id(settings.bucket, location.key, source.etag, fingerprint(recipe), model)
        return CurrentJob(location=location, source=source, recipe=recipe, job_id=job, model=model)

    def jobs_of_parts(self, parent: OpenRecord) -> dict[str, str]:
        """The ids of the jobs that work on the parts of a run, by the parts' keys."""
        return {part.key: self._job_of_part(parent, part, recipe) for part, recipe in recipes_of(parent)}

    def _job_of_part(self, parent: OpenRecord, part: Part, recipe: bytes) -> str:
        return job_id(self.settings.bucket, part.key, part.etag, fingerprint(recipe), parent.provider.model)

    def _part(self, parent: OpenRecord, key: str, source: Stored) -> CurrentJob | None:
        for part, recipe in recipes_of(parent):
            if part.key == key:
                return CurrentJob(
                    location=output_location(key),
                    source=source,
                    recipe=recipe,
                    job_id=self._job_of_part(parent, part, recipe),
                    model=parent.provider.model,
                    parent=parent,
                )
        return None

    async def parent(self, name: str | None) -> OpenRecord | None:
        """The open record of the run that something is a part of; None if it is over."""
        job, _, run = (name or "").rpartition(".")
        held = await self.ledger.open_record(job, int(run)) if run.isdecimal() else None
        return held.record if held else None

    async def recent_parent(self, name: str | None) -> OpenRecord | None:
        """The same, but at most `RECENT_S` old: for segments, which need it often.

        A run that is over stays over, so None is never out of date.
        """
        async with self._reading:  # the segments of a batch are visited together, and one of them reads for all
            now = self.clock.monotonic()
            read_at, parent = self._parents.get(name or "", (-math.inf, None))
            if now - read_at > RECENT_S:
                parent = await self.parent(name)
                if len(self._parents) >= _MAX_RECENT_PARENTS:
                    self._parents.clear()
                self._parents[name or ""] = (now, parent)
            return parent

    async def is_superseded(self, record: OpenRecord, committed: Committed) -> bool:
        """Whether a run has been replaced by another version of its document, or by another job or run.

        Deleting the document does not supersede a run. Neither does a changed recipe or model before a job was opened
        or committed with it: a job keeps the recipe it was claimed with. A part is superseded when its parent is over.
        """
        if record.part_of is not None:
            return await self.parent(record.part_of) is None
        current = await self.current(record.source.key, await self.bucket.head(record.source.key))
        if current is None or current.job_id == record.job_id:
            return False
        if current.source.etag != record.source.etag:
            return True
        others = await self.ledger.committed(current.location, current.job_id)
        if others.last_run or await self.ledger.open_record(current.job_id, 1):
            return True
        return not set(committed.etags) <= set(record.committed_at_claim)

    async def is_ordinary(self, record: OpenRecord) -> bool:
        """Whether this is a first run that found nothing at its output location, and is still current.

        Its document must not have been written since, not even with the same bytes: another version may have come and
        gone and left something there. False means: not known.
        """
        if record.run > 1 or record.committed_at_claim:
            return False
        if record.part_of is not None:
            return await self.parent(record.part_of) is not None
        source = await self.bucket.head(record.source.key) if record.shows_overwrites else None
        if source is None or (source.etag, source.last_modified) != (record.source.etag, record.source.last_modified):
            return False
        location = record.location
        return self.job_of(location, source, await self._recent_recipe(location.recipe)).job_id == record.job_id

    async def _recent_recipe(self, name: str) -> bytes | None:
        """A recipe, possibly some seconds old: never to be used to open a job."""
        async with self._reading:  # many runs end at once, and one of them reads for all
            now = self.clock.monotonic()
            read_at, recipe = self._recipes.get(name, (-math.inf, None))
            if now - read_at > RECENT_S:
                recipe = await self.recipe(name)
                if len(self._recipes) >= _MAX_RECENT:
                    self._recipes.clear()
                self._recipes[name] = (now, recipe)
            return recipe

    async def recipe(self, name: str) -> bytes | None:
        """The bytes of a recipe; None if there is none."""
        for key in recipe_keys(name) if name else ():
            try:
                stored = await self.bucket.get(key, limit_bytes=MAX_RECIPE_BYTES)
            except TooLargeError:
                return b" " * (MAX_RECIPE_BYTES + 1)  # too long to read; `recipes.source_text` reports that
            if stored is not None:
                return stored.body
        return None


def recipes_of(parent: OpenRecord) -> Iterator[tuple[Part, bytes]]:
    """Every part of a run, with its recipe."""
    for level, parts in enumerate(parent.division.levels if parent.division else ()):
        for number, part in enumerate(parts, 1):
            text = parent.recipe_text
            if parent.division is not None and not parent.division.is_batch:
                text = merge_text(text) if level else part_text(text, number, len(parts))
            yield part, text.encode()
