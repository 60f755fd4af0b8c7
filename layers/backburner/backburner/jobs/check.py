"""One queue message, handled: DESIGN section 6, "Check".

Which queue a message came from does not matter: the record says what its run needs next, the ticket whether this
message is the one to do it. Order of effects: the record first, then the message away; a crash in between brings a
message whose ticket is not the record's any more, and that one is deleted. The provider's copy goes last.
"""

import dataclasses
import logging
import math
from dataclasses import dataclass

from backburner.batch.runner import SegmentRunner
from backburner.capacity.governor import Governor
from backburner.capacity.timing import MAX_DELAY_S, Pace, hidden_s, next_poll_s, probe_s
from backburner.documents.recipes import Recipe, parse, schema_problem
from backburner.errors import MessageError, Reason
from backburner.jobs.start import Starter
from backburner.jobs.submit import Submitter
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messages import Message, dead_letter, decode
from backburner.ledger.records import LOST, UNKNOWN, OpenRecord, State, ended_unseen, log_keys, seen
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import (
    ABSENT_LOOK_S,
    OVERDUE_S,
    Decision,
    Do,
    Stop,
    absent_since,
    decide,
    is_believed,
)
from backburner.outcome.finish import Finisher
from backburner.ports import Clock, Generator, Queue, Received
from backburner.provider.answers import Answer, Generation, absent
from backburner.provider.profiles import Profile
from backburner.provider.verdicts import ABSENT, Act, Call, Verdict, judge
from backburner.split.parent import ParentRuns

logger = logging.getLogger(__name__)

EARLY_S = 2.0
"""A message that came before the record that names it shows again after this."""
_VOID_AT_RECEIVE = 3
_TELLING_CHARS = 1000
"""An input shorter than this says little about how many characters make a token."""
MAX_RECEIVES = 500
OLDEST_S = 7 * 86_400
"""A message that was received that often or is that old is replaced, long before redrive or retention would take it."""


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Handles messages, each to the point where it may be deleted or is postponed."""

    ledger: Ledger
    submitter: Submitter
    starter: Starter
    finisher: Finisher
    generator: Generator
    pending: Queue
    dead: Queue
    clock: Clock
    profile: Profile
    pace: Pace
    governor: Governor
    parent_runs: ParentRuns
    segments: SegmentRunner
    memory: MemoryBudget
    deadline_s: int

    async def handle(self, queue: Queue, received: Received) -> None:
        """Do what a message asks for, then postpone or delete it. Where this raises, it comes back by itself."""
        try:
            message = decode(received.body)
        except MessageError as error:
            logger.error("message not understood", extra={"error": str(error)})  # noqa: TRY400 - its body may hold text
            name = "pending" if queue is self.pending else "backlog"
            await self.dead.send(dead_letter(str(error), name, received.body, self.clock.now()), 0)
            await queue.delete(received)
            return
        delay_s, forget = await self._step(message, received)
        if delay_s is not None:
            await queue.postpone(received, round(delay_s))
            return
        await queue.delete(received)
        for response_id in forget:
            await self.generator.delete(response_id)

    async def _step(self, message: Message, received: Received) -> "_Next":
        held = await self.ledger.open_record(message.job, message.run)
        if held is None:
            return await self._unrecorded(message, received)
        self.governor.told(held.record.name, held.record.counted)
        if held.record.ticket != message.ticket:
            return await self._stale(message, held, received)
        return await self._drive(held, received)

    async def _drive(self, held: Open, received: Received) -> "_Next":
        """Do what a run needs next, with its message in hand."""
        if held.record.segment is not None:
            return await self._after(await self.segments.look(held), held, received)
        match held.record.state:
            case State.SUBMITTING | State.WAITING if held.record.cancelled_for is not None:
                perhaps = held.record.suspected_orphans + (held.record.state is State.SUBMITTING)
                ended = held.with_changes(suspected_orphans=perhaps)
                why = "cancelled before it was known to be started"
                ours = await self.starter.end(ended, held.record.cancelled_for, why)
            case State.SUBMITTING:
                ours = await self.starter.start_again(held, orphans=1)
            case State.WAITING:
                denial = await self.starter.start_waiting(held)
                return _DELETE if denial is None else await self._later(held, received, hidden_s(denial.seconds))
            case _ if held.record.division is None:
                return await self._look(held, received)
            case _:
                return await self._after(await self.parent_runs.look(held), held, received)
        return _DELETE if ours else _TAKEN

    async def _unrecorded(self, message: Message, received: Received) -> "_Next":
        """No open record: an upload that crashed before its claim, a run that is over, or a claim that is to come.

        Whoever sent the message may be about to claim, and then it is his record's one message: it is kept until a
        lease has passed since it was first seen, unless the run is open under another ticket, or over.
        """
        committed = await self.ledger.committed(output_location(message.key), message.job)
        if not committed.is_over(message.run):
            await self.submitter.submit(message.key, message)
            opened = await self.ledger.open_record(message.job, message.run)
            is_its = opened is None or opened.record.ticket == message.ticket
            if message.response_id is None and is_its and received.receives < _VOID_AT_RECEIVE:
                return self._until_void(received), frozenset()
        if message.response_id is None:
            return _DELETE
        if committed.knows(message.response_id):
            return None, self._forgettable({message.response_id})
        await self.generator.cancel(message.response_id)
        return _DELETE

    async def _stale(self, message: Message, held: Open, received: Received) -> "_Next":
        """The ticket is not the record's: not yet, or not any more.

        Not yet, if it follows the record's own: whoever sent it is about to write the record, or died before. Once a
        lease has passed since it was first seen he is dead, and the message void; the one it follows still lives.
        """
        record, brought = held.record, message.response_id
        follows = message.follows == record.ticket
        if follows and brought is not None and record.state is State.SUBMITTING:
            await self._adopt(held, message, brought)
            return EARLY_S, frozenset()
        if follows and received.receives < _VOID_AT_RECEIVE:
            return self._until_void(received), frozenset()
        if brought is not None and brought not in record.response_ids:
            logger.warning("generation cancelled: not the record's", extra=log_keys(record) | {"response_id": brought})
            await self.generator.cancel(brought)
        return _DELETE

    def _until_void(self, received: Received) -> float:
        """A message that may be early shows again soon, and then once more when its sender must be dead."""
        return EARLY_S if received.receives == 1 else float(self.starter.lease_s)

    async def _adopt(self, held: Open, message: Message, response_id: str) -> None:
        """Take over the id of the attempt under way: whoever started it has not yet recorded it, and may never."""
        generation = Generation(id=response_id, status="queued")
        await self.ledger.rewrite(held.as_running(generation, message.ticket, self.clock.now()))

    async def _look(self, held: Open, received: Received) -> "_Next":
        """Ask the provider about a running generation and act on the verdict."""
        record = held.record
        if record.answer is None and self.pace.is_held:
            return await self._later(held, received, probe_s())
        if record.answer is None:
            await self.pace.turn()
        async with self.memory.for_answer():
            return await self._judge(held, await self._asked(record), received)

    async def _judge(self, held: Open, answer: Answer, received: Received) -> "_Next":
        """Act on what the provider says of a generation."""
        record, recipe = held.record, parse(held.record.recipe_text)
        cap, age_s = record.enlarged_cap or recipe.max_output_tokens, held.generation_age_s
        verdict = judge(
            answer,
            Call.RETRIEVE,
            schema_problem=_schema_problem(recipe, answer),
            young=not is_believed(age_s, record.absent_s),
            cancelled_for=record.cancelled_for,
            cap=cap,
            overdue=age_s > self._deadline_s(recipe) + OVERDUE_S,
        )
        decision = decide(
            verdict,
            answer,
            Call.RETRIEVE,
            attempt=record.attempt,
            most=self.starter.max_attempts,
            cap=cap,
            is_enlarged=record.enlarged_cap is not None,
        )
        if decision.stop:
            await self.starter.pause(record, decision, Call.RETRIEVE, answer)
        if decision.do is not Do.LOOK:
            return await self._act(_updated(held, answer, verdict, received), answer, decision)
        if decision.stop:
            self.pace.is_held = self.pace.is_held or decision.stop is Stop.EVERYBODY
            return await self._later(held, received, probe_s(decision.after_s))
        return await self._not_yet(held, answer, decision, recipe, received)

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
        is_ours = not (answer.job and self.profile.metadata) or answer.job == record.job_id
        return answer if is_ours else absent("the answer is about another job")

    def _deadline_s(self, recipe: Recipe) -> float:
        return recipe.deadline_s or self.deadline_s

    async def _act(self, held: Open, answer: Answer, decision: Decision) -> "_Next":
        """Carry out a decision that ends this generation."""
        record, ours = held.record, True
        if decision.do is Do.FINISH and isinstance(answer, Generation):
            self._learn(answer, held)
            self.memory.met_answer(len(answer.text))
            await self.finisher.done(record, answer.text)
        elif not decision.orphans or await self.finisher.settled(record) is None:
            ours = await self.starter.carry_out(held, decision)
        return (None, self._forgettable(record.response_ids)) if ours else _TAKEN

    async def _not_yet(
        self, held: Open, answer: Answer, decision: Decision, recipe: Recipe, received: Received
    ) -> "_Next":
        """Postpone; past the deadline, and only on the provider's own word, cancel and look once more."""
        record, age_s = held.record, held.generation_age_s
        late = held.generation_age_s > self._deadline_s(recipe)
        if late and isinstance(answer, Generation) and record.cancelled_for is None:
            cancelling = held.with_changes(cancelled_for=Reason.DEADLINE_EXCEEDED, elapsed_before_write_s=age_s)
            await self.ledger.rewrite(cancelling)
            return 0.0, frozenset()
        absent_s = absent_since(answer, age_s, record.absent_s)
        if absent_s != record.absent_s:
            mine = await self.ledger.rewrite(held.with_changes(absent_s=absent_s, elapsed_before_write_s=age_s))
            if mine is None:
                return _TAKEN
            held = mine
        next_s = next_poll_s(
            age_s,
            decision.after_s,
            round_s=self.governor.seen.in_flight / self.pace.per_second,
            most_s=self.profile.longest_gap_s if absent_s is None else ABSENT_LOOK_S,
            left_s=self._deadline_s(recipe) - age_s if record.cancelled_for is None and not late else math.inf,
        )
        return await self._later(held, received, next_s)

    async def _after(self, delay_s: float | None, held: Open, received: Received) -> "_Next":
        return _DELETE if delay_s is None else await self._later(held, received, delay_s)

    async def _later(self, held: Open, received: Received, delay_s: float) -> "_Next":
        """Look again after a while; with a fresh message before redrive or retention takes the old one."""
        if received.receives < MAX_RECEIVES and received.age_s < OLDEST_S:
            return delay_s, frozenset()
        record, is_running = held.record, held.record.state is State.RUNNING
        fresh = record.message(record.response_id)
        queue = self.pending if is_running else self.starter.backlog
        await queue.send(fresh.encode(), round(min(delay_s, MAX_DELAY_S)))
        elapsed_before_write_s = held.generation_age_s if is_running else 0.0
        polls = record.polls + (received.receives if record.response_id else 0)
        renewed = await self.ledger.rewrite(
            held.with_changes(ticket=fresh.ticket, elapsed_before_write_s=elapsed_before_write_s, polls=polls)
        )
        return _DELETE if renewed else _TAKEN

    def _learn(self, answer: Generation, held: Open) -> None:
        """How long it took, by the provider's times where they can be true: never longer than we have waited."""
        took_s = held.generation_age_s
        if answer.created_at is not None and answer.completed_at is not None:
            told_s = float(answer.completed_at - answer.created_at)
            took_s = told_s if 0 <= told_s <= took_s else took_s
        inputs = answer.usage.input_tokens if answer.usage else 0
        long_enough = inputs > 0 and held.record.sent_chars >= _TELLING_CHARS
        ratio = held.record.sent_chars / inputs if long_enough else None
        self.governor.learn(held.record.provider.model, max(0.0, took_s), ratio)

    def _forgettable(self, response_ids: set[str]) -> frozenset[str]:
        return frozenset(response_ids) if self.profile.deletes else frozenset()


_Next = tuple[float | None, frozenset[str]]
"""In how many seconds the message shows again (None: delete it), and which responses the provider may forget then."""
_DELETE: _Next = (None, frozenset())
_TAKEN: _Next = (EARLY_S, frozenset())
"""The record was another owner's. Its ticket may still be this message's, so the message is not deleted unread."""


def _schema_problem(recipe: Recipe, answer: Answer) -> str:
    return schema_problem(recipe, answer.text) if isinstance(answer, Generation) and answer.is_completed else ""


def _updated(held: Open, answer: Answer, verdict: Verdict, received: Received) -> Open:
    """The record with what the provider now says, and how often it was asked."""
    asked = held.with_changes(polls=held.record.polls + received.receives)
    if not isinstance(answer, Generation):
        status = LOST if verdict.act is Act.LOST or answer.status in ABSENT else UNKNOWN
        return dataclasses.replace(asked, record=ended_unseen(asked.record, status))
    updated = dataclasses.replace(asked, record=seen(asked.record, answer))
    return updated.with_changes(partial_text=answer.text or answer.refusal or held.record.partial_text)
