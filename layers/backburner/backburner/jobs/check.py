"""One queue message, handled: DESIGN section 6, "Check".

A message that tells what a look needs is looked at without its record as long as its generation runs (ADR 21). For all
else the record is read, and which queue the message came from does not matter: the record says what its run needs
next, the ticket whether this message is the one to do it. Order of effects: the record first, then the message away; a
crash in between brings a message whose ticket is not the record's any more, and that one is deleted. The provider's
copy goes last.
"""

import logging
from dataclasses import dataclass

from backburner.batch.segment_runner import SegmentRunner
from backburner.capacity.governor import Governor
from backburner.capacity.timing import TickState, probe_s
from backburner.errors import MessageError
from backburner.jobs.poll import GenerationPoller
from backburner.jobs.start import Starter
from backburner.jobs.submit import Submitter
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messages import Look, Message, dead_letter, decode
from backburner.ledger.messenger import DONE, EARLY_S, NOT_OURS, Messenger, Next
from backburner.ledger.records import State, log_keys
from backburner.memory.budget import MemoryBudget
from backburner.memory.drawing import DrawingTurns
from backburner.ports import Clock, Generator, Queue, Received
from backburner.provider.answers import Answer, Generation
from backburner.settings import Settings
from backburner.split.parent import ParentRunner

logger = logging.getLogger(__name__)

_VOID_AT_RECEIVE = 3
DRAWN_LATER_S = 10.0
"""A message whose pages nobody here has time to draw shows again after so long."""
MAX_RECEIVES = 500
OLDEST_S = 7 * 86_400
"""A message that was received that often or is that old is replaced, long before redrive or retention would take it."""
READ_EVERY = 10
"""Of so many looks by one message one reads the record, so that nothing in it goes unseen for longer."""


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Handles messages, each to the point where it may be deleted or is postponed."""

    ledger: Ledger
    governor: Governor
    messenger: Messenger
    submitter: Submitter
    starter: Starter
    poller: GenerationPoller
    segment_runner: SegmentRunner
    parent_runner: ParentRunner
    generator: Generator
    drawing: DrawingTurns
    dead: Queue
    memory: MemoryBudget
    clock: Clock
    settings: Settings

    async def handle(self, queue: Queue, received: Received, tick: TickState) -> None:
        """Do what a message asks for, then postpone or delete it. Where this raises, it comes back by itself."""
        try:
            message = decode(received.body)
        except MessageError as error:
            logger.error("message not understood", extra={"error": str(error)})  # noqa: TRY400 - its body may hold text
            name = "pending" if queue is self.messenger.pending else "backlog"
            await self.dead.send(dead_letter(str(error), name, received.body, self.clock.now()), 0)
            await queue.delete(received)
            return
        step = await self._renewed(await self._step(message, received, tick), message, received)
        if step.after_s is not None:
            await queue.postpone(received, round(step.after_s))
            return
        await queue.delete(received)
        for response_id in step.forget:
            await self.generator.delete(response_id)

    async def _step(self, message: Message, received: Received, tick: TickState) -> Next:
        look, response_id = message.look, message.response_id
        if look is None or response_id is None or _must_read(look, received):
            return await self._by_record(message, received, tick)
        if not await self.poller.turn(tick):
            return Next(probe_s())
        async with self.memory.for_answer():
            found = await self.poller.glance(response_id, message.job, look, received.age_s)
            return found if isinstance(found, Next) else await self._by_record(message, received, tick, found)

    async def _by_record(
        self, message: Message, received: Received, tick: TickState, answer: Answer | None = None
    ) -> Next:
        """Do what the record asks for; `answer` is what the provider has just said of the message's generation."""
        held = await self.ledger.open_record(message.job, message.run)
        if not _draws(message, held):
            return await self._taken(message, held, received, tick, answer)
        async with self.drawing.turn(tick.until) as is_ours:
            if not is_ours:
                return Next(DRAWN_LATER_S, held)
            held = await self.ledger.open_record(message.job, message.run)  # it may have waited for its turn
            return await self._taken(message, held, received, tick, answer)

    async def _taken(
        self, message: Message, held: Open | None, received: Received, tick: TickState, answer: Answer | None
    ) -> Next:
        if held is None:
            return await self._unrecorded(message, received)
        self.governor.record_says(held.record.name, held.record.counted)
        if held.record.ticket != message.ticket:
            return await self._stale(message, held, received)
        if held.record.segment is not None:
            return await self.segment_runner.advance(held, tick)
        if held.record.state is not State.RUNNING:
            return await self.starter.advance(held)
        if held.record.division is not None:
            return await self.parent_runner.advance(held)
        return await self.poller.advance(held, message, received, tick, answer)

    async def _unrecorded(self, message: Message, received: Received) -> Next:
        """No open record: an upload that crashed before its claim, a run that is over, or a claim that is to come.

        The sender may be about to claim, and then this is the one message of its record: it is kept until a lease has
        passed since it was first seen, unless the run is open under another ticket, or over.
        """
        committed = await self.ledger.committed(output_location(message.key), message.job)
        if not committed.is_over(message.run):
            await self.submitter.submit(message.key, message)
            opened = await self.ledger.open_record(message.job, message.run)
            is_its = opened is None or opened.record.ticket == message.ticket
            if message.response_id is None and is_its and received.receives < _VOID_AT_RECEIVE:
                return self._until_void(received)
        if message.response_id is None:
            return DONE
        if committed.knows(message.response_id):
            return Next(forget=frozenset({message.response_id} if self.settings.profile.deletes else ()))
        await self.generator.cancel(message.response_id)
        return DONE

    async def _stale(self, message: Message, held: Open, received: Received) -> Next:
        """The ticket is not the record's: not yet, or not any more.

        Not yet, if it follows the record's own: its sender is about to write the record, or died before. Once a lease
        has passed since it was first seen the sender is dead and the message void; the one it follows still lives.
        """
        record, brought = held.record, message.response_id
        follows = message.follows == record.ticket
        if follows and brought is not None and record.state is State.SUBMITTING:
            await self._adopt(held, message, brought)
            return Next(EARLY_S)
        if follows and received.receives < _VOID_AT_RECEIVE:
            return self._until_void(received)
        if brought is not None and brought not in record.response_ids:
            logger.warning("generation cancelled: not the record's", extra=log_keys(record) | {"response_id": brought})
            await self.generator.cancel(brought)
        return DONE

    def _until_void(self, received: Received) -> Next:
        """A message that may be early shows again soon, and then once more when its sender must be dead."""
        return Next(EARLY_S if received.receives == 1 else float(self.messenger.lease_s))

    async def _adopt(self, held: Open, message: Message, response_id: str) -> None:
        """Record the id of the attempt under way: the process that started it has not done so yet, and may be dead."""
        generation = Generation(id=response_id, status="queued")
        await self.ledger.rewrite(held.as_running(generation, message.ticket, self.clock.now()))

    async def _renewed(self, step: Next, message: Message, received: Received) -> Next:
        """Replace a message that is to show again, before redrive or retention takes it."""
        if step.after_s is None or step.held is None or not _is_worn(received):
            return step
        held, record = step.held, step.held.record
        ticket = await self.messenger.renew(record, step.after_s)
        is_running = record.state is State.RUNNING
        renewed = held.with_changes(
            ticket=ticket,
            elapsed_before_write_s=held.generation_age_s if is_running else 0.0,
            polls=record.polls + (message.receives_before + received.receives if record.response_id else 0),
        )
        return DONE if await self.ledger.rewrite(renewed) else NOT_OURS


def _must_read(look: Look, received: Received) -> bool:
    """Whether the record is read although the message tells what a look needs.

    The message's age bears on when the deadline is looked at, not on whether it has passed: the record tells that.
    """
    is_late = look.ran_s + received.age_s >= look.deadline_s
    return is_late or received.receives % READ_EVERY == 0 or _is_worn(received)


def _is_worn(received: Received) -> bool:
    return received.receives >= MAX_RECEIVES or received.age_s >= OLDEST_S


def _draws(message: Message, held: Open | None) -> bool:
    """Whether the next step may create a generation to which pages are shown."""
    if held is None:
        return output_location(message.key).is_pages and message.response_id is None
    shown = held.record.source.pages
    has_parts = held.record.division is not None or held.record.segment is not None
    return bool(shown and shown.images) and held.record.state is not State.RUNNING and not has_parts
