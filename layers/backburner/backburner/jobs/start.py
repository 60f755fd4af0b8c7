"""Starting one generation for a record that says `submitting` and is ours; and putting a run back to wait.

Order of effects, and what a crash before each costs:
  [the caller] guard, then the record `submitting` → create → a note whose the id is → the id on the pending queue →
  the record `running`.
Before the create: nothing; the guard surfaces after the lease and another attempt is made, counted as a suspected
orphan because nobody can tell. Between create and id: one generation, whose id is lost. After the id: nothing; the
message that brings it is adopted. The note comes first, since an id that is another run's must never be adopted. A
queue that refuses the id costs nothing either: it is recorded under the guard.
"""

import asyncio
import logging
import math
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS, Denial, Reservation
from backburner.capacity.timing import MAX_DELAY_S, backoff_s, probe_s
from backburner.documents.recipes import parse
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.records import OpenRecord, State, booked, log_keys
from backburner.memory.budget import Hold, MemoryBudget
from backburner.outcome.decisions import Decision, Do, Stop, decide, lifted_by_any
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Clock, Extractor, Generator, Queue, TooLargeError
from backburner.provider.answers import Answer, FailedCall, Generation, repeated
from backburner.provider.profiles import Profile, request_body
from backburner.provider.verdicts import Call, judge, loggable
from backburner.split.parent import ParentRuns

logger = logging.getLogger(__name__)

_TAKEN = Denial(waiting_for="retry", seconds=2.0)
"""The record was another owner's: its message may still be the one that drives it, so it is looked at again."""
MAX_CREATES = 32
"""Creates under way in one process, so the most generations that its death can leave nameless (DESIGN section 1)."""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts generations. `create_limit_s` bounds a whole create call; `max_attempts` the generations of a run."""

    bucket: Bucket
    ledger: Ledger
    finisher: Finisher
    governor: Governor
    generator: Generator
    extractor: Extractor
    parent_runs: ParentRuns
    pending: Queue
    backlog: Queue
    clock: Clock
    memory: MemoryBudget
    profile: Profile
    lease_s: int
    max_attempts: int
    create_limit_s: float
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CREATES))

    async def guard(self, record: OpenRecord) -> str:
        """Send the message that takes over if this process dies: due after the lease. Returns its ticket."""
        message = record.message()
        await self.pending.send(message.encode(), self.lease_s)
        return message.ticket

    async def start_waiting(self, held: Open) -> Denial | None:
        """Start a run that waits, if the governor lets it; the record says what it waits for."""
        record = held.record
        if record.reservation is None:
            return None if await self.start_again(held) else _TAKEN
        found = await self.governor.reserve(record.name, record.reservation, told=record.counted, behind_others=False)
        if not isinstance(found, Denial):
            return None if await self.start_again(held.with_changes(counted=found)) else _TAKEN
        denial = found
        if denial.waiting_for != record.waiting_for:
            await self.ledger.rewrite(held.with_changes(waiting_for=denial.waiting_for))
        return denial

    async def start_again(self, held: Open, *, orphans: int = 0) -> bool:
        """The next attempt of a run whose message is in hand: guard, `submitting`, create. False: another owner's."""
        record = held.record
        counted = held.with_changes(suspected_orphans=record.suspected_orphans + orphans)
        if record.attempt >= self.max_attempts:
            died = f"the process that began attempt {record.attempt} died before it could tell its end"
            return await self.end(counted, Reason.LOST, died)
        taken = counted.with_changes(
            state=State.SUBMITTING,
            attempt=record.attempt + 1,
            ticket=await self.guard(record),
            waiting_for=None,
        )
        mine = await self.ledger.rewrite(taken)
        if mine is None:
            return False
        self.governor.told(record.name, record.counted)
        await self.start(mine)
        return True

    async def start(self, held: Open, text: str | None = None) -> None:
        """Create the generation, unless the run ended or was superseded meanwhile. `text` is read again where None."""
        record = held.record
        if text is not None and await self._is_over_already(record):
            return
        if text is None and await self.finisher.settled(record):
            return
        if text is not None:  # whoever read it holds it
            await self._create(held, text)
            return
        async with self.memory.for_document(record.source.size) as hold:
            await self._read_and_create(held, hold)

    async def _is_over_already(self, record: OpenRecord) -> bool:
        """Whether a run that was just claimed is over: then it was settled with its first record, and is not again."""
        is_over = await self.finisher.settled(replace(record, reservation=None)) is not None
        if is_over and record.counted is not None:
            await self.governor.forsake(record.name, record.counted)
        return is_over

    async def _read_and_create(self, held: Open, hold: Hold) -> None:
        record = held.record
        try:
            text = await self._text(record, hold)
        except JobError as error:
            await self.end(held, error.reason, str(error))
            return
        if text is None:
            await self.finisher.supersede(record, None)
        else:
            await self._create(held, text)

    async def _create(self, held: Open, text: str) -> None:
        body = self._request(held.record, text)
        held = held.with_changes(sent_chars=len(text) + len(body["instructions"]))
        async with self.slots:
            answer = await self.generator.create(body, self.create_limit_s)
        if isinstance(answer, Generation):
            await self._started(held, answer, text)
        else:
            await self._not_started(held, answer, text)

    async def carry_out(self, held: Open, decision: Decision, text: str | None = None) -> bool:
        """Do what follows where an attempt has ended without a result. False: another owner's."""
        record = held.record
        held = held.with_changes(suspected_orphans=record.suspected_orphans + decision.orphans)
        match decision.do:
            case Do.AGAIN:
                again = held.with_changes(
                    enlarged_cap=decision.cap or record.enlarged_cap, reservation=_reservation(record, decision.cap)
                )
                return await self.wait(again, "retry", backoff_s(record.attempt - 1, decision.after_s))
            case Do.PUT_BACK:
                backs_off_s = probe_s(decision.after_s) if decision.stop else backoff_s(record.waits, decision.after_s)
                return await self.wait(held.with_changes(attempt=record.attempt - 1), "provider", backs_off_s)
            case Do.DIVIDE:
                return await self.divide(held, decision.message, text)
            case _:
                return await self.end(held, decision.reason, decision.message)

    async def wait(self, held: Open, waiting_for: str, delay_s: float) -> bool:
        """Put a run back to wait: message before record. False: another owner's record stands, our message is void."""
        record = held.record
        message = record.message()
        delay_s = min(delay_s, MAX_DELAY_S)
        await self.backlog.send(message.encode(), round(delay_s))
        waiting = held.with_changes(
            state=State.WAITING, ticket=message.ticket, waiting_for=waiting_for, waits=record.waits + 1
        )
        mine = await self.ledger.rewrite(waiting)
        if mine is None:
            return False
        if record.reservation is not None:
            tokens, cost = booked(record, record.usage, record.responses)
            counted = await self.governor.release(
                record.name, record.reservation, told=record.counted, tokens=tokens, cost=cost
            )
            if counted is not None and await self.ledger.rewrite(mine.with_changes(counted=counted)):
                self.governor.told(record.name, counted)
        logger.info("job waits", extra=log_keys(record) | {"waiting_for": waiting_for, "delay_s": round(delay_s)})
        return True

    async def divide(self, held: Open, told: str, text: str | None = None) -> bool:
        """Cut what the provider called too long; what cannot be cut smaller fails. False: another owner's."""
        try:
            if text is not None:
                return await self.parent_runs.divide(held, text)
            async with self.memory.for_document(held.record.source.size) as hold:
                text = await self._text(held.record, hold)
                if text is not None:
                    return await self.parent_runs.divide(held, text)
            await self.finisher.supersede(held.record, None)
            return True  # noqa: TRY300 - what fails is told in one place
        except JobError as error:
            return await self.end(held, error.reason, f"{error} ({told})")

    async def pause(self, record: OpenRecord, decision: Decision, call: Call, answer: Answer) -> None:
        """Pause whom a decision concerns: everybody, or one model."""
        concerned = ALL_MODELS if decision.stop is Stop.EVERYBODY else record.provider.model
        await self.governor.pause(concerned, decision.brief, any_call_lifts=lifted_by_any(call, answer))

    async def end(self, held: Open, reason: Reason, message: str) -> bool:
        """Fail a run that is still ours: the record is written once more first, so a stale owner fails nothing."""
        mine = await self.ledger.rewrite(held)
        if mine is None:
            return False
        await self.finisher.fail(mine.record, reason, message)
        return True

    async def _started(self, held: Open, generation: Generation, text: str) -> None:
        record, model = held.record, held.record.provider.model
        if not await self._is_ours(record, generation):
            await self._not_started(held, repeated(generation), text)
            return
        ticket = await self._tell(record, generation)
        logger.info("generation started", extra=log_keys(record) | {"response_id": generation.id})
        if await self.ledger.rewrite(held.as_running(generation, ticket, self.clock.now())) is None:
            await self._cancel_unless_adopted(record, generation.id)
        await self.governor.call_accepted(model)

    def _first_look_s(self, record: OpenRecord) -> float:
        """When to look first: never behind the deadline, and in time for what the provider does not keep."""
        deadline_s = parse(record.recipe_text).deadline_s or math.inf
        return min(self.governor.first_poll_s(record.provider.model), deadline_s, self.profile.longest_gap_s)

    async def _is_ours(self, record: OpenRecord, generation: Generation) -> bool:
        """Whether an answer to our create is about our create."""
        is_anothers = self.profile.metadata and generation.job not in ("", record.job_id)
        if is_anothers or generation.id in record.response_ids:
            return False
        try:
            return await self.ledger.is_given_to(record, generation.id)
        except RetryLaterError:  # an id at hand is worth more than the note
            logger.warning("response id not noted", extra=log_keys(record) | {"response_id": generation.id})
            return True

    async def _tell(self, record: OpenRecord, generation: Generation) -> str:
        """Send the id. Returns the ticket that drives the run from here: the guard's, if the queue refuses the id.

        The guard lives and is the record's already, so the id may be recorded under it: it shows after the lease, and
        finds a generation to look at where it would have had to start another one.
        """
        message = record.message(generation.id)
        first_look_s = 0.0 if generation.is_over else self._first_look_s(record)
        try:
            await self.pending.send(message.encode(), round(first_look_s))
        except RetryLaterError as error:
            logger.warning("id not sent: the guard takes it", extra=log_keys(record) | {"error": str(error)})
            return record.ticket
        return message.ticket

    async def _cancel_unless_adopted(self, record: OpenRecord, response_id: str) -> None:
        """Another owner took the run over: if he has not our id, our generation is one too many (he counted it)."""
        theirs = await self.ledger.open_record(record.job_id, record.run)
        if theirs is not None and response_id in theirs.record.response_ids:
            return
        if (await self.ledger.committed(record.place, record.job_id)).knows(response_id):
            return
        logger.warning("generation cancelled: another owner", extra=log_keys(record) | {"response_id": response_id})
        await self.generator.cancel(response_id)

    async def _not_started(self, held: Open, answer: FailedCall, text: str) -> None:
        record, verdict = held.record, judge(answer, Call.CREATE)
        decision = decide(
            verdict,
            answer,
            Call.CREATE,
            attempt=record.attempt,
            most=self.max_attempts,
            is_enlarged=record.enlarged_cap is not None,
        )
        told = {"act": verdict.act, "status": answer.status, "code": loggable(answer.code)}
        logger.warning("create answered with trouble", extra=log_keys(record) | told)
        if decision.stop:
            await self.pause(record, decision, Call.CREATE, answer)
        if decision.is_bad:
            await self.governor.create_failed(decision.brief)
        await self.carry_out(held, decision, text)

    def _request(self, record: OpenRecord, text: str) -> dict[str, Any]:
        recipe = parse(record.recipe_text)
        return request_body(
            self.profile,
            recipe,
            model=record.provider.model,
            job=record.job_id,
            text=text,
            max_output_tokens=record.enlarged_cap or recipe.max_output_tokens,
        )

    async def _text(self, record: OpenRecord, hold: Hold) -> str | None:
        """The document's text; None if it is another document by now."""
        source_key = record.source.key
        self.memory.must_fit(record.source.size)
        try:
            source = await self.bucket.get(source_key, record.source.size)
        except TooLargeError:
            return None
        if source is None:
            raise JobError(Reason.SOURCE_MISSING, "the document was removed before its generation was started")
        if source.etag != record.source.etag:
            return None
        if record.place.is_part:
            return source.body.decode()
        await hold.before_reading(source.body, source_key)
        text = (await self.extractor.extract(source.body, source_key)).text
        await hold.after_reading(len(text))
        return text


def _reservation(record: OpenRecord, cap: int | None) -> Reservation | None:
    """What the next attempt reserves: with a doubled cap half of that more than before."""
    reservation, more = record.reservation, (cap or 0) // 2
    cost = record.price.of(0, more) if record.price else 0.0
    return reservation and replace(reservation, tokens=reservation.tokens + more, cost=reservation.cost + cost)
