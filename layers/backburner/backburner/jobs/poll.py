"""Polls the generation of a document and acts on the provider's answer.

Order of effects: the record is written, then [the caller] the message deleted; after a crash in between the message
comes back with a ticket that is no longer the record's, and is deleted. The provider's copy is deleted last.

When a first poll finds the generation running, it sends a message with the same ticket and a `look`, and the message in
hand is deleted; a crash in between leaves two messages that poll. With a `look`, `glance` needs no record (ADR 21) and
only ever postpones. Whatever is noted in the record after that changes the ticket; otherwise `glance` would miss it.
"""

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import Any

from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.learnt import InputCount
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.capacity.timing import Pace, TickState, next_poll_s, probe_s
from backburner.documents.answer_schema import schema_problem
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import CHARS_PER_TOKEN
from backburner.errors import JobError, Reason
from backburner.jobs.carry_out import Retrier
from backburner.jobs.quotes import QuoteChecker
from backburner.ledger.changes import ended_unseen, looked, seen
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messages import Look, Message
from backburner.ledger.messenger import DONE, NOT_OURS, SOON_S, Messenger, Next
from backburner.ledger.records import LOST, UNKNOWN, OpenRecord
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import ABSENT_LOOK_S, Attempt, Decision, Do, Stop, absent_since, decided
from backburner.outcome.finish import Finisher
from backburner.outcome.governing import note_decision
from backburner.ports import Generator, Received
from backburner.provider.answers import Answer, Generation, absent
from backburner.provider.verdicts import ABSENT, Act, Call
from backburner.settings import Settings

_TELLING_CHARS = 1000
"""Inputs shorter than this say too little about characters per token."""


@dataclass(frozen=True)
class _Polled:
    """A run whose message is being handled; `receives` counts the polls that its record does not count yet."""

    held: Open
    receives: int
    look: Look | None
    """What its message says about the generation."""

    @property
    def first_s(self) -> float:
        """The generation's age at its first poll: this one, unless an earlier one was noted."""
        record = self.held.record
        noted = record.responses[-1].looks if record.responses else None
        told = noted.first_s if noted else self.look.first_s if self.look else None
        return self.held.generation_age_s if told is None else told


@dataclass(frozen=True, kw_only=True)
class GenerationPoller:
    """Polls generations and acts on their answers."""

    ledger: Ledger
    finisher: Finisher
    retrier: Retrier
    governor: Governor
    durations: Durations
    pauses: ProviderPauses
    generator: Generator
    messenger: Messenger
    pace: Pace
    quote_checker: QuoteChecker
    memory: MemoryBudget
    settings: Settings

    async def turn(self, tick: TickState) -> bool:
        """Wait until the provider may be called; False, at once, if it refuses all calls."""
        if tick.is_refused:
            return False
        await self.pace.turn()
        return True

    async def glance(self, response_id: str, job: str, look: Look, message_age_s: float) -> Next | Answer:
        """Poll a generation without its record: when to poll again if it runs, otherwise the answer to act on.

        The caller has had its `turn`, and holds memory for the answer.
        """
        answer = await self._retrieved(response_id, job, look.model)
        if not isinstance(answer, Generation) or answer.is_over:
            return answer
        age_s = look.elapsed_before_send_s + message_age_s
        self.durations.still_runs(look.model, age_s)
        left_s = look.deadline_s - age_s
        return Next(self._next_look_s(look.model, age_s, answer.poll_after_s, left_s=left_s))

    async def advance(
        self, held: Open, message: Message, received: Received, tick: TickState, answer: Answer | None = None
    ) -> Next:
        """Act on the provider's answer about a running generation; it is polled unless `glance` has just done so."""
        record = held.record
        receives = message.receives_before + received.receives
        polled = _Polled(held, receives, message.look)
        if answer is not None and record.cancelled_for is None:
            return await self._decide(polled, answer, tick)
        if record.answer is None and not await self.turn(tick):
            return Next(probe_s(), held)
        async with self.memory.for_answer():
            return await self._decide(polled, await self._asked(record), tick)

    async def _asked(self, record: OpenRecord) -> Answer:
        """The provider's answer about a generation: that to its create if it ended there, otherwise the current one."""
        if record.answer is not None:
            return record.answer
        response_id = record.responses[-1].id
        if record.cancelled_for is not None:
            await self.generator.cancel(response_id)
        return await self._retrieved(response_id, record.job_id, record.provider.model)

    async def _retrieved(self, response_id: str, job: str, model: str) -> Answer:
        """The provider's answer about a generation; an answer about another job counts as absent."""
        answer = await self.generator.retrieve(response_id)
        if not isinstance(answer, Generation):
            return answer
        await self.pauses.call_accepted(model, is_create=False)
        is_ours = not (answer.job and self.settings.profile.metadata) or answer.job == job
        return answer if is_ours else absent("the answer is about another job")

    async def _decide(self, polled: "_Polled", answer: Answer, tick: TickState) -> Next:
        held, record, recipe = polled.held, polled.held.record, parse(polled.held.record.recipe_text)
        attempt = Attempt(
            number=record.attempt,
            most=self.settings.max_attempts,
            cap=record.enlarged_cap or recipe.max_output_tokens,
            is_enlarged=record.enlarged_cap is not None,
            age_s=held.generation_age_s,
            deadline_s=recipe.deadline_s or self.settings.deadline_s,
            absent_s=record.absent_s,
            cancelled_for=record.cancelled_for,
        )
        held, decision = await self._decided(held, answer, attempt, recipe)
        await note_decision(self.pauses, decision, record.provider.model)
        if decision.do is not Do.LOOK:
            return await self._ended(_updated(replace(polled, held=held), answer), answer, decision)
        if decision.stop:
            tick.is_refused = tick.is_refused or decision.stop is Stop.ALL_MODELS
            return Next(probe_s(decision.after_s), held)
        if attempt.is_late and isinstance(answer, Generation) and record.cancelled_for is None:
            return await self._noted(polled, SOON_S, cancelled_for=Reason.DEADLINE_EXCEEDED)
        return await self._not_yet(polled, answer, decision, attempt)

    async def _decided(self, held: Open, answer: Answer, attempt: Attempt, recipe: Recipe) -> tuple[Open, Decision]:
        """What to do, and the record with the outcome of the quote check, if the answer would otherwise count."""
        decision = decided(answer, Call.RETRIEVE, attempt, _schema_problem(recipe, answer))
        if decision.do is not Do.FINISH or not recipe.has_quotes or not isinstance(answer, Generation):
            return held, decision
        try:
            checked = await self.quote_checker.check(held.record, recipe, answer.text)
        except JobError as error:
            return held, replace(decision, do=Do.FAIL, act=Act.FAIL, reason=error.reason, message=str(error))
        if checked.problem:
            decision = decided(answer, Call.RETRIEVE, attempt, quote_problem=checked.problem)
        return held.with_changes(quotes=checked.quotes, correction=checked.correction or None), decision

    async def _ended(self, held: Open, answer: Answer, decision: Decision) -> Next:
        """Carry out a decision that ends this generation."""
        record, is_ours = held.record, True
        if decision.do is Do.FINISH and isinstance(answer, Generation):
            self._learn(answer, held)
            self.memory.met_answer(len(answer.text))
            await self.finisher.done(record, answer.text)
        elif not decision.orphans or await self.finisher.settled(record) is None:
            is_ours = await self.retrier.carry_out(held, decision)
        if not is_ours:
            return NOT_OURS
        return Next(forget=frozenset(record.response_ids) if self.settings.profile.deletes else frozenset())

    async def _not_yet(self, polled: "_Polled", answer: Answer, decision: Decision, attempt: Attempt) -> Next:
        """Poll again later: without the record, if there is nothing to note in it."""
        held, record, age_s = polled.held, polled.held.record, attempt.age_s
        absent_s = absent_since(answer, age_s, record.absent_s)
        is_plain = record.cancelled_for is None and not attempt.is_late
        left_s = attempt.deadline_s - age_s if is_plain else math.inf
        model, is_absent = record.provider.model, absent_s is not None
        if isinstance(answer, Generation):
            self.durations.still_runs(model, age_s)
        next_s = self._next_look_s(model, age_s, decision.after_s, left_s=left_s, is_absent=is_absent)
        if absent_s is not None and record.absent_s is None:
            return await self._noted(polled, next_s, absent_s=absent_s)
        if absent_s != record.absent_s:
            mine = await self.ledger.rewrite(held.with_changes(absent_s=absent_s, elapsed_before_write_s=age_s))
            if mine is None:
                return NOT_OURS
            held = mine
        if polled.look or not is_plain or not isinstance(answer, Generation):
            return Next(next_s, held)
        look = Look(
            model=model,
            deadline_s=attempt.deadline_s,
            elapsed_before_send_s=round(age_s, 1),
            receives=polled.receives,
            first_s=round(polled.first_s, 1),
        )
        await self.messenger.to_look(record, next_s, look)
        return DONE

    async def _noted(self, polled: "_Polled", after_s: float, **noted: Any) -> Next:
        """Note in the record what every later poll must know, under a new ticket, so that each one reads the record."""
        held, record, age_s = polled.held, polled.held.record, polled.held.generation_age_s
        ticket = await self.messenger.to_check(record, after_s, record.response_id)
        asked = dataclasses.replace(held, record=looked(record, polled.receives, polled.first_s, age_s))
        changed = asked.with_changes(ticket=ticket, elapsed_before_write_s=age_s, **noted)
        return DONE if await self.ledger.rewrite(changed) else NOT_OURS

    def _next_look_s(
        self, model: str, age_s: float, hint_s: float | None, *, left_s: float, is_absent: bool = False
    ) -> float:
        """When to poll a generation again that still runs or is said to be absent."""
        return next_poll_s(
            age_s,
            hint_s,
            usual_s=self.durations.usual_s(model),
            running_s=self.durations.longest_running_s(model),
            round_s=self.governor.in_flight / self.pace.per_second,
            max_s=ABSENT_LOOK_S if is_absent else self.settings.profile.max_gap_s,
            left_s=left_s,
        )

    def _learn(self, answer: Generation, held: Open) -> None:
        """Learn how long the generation took, and how its input was counted."""
        record = held.record
        known = self.governor.last_read.chars_per_token.get(record.provider.model, CHARS_PER_TOKEN)
        took_s = answer.took_s(held.generation_age_s)
        self.durations.learn(record.provider.model, took_s, _counted(record, answer, known))


def _counted(record: OpenRecord, answer: Generation, chars_per_token: float) -> InputCount:
    """What an answer's usage says about how the provider counts input tokens.

    If pages were shown, the text is counted as usual and the rest is attributed to the pictures, if that is the larger
    share.
    """
    inputs, shown = answer.usage.input_tokens if answer.usage else 0, record.sent_picture_tokens
    if shown:
        of_text = record.sent_chars / chars_per_token
        return InputCount(picture_scale=(inputs - of_text) / shown) if inputs > 2 * of_text else InputCount()
    is_telling = inputs > 0 and record.sent_chars >= _TELLING_CHARS
    return InputCount(chars_per_token=record.sent_chars / inputs if is_telling else None)


def _schema_problem(recipe: Recipe, answer: Answer) -> str:
    return schema_problem(recipe, answer.text) if isinstance(answer, Generation) and answer.is_completed else ""


def _updated(polled: _Polled, answer: Answer) -> Open:
    """The record with the provider's latest answer and the number of polls."""
    held, record = polled.held, polled.held.record
    if record.answer is None:
        asked = dataclasses.replace(held, record=looked(record, polled.receives, polled.first_s, held.generation_age_s))
    else:
        asked = held.with_changes(
            polls=record.polls + polled.receives
        )  # the answer to the create already said how it ended
    if not isinstance(answer, Generation):
        status = LOST if answer.status in ABSENT else UNKNOWN
        return dataclasses.replace(asked, record=ended_unseen(asked.record, status))
    updated = dataclasses.replace(asked, record=seen(asked.record, answer))
    return updated.with_changes(partial_text=answer.text or answer.refusal or held.record.partial_text)
