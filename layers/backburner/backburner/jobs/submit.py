"""Opens a job for an upload: DESIGN section 6, "Submit".

Order of effects, and what a crash before each costs:
  document and recipe read → guard → reservation → claim `submitting` → check whether the run is over →
  [jobs/create.py] create → id → `running`.
Before the guard: nothing, the trigger delivers the event again. Between guard and claim: the guard surfaces after the
lease and is treated like the event. After the claim: the guard takes over, and makes the check itself. A reservation
is noted under the run's name, so the next attempt to open the run finds it.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from msgspec.structs import replace

from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial
from backburner.documents.recipes import fingerprint
from backburner.errors import Reason, UnreadableError
from backburner.jobs.create import GenerationCreator
from backburner.jobs.plan import CannotRun, InParts, OfLines, OneGeneration, Planner, TakesOver
from backburner.ledger.ledger import Committed, Ledger, Open, nothing_committed
from backburner.ledger.messages import Message
from backburner.ledger.messenger import SOON_S, Messenger
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Source, State, log_keys
from backburner.memory.budget import SMALL_BYTES, Hold, MemoryBudget
from backburner.outcome.current_job import CurrentJob, CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Clock, Stored
from backburner.settings import Settings

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
    current_jobs: CurrentJobs
    messenger: Messenger
    planner: Planner
    governor: Governor
    creator: GenerationCreator
    finisher: Finisher
    memory: MemoryBudget
    clock: Clock
    settings: Settings

    async def submit(self, key: str, wanted: Message | None = None, *, is_first: bool = False) -> Outcome:
        """Open the job of a document in its current version.

        `wanted` is a message for a run without a record: if its job is still current and its run is not over, that run
        is opened, even where an event would have nothing to do. `is_first`: this is probably the first event of its
        document, as most uploads are; then its run is claimed before anything else is read (ADR 17).
        """
        async with self.memory.for_document() as hold:
            read_s = self.clock.monotonic()
            source = await hold.document(self.bucket, key)
            current = await self.current_jobs.current(key, source, wanted.part_of if wanted else None)
            if current is None:
                return Outcome.GONE
            guard = None
            if is_first and source is not None and source.size_bytes <= SMALL_BYTES:
                first = replace(self._record(current, nothing_committed(current.job_id), 1), shows_overwrites=False)
                guard = await self.messenger.guard(first)
                outcome = await self._first_run(first, current, hold, guard=guard, read_s=read_s)
                if outcome is not None:
                    return outcome
            committed = await self.ledger.committed(current.location, current.job_id)
            run = _run_to_open(current, committed, wanted)
            if run is None or await self.ledger.open_record(current.job_id, run):
                return Outcome.KNOWN
            record = self._record(current, committed, run)
            if guard is None or run > 1:
                guard = await self.messenger.guard(record)
            return await self._open(record, current, committed, hold, guard=guard, read_s=read_s)

    async def _first_run(
        self, record: OpenRecord, current: CurrentJob, hold: Hold, *, guard: str, read_s: float
    ) -> Outcome | None:
        """Open run 1 as if nothing had ever been committed, and check that after the claim (ADR 17).

        Until that check the claim names nothing that was replaced and does not count as an ordinary run. None if the
        check must come first, as for every document that may be cut: the texts of its parts must not be written twice.
        """
        plan = await self.planner.first(record, current, hold)
        if plan is None:
            return None
        record = replace(plan.record, reservation=plan.reservation)
        counted = await self.governor.reserve(record.name, plan.reservation, recorded=None, behind_others=True)
        if isinstance(counted, Denial):
            return await self._queue_first(record, current, counted)
        held = await self._claim(replace(record, ticket=guard, attempt=1, counted=counted))
        if held is None:
            return Outcome.KNOWN
        try:
            committed = await self.ledger.committed(current.location, current.job_id)
        except UnreadableError:  # somebody must repair it first: until then no run is open
            await self._withdraw(held.record)
            raise
        run = committed.run_for_event(current.source.last_modified)
        if run != 1:
            await self.finisher.settled(held.record, committed)
            return Outcome.KNOWN if run is None else None
        logger.info("job claimed", extra=log_keys(record) | {"recipe": record.recipe.name})
        looked_at = held.with_changes(
            committed_at_claim=committed.etags, shows_overwrites=_shows_overwrites(current.source)
        )
        await self.creator.create_at_once(looked_at, plan.extracted, read_s, committed)
        return Outcome.CLAIMED

    async def _queue_first(self, record: OpenRecord, current: CurrentJob, denial: Denial) -> Outcome | None:
        """Queue a run that must wait; there is time to check before the claim. None if another run is to be opened."""
        committed = await self.ledger.committed(current.location, current.job_id)
        run = committed.run_for_event(current.source.last_modified)
        if run != 1:
            return Outcome.KNOWN if run is None else None
        shows_overwrites = _shows_overwrites(current.source)
        return await self._queue(
            replace(record, committed_at_claim=committed.etags, shows_overwrites=shows_overwrites), denial
        )

    async def _claim(self, record: OpenRecord) -> Open | None:
        """Claim a run that has a reservation; if another process has it, give the reservation back and return None.

        The claim does not name the reservation yet: if the run is over, it may have been settled already (ADR 15).
        """
        held = await self.ledger.claim(replace(record, counted=None))
        if held is not None:
            return held.with_changes(counted=record.counted)
        if record.counted is not None:
            await self.governor.withdraw(record.name, record.counted)
        return None

    async def _withdraw(self, record: OpenRecord) -> None:
        """Undo a claim for which nothing was started.

        A crash before the record is removed leaves the run to its guard, which makes the check itself; a crash after it
        leaves a reservation without a record, which the next sweep gives back.
        """
        await self.ledger.close(record)
        if record.counted is not None:
            await self.governor.withdraw(record.name, record.counted)

    async def give_up(self, key: str, wanted: Message, why: str) -> None:
        """Fail the run that a message would open, because opening it raises every time."""
        current = await self.current_jobs.current(key, await self.bucket.head(key), wanted.part_of)
        if current is not None:
            committed = await self.ledger.committed(current.location, current.job_id)
            run = _run_to_open(current, committed, wanted)
            if run is not None:
                await self.finisher.fail(self._record(current, committed, run), Reason.INTERNAL_ERROR, why)

    async def _open(
        self, record: OpenRecord, current: CurrentJob, committed: Committed, hold: Hold, *, guard: str, read_s: float
    ) -> Outcome:
        plan = await self.planner.plan(record, current, committed, hold)
        match plan:
            case OneGeneration():
                return await self._start_or_queue(plan, guard, read_s, behind_others=current.parent is None)
            case InParts(record):
                claim, delay_s = replace(record, state=State.RUNNING), SOON_S
            case TakesOver(record):
                claim, delay_s = replace(record, state=State.WAITING, waiting_for="reuse"), 0.0
            case OfLines(record):
                claim, delay_s = replace(record, state=State.WAITING, waiting_for="turn"), SOON_S
            case CannotRun(record, reason, message):
                await self.finisher.fail(record, reason, message)
                return Outcome.FAILED
            case _:
                assert_never(plan)
        return await self._claim_under_message(claim, delay_s, send=self.messenger.to_check)

    async def _start_or_queue(self, plan: OneGeneration, guard: str, read_s: float, *, behind_others: bool) -> Outcome:
        """Start the generation if the governor grants a slot. Parts do not queue behind others: they have waited."""
        record = replace(plan.record, reservation=plan.reservation)
        counted = await self.governor.reserve(record.name, plan.reservation, recorded=None, behind_others=behind_others)
        if isinstance(counted, Denial):
            return await self._queue(record, counted)
        held = await self._claim(replace(record, ticket=guard, attempt=1, counted=counted))
        if held is None:
            return Outcome.KNOWN
        logger.info("job claimed", extra=log_keys(record) | {"recipe": record.recipe.name})
        await self.creator.create_at_once(held, plan.extracted, read_s)
        return Outcome.CLAIMED

    async def _queue(self, record: OpenRecord, denial: Denial) -> Outcome:
        """Claim the run as waiting; the checker starts it when the governor grants a slot."""
        waiting = replace(record, state=State.WAITING, waiting_for=denial.waiting_for)
        outcome = await self._claim_under_message(waiting, denial.seconds, send=self.messenger.to_start)
        if outcome is Outcome.CLAIMED:
            logger.info("job waits", extra=log_keys(record) | {"waiting_for": denial.waiting_for})
        return outcome

    async def _claim_under_message(
        self, record: OpenRecord, delay_s: float, *, send: Callable[[OpenRecord, float], Awaitable[str]]
    ) -> Outcome:
        """Send the run's first message, which shows after `delay_s`, and claim the run with its ticket.

        However late the claim comes, the message is still there: it is kept until this process must be dead.
        """
        held = await self.ledger.claim(replace(record, ticket=await send(record, delay_s)))
        return Outcome.KNOWN if held is None else Outcome.CLAIMED

    def _record(self, current: CurrentJob, committed: Committed, run: int) -> OpenRecord:
        """The open record with what is known before recipe and document are read."""
        source = current.source
        return OpenRecord(
            job_id=current.job_id,
            run=run,
            state=State.SUBMITTING,
            source=Source(
                bucket=self.settings.bucket,
                key=current.location.key,
                etag=source.etag,
                size=source.size_bytes,
                last_modified=source.last_modified,
            ),
            recipe=RecipeRef(name=current.location.recipe, sha256=fingerprint(current.recipe)),
            provider=ProviderRef(profile=self.settings.provider, base_url=self.settings.base_url, model=current.model),
            uploaded_at=source.last_modified,
            ticket="",
            committed_at_claim=committed.etags,
            shows_overwrites=_shows_overwrites(source),
            part_of=current.parent.name if current.parent else None,
            context_overflows=current.parent.context_overflows if current.parent else 0,
        )


def _shows_overwrites(source: Stored) -> bool:
    return source.age_s >= 1


def _run_to_open(current: CurrentJob, committed: Committed, wanted: Message | None) -> int | None:
    if wanted is not None and wanted.job == current.job_id and not committed.is_over(wanted.run):
        return committed.last_run + 1
    return committed.run_for_event(current.source.last_modified)
