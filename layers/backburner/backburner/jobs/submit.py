"""An upload becomes a job: DESIGN section 6, "Submit".

Order of effects, and what a crash before each costs:
  document and recipe read → guard → reservation → claim `submitting` → [generate.py] create → id → `running`.
Before the guard: nothing is there yet; the trigger delivers the event again. Between guard and claim: the guard
surfaces after the lease and is treated as the event. After the claim: the guard takes over. A
reservation stands under the run's name, so the next to come by finds it.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from backburner.batch.runner import SegmentRunner
from backburner.batch.segmenter import Segmenter
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial, Reservation
from backburner.capacity.timing import MAX_DELAY_S
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, fingerprint, parse, source_text
from backburner.documents.tokens import OUTPUT_WITHOUT_CAP_TOKENS, estimate_tokens
from backburner.errors import JobError, Reason
from backburner.jobs.start import Starter
from backburner.ledger.ledger import Committed, Ledger
from backburner.ledger.messages import Message
from backburner.ledger.records import Division, OpenRecord, ProviderRef, RecipeRef, Source, State, log_keys
from backburner.memory.budget import Hold, MemoryBudget
from backburner.outcome.current import CurrentJob, CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Extractor
from backburner.split.parent import ParentRuns

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of an upload event."""

    GONE = "gone"  # the object is not there any more
    KNOWN = "known"  # its job is open or over already
    CLAIMED = "claimed"  # a job was opened
    FAILED = "failed"  # it cannot become a job; the error record says why


@dataclass(frozen=True, kw_only=True)
class Submitter:
    """Turns uploads into jobs; the same event any number of times makes one."""

    bucket: Bucket
    ledger: Ledger
    inbox: CurrentJobs
    starter: Starter
    finisher: Finisher
    parent_runs: ParentRuns
    batches: Segmenter
    segments: SegmentRunner
    extractor: Extractor
    governor: Governor
    memory: MemoryBudget
    provider_name: str
    base_url: str

    async def submit(self, key: str, wanted: Message | None = None) -> Outcome:
        """Open the job of the document as it stands now.

        `wanted` is a message for a run that nobody opened: if its job is still current and its run is not over, that
        run is opened even where an event would find nothing to do.
        """
        async with self.memory.for_document() as hold:
            return await self._submit(key, wanted, hold)

    async def _submit(self, key: str, wanted: Message | None, hold: Hold) -> Outcome:
        source = await hold.document(self.bucket, key)
        current = await self.inbox.current(key, source, wanted.part_of if wanted else None)
        if current is None:
            return Outcome.GONE
        committed = await self.ledger.committed(current.place, current.job_id)
        run = _run_to_open(current, committed, wanted)
        if run is None or await self.ledger.open_record(current.job_id, run):
            return Outcome.KNOWN
        return await self._open(self._record(current, committed, run), current, committed, hold)

    async def give_up(self, key: str, wanted: Message, why: str) -> None:
        """Fail the run that a message would open, and that could not be opened again and again."""
        current = await self.inbox.current(key, await self.bucket.head(key), wanted.part_of)
        if current is not None:
            committed = await self.ledger.committed(current.place, current.job_id)
            run = _run_to_open(current, committed, wanted)
            if run is not None:
                await self.finisher.fail(self._record(current, committed, run), Reason.INTERNAL_ERROR, why)

    async def _open(self, record: OpenRecord, current: CurrentJob, committed: Committed, hold: Hold) -> Outcome:
        ticket = await self.starter.guard(record)
        try:
            recipe_text = _recipe_text(current)
            recipe = parse(recipe_text)
            record = replace(record, recipe_text=recipe_text, output=recipe.output, price=recipe.price)
            division = await self.parent_runs.resumable_parts(committed, record) or await self._batch(record, current)
            if current.parent and current.parent.division and current.parent.division.is_batch:
                record = replace(record, output=current.parent.output)
                mine = await self.segments.claim(record, current.source.body, committed)
                return Outcome.CLAIMED if mine else Outcome.KNOWN
            extracted = Extracted("", committed.notes) if division else await self._extracted(current, hold)
            text = extracted.text
            record = replace(record, source=replace(record.source, notes=list(extracted.notes)))
            reservation = self._reservation(recipe, text, current.model)
            if division is None and current.parent is None:
                size = await self.parent_runs.size(recipe, current.model, text)
                division = await self.parent_runs.cut(record, text, size) if size else None
        except JobError as error:
            await self.finisher.fail(record, error.reason, str(error))
            return Outcome.FAILED
        if division is not None:
            record = replace(record, output="jsonl") if division.is_batch else record
            return Outcome.CLAIMED if await self.parent_runs.claim(record, division) else Outcome.KNOWN
        record = replace(record, reservation=reservation)
        behind_others = current.parent is None  # a part has waited in the backlog already
        counted = await self.governor.reserve(record.name, reservation, told=None, behind_others=behind_others)
        if isinstance(counted, Denial):
            return await self._queue_up(record, counted)
        held = await self.ledger.claim(replace(record, ticket=ticket, attempt=1, counted=counted))
        if held is None:
            await self.governor.forsake(record.name, counted)
            return Outcome.KNOWN
        self.governor.told(record.name, counted)
        logger.info("job claimed", extra=log_keys(record) | {"recipe": current.place.recipe})
        await self.starter.start(held, text)
        return Outcome.CLAIMED

    async def _queue_up(self, record: OpenRecord, denial: Denial) -> Outcome:
        """Claim as waiting: the checker starts it as soon as the governor lets it."""
        message = record.message()
        await self.starter.backlog.send(message.encode(), round(min(MAX_DELAY_S, denial.seconds)))
        waiting = replace(record, state=State.WAITING, ticket=message.ticket, waiting_for=denial.waiting_for)
        if await self.ledger.claim(waiting) is None:
            return Outcome.KNOWN
        logger.info("job waits", extra=log_keys(record) | {"waiting_for": denial.waiting_for})
        return Outcome.CLAIMED

    def _reservation(self, recipe: Recipe, text: str, model: str) -> Reservation:
        """What one generation may use. Raises `JobError` where it can never be afforded."""
        inputs = estimate_tokens(recipe.instructions) + estimate_tokens(text)
        outputs = recipe.max_output_tokens or OUTPUT_WITHOUT_CAP_TOKENS
        limits, price = self.governor.limits, recipe.price
        if limits.daily_cost is not None and price is None:
            raise JobError(Reason.INVALID_RECIPE, "BACKBURNER_DAILY_COST is set, so every recipe must name its price")
        cost = price.of(inputs, outputs) if price else 0.0
        if limits.daily_tokens is not None and inputs + outputs > limits.daily_tokens:
            raise JobError(
                Reason.OVER_BUDGET, f"about {inputs + outputs} tokens, more than a whole day's {limits.daily_tokens}"
            )
        if limits.daily_cost is not None and cost > limits.daily_cost:
            raise JobError(Reason.OVER_BUDGET, f"about {cost:.4f}, more than a whole day's {limits.daily_cost}")
        return Reservation(model=model, tokens=inputs + outputs, cost=cost)

    async def _batch(self, record: OpenRecord, current: CurrentJob) -> Division | None:
        """The segments of a document that is a batch."""
        if current.parent is not None or not await self.batches.is_batch(record.source.key, current.source):
            return None
        return await self.parent_runs.into_segments(record, current.source)

    async def _extracted(self, current: CurrentJob, hold: Hold) -> Extracted:
        source, key = current.source, current.place.key
        self.memory.must_fit(source.size_bytes)
        if current.parent:
            return Extracted(source.body.decode())
        await hold.before_reading(source.body, key)
        extracted = await self.extractor.extract(source.body, key)
        await hold.after_reading(len(extracted.text))
        return extracted

    def _record(self, current: CurrentJob, committed: Committed, run: int) -> OpenRecord:
        source = current.source
        return OpenRecord(
            job_id=current.job_id,
            run=run,
            state=State.SUBMITTING,
            source=Source(
                bucket=self.inbox.bucket_name,
                key=current.place.key,
                etag=source.etag,
                size=source.size_bytes,
                last_modified=source.last_modified,
            ),
            recipe=RecipeRef(name=current.place.recipe, sha256=fingerprint(current.recipe)),
            provider=ProviderRef(profile=self.provider_name, base_url=self.base_url, model=current.model),
            uploaded_at=source.last_modified,
            ticket="",
            committed_at_claim=committed.etags,
            part_of=current.parent.name if current.parent else None,
            context_overflows=current.parent.context_overflows if current.parent else 0,
        )


def _recipe_text(current: CurrentJob) -> str:
    """A part's recipe is its document's, and a little longer: it was checked there."""
    if current.parent is not None:
        return (current.recipe or b"").decode()
    return source_text(current.place.recipe, current.recipe)


def _run_to_open(current: CurrentJob, committed: Committed, wanted: Message | None) -> int | None:
    if wanted is not None and wanted.job == current.job_id and not committed.is_over(wanted.run):
        return committed.last_run + 1
    return committed.run_for_event(current.source.last_modified)
