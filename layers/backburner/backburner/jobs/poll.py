"""Looking at the one generation of a document: the provider is asked, and what follows from its answer is done.

Order of effects: the record first, then [the caller] the message away; a crash in between brings a message whose
ticket is not the record's any more, and that one is deleted. The provider's copy goes last.
"""

import dataclasses
import math
from dataclasses import dataclass

from backburner.capacity.governor import Governor
from backburner.capacity.timing import Pace, TickState, next_poll_s, probe_s
from backburner.documents.recipes import Recipe, parse, schema_problem
from backburner.errors import Reason
from backburner.jobs.carry_out import Retrier
from backburner.ledger.changes import ended_unseen, seen
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messenger import NOT_OURS, Next
from backburner.ledger.records import LOST, UNKNOWN, OpenRecord
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import ABSENT_LOOK_S, Attempt, Decision, Do, Stop, absent_since, decided
from backburner.outcome.finish import Finisher
from backburner.outcome.governing import tell_decision
from backburner.ports import Generator
from backburner.provider.answers import Answer, Generation, absent
from backburner.provider.verdicts import ABSENT, Call
from backburner.settings import Settings

_TELLING_CHARS = 1000
"""An input shorter than this says little about how many characters make a token."""


@dataclass(frozen=True, kw_only=True)
class GenerationPoller:
    """Looks at generations."""

    ledger: Ledger
    finisher: Finisher
    retrier: Retrier
    governor: Governor
    generator: Generator
    pace: Pace
    memory: MemoryBudget
    settings: Settings

    async def advance(self, held: Open, receives: int, tick: TickState) -> Next:
        """Ask the provider about a running generation, and act on the decision; `receives` counts the polls so far."""
        record = held.record
        if record.answer is None and tick.is_refused:
            return Next(probe_s(), held)
        if record.answer is None:
            await self.pace.turn()
        async with self.memory.for_answer():
            return await self._decide(held, await self._asked(record), receives, tick)

    async def _asked(self, record: OpenRecord) -> Answer:
        """What the provider says of a generation: now, or at its create, if that was the end of it."""
        if record.answer is not None:
            return record.answer
        response_id = record.responses[-1].id
        if record.cancelled_for is not None:
            await self.generator.cancel(response_id)
        answer = await self.generator.retrieve(response_id)
        if not isinstance(answer, Generation):
            return answer
        await self.governor.call_accepted(record.provider.model, is_create=False)
        is_ours = not (answer.job and self.settings.profile.metadata) or answer.job == record.job_id
        return answer if is_ours else absent("the answer is about another job")

    async def _decide(self, held: Open, answer: Answer, receives: int, tick: TickState) -> Next:
        record, recipe = held.record, parse(held.record.recipe_text)
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
        decision = decided(answer, Call.RETRIEVE, attempt, _schema_problem(recipe, answer))
        await tell_decision(self.governor, decision, record.provider.model)
        if decision.do is not Do.LOOK:
            return await self._ended(_updated(held, answer, receives), answer, decision)
        if decision.stop:
            tick.is_refused = tick.is_refused or decision.stop is Stop.EVERYBODY
            return Next(probe_s(decision.after_s), held)
        return await self._not_yet(held, answer, decision, attempt)

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

    async def _not_yet(self, held: Open, answer: Answer, decision: Decision, attempt: Attempt) -> Next:
        """Look again later; past the deadline, and only on the provider's own word, cancel and look once more."""
        record, age_s = held.record, attempt.age_s
        if attempt.is_late and isinstance(answer, Generation) and record.cancelled_for is None:
            cancelling = held.with_changes(cancelled_for=Reason.DEADLINE_EXCEEDED, elapsed_before_write_s=age_s)
            await self.ledger.rewrite(cancelling)
            return Next(0.0)
        absent_s = absent_since(answer, age_s, record.absent_s)
        if absent_s != record.absent_s:
            mine = await self.ledger.rewrite(held.with_changes(absent_s=absent_s, elapsed_before_write_s=age_s))
            if mine is None:
                return NOT_OURS
            held = mine
        has_deadline = record.cancelled_for is None and not attempt.is_late
        next_s = next_poll_s(
            age_s,
            decision.after_s,
            round_s=self.governor.seen.in_flight / self.pace.per_second,
            most_s=self.settings.profile.longest_gap_s if absent_s is None else ABSENT_LOOK_S,
            left_s=attempt.deadline_s - age_s if has_deadline else math.inf,
        )
        return Next(next_s, held)

    def _learn(self, answer: Generation, held: Open) -> None:
        """How long it took, and how its input was counted."""
        inputs = answer.usage.input_tokens if answer.usage else 0
        long_enough = inputs > 0 and held.record.sent_chars >= _TELLING_CHARS
        ratio = held.record.sent_chars / inputs if long_enough else None
        self.governor.learn(held.record.provider.model, answer.took_s(held.generation_age_s), ratio)


def _schema_problem(recipe: Recipe, answer: Answer) -> str:
    return schema_problem(recipe, answer.text) if isinstance(answer, Generation) and answer.is_completed else ""


def _updated(held: Open, answer: Answer, receives: int) -> Open:
    """The record with what the provider now says, and how often it was asked."""
    asked = held.with_changes(polls=held.record.polls + receives)
    if not isinstance(answer, Generation):
        status = LOST if answer.status in ABSENT else UNKNOWN
        return dataclasses.replace(asked, record=ended_unseen(asked.record, status))
    updated = dataclasses.replace(asked, record=seen(asked.record, answer))
    return updated.with_changes(partial_text=answer.text or answer.refusal or held.record.partial_text)
