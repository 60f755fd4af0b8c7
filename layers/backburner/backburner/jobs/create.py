"""Creates the generation of a document. Its record says `submitting` and belongs to this process.

Order of effects, and what a crash before each costs:
  [the caller] guard, then the record `submitting` → [the text is kept, if quotes are checked; pages are drawn, if
  some are shown] → create → a note of the run that the id belongs to → the id on the pending queue → the record
  `running`.
Before the create: nothing; the guard surfaces after the lease and makes another attempt, with one more suspected
orphan, because this case cannot be distinguished from the next. Between create and id: one generation, whose id is
lost. After the id: nothing; the id is adopted from its message. The note is written first because an id that belongs
to another run must never be adopted. If the queue refuses the id, nothing is lost: it is recorded under the guard.
"""

import asyncio
import logging
import math
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.documents.pictures import picture_tokens
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, parse
from backburner.errors import JobError, RetryLaterError
from backburner.jobs.carry_out import Retrier
from backburner.jobs.inputs import InputMaker
from backburner.jobs.sent_text import SentTexts
from backburner.jobs.text import DocumentReader
from backburner.ledger.ledger import Committed, Ledger, Open
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import OpenRecord, log_keys
from backburner.memory.budget import MemoryBudget
from backburner.outcome.current_job import RECENT_S
from backburner.outcome.decisions import Attempt, decided
from backburner.outcome.finish import Finisher
from backburner.outcome.governing import note_decision
from backburner.ports import Clock, Generator
from backburner.provider.answers import FailedCall, Generation, repeated
from backburner.provider.profiles import request_body
from backburner.provider.verdicts import Call, loggable
from backburner.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class GenerationCreator:
    """Creates generations. `create_limit_s` bounds a whole create call, `slots` how many run in this process."""

    ledger: Ledger
    finisher: Finisher
    governor: Governor
    durations: Durations
    pauses: ProviderPauses
    generator: Generator
    messenger: Messenger
    retrier: Retrier
    reader: DocumentReader
    sent_texts: SentTexts
    inputs: InputMaker
    clock: Clock
    memory: MemoryBudget
    settings: Settings
    create_limit_s: float
    slots: asyncio.Semaphore

    async def create_at_once(
        self, held: Open, extracted: Extracted, read_s: float, committed: Committed | None = None
    ) -> None:
        """Create the generation of a run that this process has just claimed, unless the run has ended meanwhile.

        `read_s` is the monotonic time at which document and recipe were read; they are checked again only if that was
        more than `RECENT_S` ago (ADR 17). `committed` is what is committed at the output location, if read since the
        claim.
        """
        if self.clock.monotonic() - read_s <= RECENT_S:
            has_ended = await self.finisher.is_over(held.record, committed)
        else:
            has_ended = await self.finisher.settled(held.record, committed) is not None
        if not has_ended:
            await self._create(held, extracted)

    async def create(self, held: Open) -> None:
        """Create the generation, unless the run has ended or been superseded meanwhile."""
        record = held.record
        if await self.finisher.settled(record):
            return
        async with self.memory.for_document(record.source.size) as hold:
            try:
                extracted = await self.reader.read(record, hold)
            except JobError as error:
                await self.finisher.fail_if_ours(held, error.reason, str(error))
                return
            if extracted is None:
                await self.finisher.supersede(record, None)
            else:
                await self._create(held, extracted)

    async def _create(self, held: Open, extracted: Extracted) -> None:
        await self.sent_texts.keep(held.record, extracted)
        recipe = parse(held.record.recipe_text)
        async with AsyncExitStack() as stack:
            try:
                given = await stack.enter_async_context(self.inputs.made(held.record, recipe, extracted))
            except JobError as error:
                await self.finisher.fail_if_ours(held, error.reason, str(error))
                return
            if given is None:
                await self.finisher.supersede(held.record, None)
            else:
                await self._send(held, recipe, extracted, given)

    async def _send(self, held: Open, recipe: Recipe, extracted: Extracted, given: str | list[dict[str, Any]]) -> None:
        body = self._request(held.record, recipe, given)
        held = held.with_changes(
            sent_chars=len(extracted.text) + len(body["instructions"]),
            sent_picture_tokens=picture_tokens(extracted.pictures, recipe.images.detail),
        )
        async with self.slots:
            answer = await self.generator.create(body, self.create_limit_s)
        if isinstance(answer, Generation) and not await self._is_ours(held.record, answer):
            answer = repeated(answer)
        if isinstance(answer, Generation):
            await self._started(held, answer)
        else:
            await self._not_started(held, answer, extracted)

    async def _started(self, held: Open, generation: Generation) -> None:
        record = held.record
        ticket = await self._send_id(record, generation)
        logger.info("generation started", extra=log_keys(record) | {"response_id": generation.id})
        if await self.ledger.rewrite(held.as_running(generation, ticket, self.clock.now())) is None:
            await self._cancel_unless_adopted(record, generation.id)
        else:
            self.governor.record_says(record.name, record.counted)
        await self.pauses.call_accepted(record.provider.model)

    async def _not_started(self, held: Open, answer: FailedCall, extracted: Extracted) -> None:
        record = held.record
        attempt = Attempt(
            number=record.attempt, most=self.settings.max_attempts, is_enlarged=record.enlarged_cap is not None
        )
        decision = decided(answer, Call.CREATE, attempt)
        details = {"act": decision.act, "status": answer.status, "code": loggable(answer.code)}
        logger.warning("create failed", extra=log_keys(record) | details)
        await note_decision(self.pauses, decision, record.provider.model)
        await self.retrier.carry_out(held, decision, extracted)

    async def _is_ours(self, record: OpenRecord, generation: Generation) -> bool:
        """Whether the generation in the answer to our create belongs to our run."""
        is_anothers = self.settings.profile.metadata and generation.job not in ("", record.job_id)
        if is_anothers or generation.id in record.response_ids:
            return False
        try:
            return await self.ledger.is_given_to(record, generation.id)
        except RetryLaterError:  # continue without the note: the id must not be lost
            logger.warning("response id not noted", extra=log_keys(record) | {"response_id": generation.id})
            return True

    async def _send_id(self, record: OpenRecord, generation: Generation) -> str:
        """Send the id, and return the ticket of the message that now drives the run: the guard's, if the queue refused.

        The guard is still on its queue and its ticket is the record's, so the id may be recorded under it: when the
        guard shows after the lease, it polls this generation instead of starting another.
        """
        first_look_s = 0.0 if generation.is_over else self._first_look_s(record)
        try:
            return await self.messenger.to_check(record, first_look_s, generation.id)
        except RetryLaterError as error:
            logger.warning("id not sent: recorded under the guard", extra=log_keys(record) | {"error": str(error)})
            return record.ticket

    def _first_look_s(self, record: OpenRecord) -> float:
        """When to poll first: before the deadline, and before the provider deletes an ended generation."""
        deadline_s = parse(record.recipe_text).deadline_s or math.inf
        return min(self.durations.first_poll_s(record.provider.model), deadline_s, self.settings.profile.max_gap_s)

    async def _cancel_unless_adopted(self, record: OpenRecord, response_id: str) -> None:
        """Cancel our generation unless the process that took the run over adopted it; that process has counted it."""
        theirs = await self.ledger.open_record(record.job_id, record.run)
        if theirs is not None and response_id in theirs.record.response_ids:
            return
        if (await self.ledger.committed(record.location, record.job_id)).knows(response_id):
            return
        logger.warning("generation cancelled: another owner", extra=log_keys(record) | {"response_id": response_id})
        await self.generator.cancel(response_id)

    def _request(self, record: OpenRecord, recipe: Recipe, given: str | list[dict[str, Any]]) -> dict[str, Any]:
        return request_body(
            self.settings.profile,
            recipe,
            model=record.provider.model,
            job=record.job_id,
            text=given,
            correction=record.correction,
            max_output_tokens=record.enlarged_cap or recipe.max_output_tokens,
        )
