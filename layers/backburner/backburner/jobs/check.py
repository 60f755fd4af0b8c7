"""Handles one queue message: DESIGN section 6, "Check".

If a message carries a `look`, its generation is polled without reading the record as long as it runs (ADR 21). In all
other cases the record is read, and it does not matter which queue the message came from: the record says what its run
needs next, and the ticket says whether this message may do it. Order of effects: the record is written, then the
message deleted; after a crash in between the message comes back with a ticket that is no longer the record's, and is
deleted. The provider's copy is deleted last.
"""

import logging
from dataclasses import dataclass, replace

from backburner.batch.segment_runner import SegmentRunner
from backburner.capacity.first_polls import FirstPolls
from backburner.capacity.governor import Governor
from backburner.capacity.timing import TickState, probe_s
from backburner.errors import MessageError
from backburner.jobs.poll import GenerationPoller
from backburner.jobs.start import Starter
from backburner.jobs.submit import Outcome, Submitter
from backburner.ledger.changes import looked
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messages import UNCLAIMED, Look, Message, dead_letter, decode
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
_NOT_OPENED = {Outcome.GONE, Outcome.KNOWN}
DRAWN_LATER_S = 10.0
"""When a message is shown again if this process has no time to draw its pages."""
MAX_RECEIVES = 500
OLDEST_S = 7 * 86_400
"""A message received this often or this old is replaced, long before redrive or retention would remove it."""
READ_EVERY = 10
"""Every tenth look with the same message reads the record, so that no change in it stays unseen for longer."""


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Handles messages: each one is deleted or postponed once its work is done."""

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
    first_polls: FirstPolls
    memory: MemoryBudget
    clock: Clock
    settings: Settings

    async def handle(self, queue: Queue, received: Received, tick: TickState) -> None:
        """Do what a message asks for, then postpone or delete it. If this raises, the queue delivers it again."""
        try:
            message = decode(received.body)
        except MessageError as error:
            logger.error("message not understood", extra={"error": str(error)})  # noqa: TRY400 - its body may hold text
            name = "pending" if queue is self.messenger.pending else "backlog"
            await self.dead.send(dead_letter(str(error), name, received.body, self.clock.now()), 0)
            await queue.delete(received)
            return
        if queue is self.messenger.pending:
            self.first_polls.met(message.name)  # from now on the queue knows when it shows again
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
        """Do what the record asks for; `answer` is what the provider has just said about the message's generation."""
        held = await self._open_record(message)
        if not _draws(message, held):
            return await self._taken(message, held, received, tick, answer)
        async with self.drawing.turn(tick.until) as is_ours:
            if not is_ours:
                return Next(DRAWN_LATER_S, held)
            held = await self._open_record(message)  # it may have changed meanwhile
            return await self._taken(message, held, received, tick, answer)

    async def _open_record(self, message: Message) -> Open | None:
        """The run's open record. The governor keeps what it says, and need not read it again when the run ends."""
        mark = self.governor.mark()
        held = await self.ledger.open_record(message.job, message.run)
        if held is not None:
            self.governor.record_says(held.record.name, held.record.counted, mark)
        return held

    async def _taken(
        self, message: Message, held: Open | None, received: Received, tick: TickState, answer: Answer | None
    ) -> Next:
        if held is None:
            return await self._unrecorded(message, received)
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
        """Handle a message without an open record: its run is over or unclaimed, or its sender died before the claim.

        If it was sent before a claim, that may still come, even if the run is over or this has opened it, and then this
        is its only message. So it is kept until a lease has passed since it was first received. It is also kept if the
        run can neither be opened nor is over: versions before did not say that a message was sent before a claim.
        """
        committed = await self.ledger.committed(output_location(message.key), message.job)
        may_be_claimed = message.follows == UNCLAIMED
        if not committed.is_over(message.run):
            outcome = await self.submitter.submit(message.key, message)
            may_be_claimed = may_be_claimed or (message.response_id is None and outcome in _NOT_OPENED)
        if may_be_claimed and received.receives < _VOID_AT_RECEIVE:
            return self._until_void(received)
        if message.response_id is None:
            return DONE
        if committed.knows(message.response_id):
            return Next(forget=frozenset({message.response_id} if self.settings.profile.deletes else ()))
        await self.generator.cancel(message.response_id)
        return DONE

    async def _stale(self, message: Message, held: Open, received: Received) -> Next:
        """Handle a message whose ticket differs from the record's: it is early, or void.

        It is early if it follows the record's ticket: its sender has not written the record yet, or died before it
        could. Once a lease has passed since it was first received, the sender must be dead and the message is void; the
        message that it follows is still there and drives the run. A message sent before a claim is early, too: its
        sender may claim the run once this record is gone.
        """
        record, brought = held.record, message.response_id
        follows = message.follows in {record.ticket, UNCLAIMED}
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
        """Show a message that may be early again soon, and a second time when its sender must be dead."""
        return Next(EARLY_S if received.receives == 1 else float(self.messenger.lease_s))

    async def _adopt(self, held: Open, message: Message, response_id: str) -> None:
        """Record the id that a message brings: the process that created the generation may have died before it did."""
        generation = Generation(id=response_id, status="queued")
        await self.ledger.rewrite(held.as_running(generation, message.ticket, self.clock.now()))

    async def _renewed(self, step: Next, message: Message, received: Received) -> Next:
        """Replace a worn message that must show again, before redrive or retention removes it."""
        if step.after_s is None or step.held is None or not _is_worn(received):
            return step
        held, record = step.held, step.held.record
        ticket = await self.messenger.renew(record, step.after_s)
        is_running = record.state is State.RUNNING
        if record.response_id:
            receives = message.receives_before + received.receives
            first_s = message.look.first_s if message.look else None
            held = replace(held, record=looked(record, receives, first_s, held.generation_age_s))
        renewed = held.with_changes(ticket=ticket, elapsed_before_write_s=held.generation_age_s if is_running else 0.0)
        return DONE if await self.ledger.rewrite(renewed) else NOT_OURS


def _must_read(look: Look, received: Received) -> bool:
    """Whether the record must be read although the message carries a `look`.

    The message's age only decides when the deadline is checked; whether it has passed is decided by the record.
    """
    is_late = look.elapsed_before_send_s + received.age_s >= look.deadline_s
    return is_late or received.receives % READ_EVERY == 0 or _is_worn(received)


def _is_worn(received: Received) -> bool:
    return received.receives >= MAX_RECEIVES or received.age_s >= OLDEST_S


def _draws(message: Message, held: Open | None) -> bool:
    """Whether the next step may create a generation that is sent pictures of pages."""
    if held is None:
        return output_location(message.key).is_pages and message.response_id is None
    shown = held.record.source.pages
    has_parts = held.record.division is not None or held.record.segment is not None
    return bool(shown and shown.images) and held.record.state is not State.RUNNING and not has_parts
