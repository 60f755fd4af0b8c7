"""Decides, before the claim, how a document is run: one generation, parts, lines of a batch, reuse, or failure."""

from dataclasses import dataclass

from msgspec import UNSET
from msgspec.structs import replace

from backburner.batch.open_segment import with_segment
from backburner.batch.segmenter import Segmenter
from backburner.capacity.estimates import affordable
from backburner.capacity.limits import Limits, Reservation
from backburner.documents.pictures import picture_tokens
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, parse, source_text
from backburner.documents.tokens import OUTPUT_WITHOUT_CAP_TOKENS, estimate_tokens
from backburner.errors import JobError, Reason
from backburner.jobs.text import DocumentReader
from backburner.ledger.keys import answer_key
from backburner.ledger.ledger import Committed
from backburner.ledger.records import Division, OpenRecord, Source
from backburner.memory.budget import Hold
from backburner.outcome.answers import Answers
from backburner.outcome.current_job import CurrentJob
from backburner.split.divide import Divider


@dataclass(frozen=True)
class OneGeneration:
    """The document is sent whole, under this reservation."""

    record: OpenRecord
    extracted: Extracted
    reservation: Reservation


@dataclass(frozen=True)
class InParts:
    """The record names the parts, or the segments of a batch."""

    record: OpenRecord


@dataclass(frozen=True)
class OfLines:
    """The record holds the segment whose lines are to be run."""

    record: OpenRecord


@dataclass(frozen=True)
class CannotRun:
    """The document cannot become a job."""

    record: OpenRecord
    reason: Reason
    message: str


@dataclass(frozen=True)
class TakesOver:
    """The record names the run whose answer is taken over."""

    record: OpenRecord


SizedPlan = OneGeneration | InParts | OfLines | CannotRun
Plan = SizedPlan | TakesOver


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Reads recipe and document; writes only the texts of parts, and the note that an answer is being generated."""

    segmenter: Segmenter
    answers: Answers
    divider: Divider
    reader: DocumentReader
    limits: Limits

    async def first(self, record: OpenRecord, current: CurrentJob, hold: Hold) -> OneGeneration | None:
        """The plan of a first run that needs one generation, whatever is committed; writes nothing.

        None if only `plan` can decide.
        """
        try:
            recipe_text = _recipe_text(current)
            recipe = parse(recipe_text)
            if recipe.reuse or await self.segmenter.is_batch(record.source.key, current.source):
                return None
            extracted = await self._extracted(current, hold, recipe)
            if not self.divider.is_short(record, recipe, extracted):
                return None
            reservation = self._reservation(recipe, extracted, record.provider.model)
        except JobError:
            return None
        source = _described(record.source, extracted)
        record = replace(record, recipe_text=recipe_text, output=recipe.output, price=recipe.price, source=source)
        return OneGeneration(record, extracted, reservation)

    async def plan(self, record: OpenRecord, current: CurrentJob, committed: Committed, hold: Hold) -> Plan:
        """Decide how to run a document, and add to the record what its recipe and document say."""
        try:
            recipe_text = _recipe_text(current)
            recipe = parse(recipe_text)
            record = replace(record, recipe_text=recipe_text, output=recipe.output, price=recipe.price)
            if current.is_segment:
                return OfLines(with_segment(record, current, committed))
            if recipe.reuse and current.parent is None:
                record = await self._with_answer(record, current)
                if record.reuses is not None:
                    return TakesOver(record)
            division = await self.divider.resumable_parts(committed, record) or await self._segments(record, current)
            if division:
                extracted = Extracted("", committed.notes, pages=committed.pages)
            else:
                extracted = await self._extracted(current, hold, recipe)
        except JobError as error:
            return CannotRun(record, error.reason, str(error))
        return await self.sized(record, extracted, division)

    async def sized(self, record: OpenRecord, extracted: Extracted, division: Division | None = None) -> SizedPlan:
        """Decide how to run a document that has been read. `division` is what an earlier run has left of its parts."""
        record = replace(record, source=_described(record.source, extracted))
        try:
            return await self._sized(record, extracted, division)
        except JobError as error:
            return CannotRun(record, error.reason, str(error))

    async def _with_answer(self, record: OpenRecord, current: CurrentJob) -> OpenRecord:
        """The record with the key of its answer's note and, for a first run, the answer that it may take over.

        If this run generates the answer, the note shows other runs that it is coming.
        """
        source, provider = current.source, record.provider
        if not source.body or await self.segmenter.is_batch(record.source.key, source):
            return record
        sees = str(bool(self.reader.sees(provider.model)))
        identity = (provider.profile, provider.base_url, provider.model, sees)
        key = answer_key(record.source.key, source.body, record.recipe.sha256, identity)
        record = replace(record, answer_key=key)
        if record.run > 1:
            return record
        return replace(record, reuses=await self.answers.claim(record))

    async def _sized(self, record: OpenRecord, extracted: Extracted, division: Division | None) -> SizedPlan:
        """One generation, or parts if the document is too long for one."""
        recipe = parse(record.recipe_text)
        reservation = self._reservation(recipe, extracted, record.provider.model)
        if division is None and record.part_of is None:
            division = await self.divider.divided(record, recipe, extracted)
        if division is None:
            return OneGeneration(record, extracted, reservation)
        output = "jsonl" if division.is_batch else record.output
        return InParts(replace(record, division=division, output=output))

    async def _segments(self, record: OpenRecord, current: CurrentJob) -> Division | None:
        """The segments of a document that is a batch."""
        if current.parent is not None or not await self.segmenter.is_batch(record.source.key, current.source):
            return None
        return await self.divider.into_segments(record, current.source)

    async def _extracted(self, current: CurrentJob, hold: Hold, recipe: Recipe) -> Extracted:
        return await self.reader.extract(current.source, current.location, hold, recipe, current.model)

    def _reservation(self, recipe: Recipe, extracted: Extracted, model: str) -> Reservation:
        """What one generation may use. Raises `JobError` if that is more than a whole day's budget."""
        inputs = estimate_tokens(recipe.instructions) + estimate_tokens(extracted.text)
        inputs += picture_tokens(extracted.pictures, recipe.images.detail)
        outputs = recipe.max_output_tokens or OUTPUT_WITHOUT_CAP_TOKENS
        return affordable(recipe.price, inputs, outputs, self.limits).reservation(model)


def _described(source: Source, extracted: Extracted) -> Source:
    """The source, with what was found when it was read."""
    return replace(source, notes=list(extracted.notes), pages=extracted.pages or UNSET)


def _recipe_text(current: CurrentJob) -> str:
    """The recipe's text. A part's is longer than its document's, which was checked, so its length is not checked."""
    if current.parent is not None:
        return (current.recipe or b"").decode()
    return source_text(current.location.recipe, current.recipe)
