"""Running the lines of one segment of a batch: many generations under one open record (DESIGN section 7).

Order of effects in one look, and what a crash before each costs:
  poll → piece with what ended → [guard → record, `creating` → the creates → record with their ids] again and again →
  a message for the next look → the record with its ticket → the provider's copies of what ended.
Before a piece is named by the record its lines are polled again. Between creates and record the ids are lost: at most
as many as one block has; the guard surfaces after the lease, and each is counted as a suspected orphan. The record is
rewritten only by who holds it; who loses it cancels what it has just started.
"""

import asyncio
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from backburner.batch.checkpoint import Checkpointer, SegmentVisit, TakenError
from backburner.batch.create_lines import LineCreator
from backburner.batch.poll_lines import LinePoller
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import MAX_DELAY_S, Pace, ask_again_s, next_poll_s
from backburner.documents.recipes import parse
from backburner.documents.tokens import line_tokens
from backburner.errors import JobError, Reason
from backburner.ledger.ledger import Committed, Ledger, Open
from backburner.ledger.records import LineCounts, OpenRecord, State
from backburner.ledger.segment_state import Segment
from backburner.memory.budget import MemoryBudget
from backburner.memory.spool import Spool, as_file, open_spool
from backburner.outcome.current import CurrentJobs
from backburner.outcome.decisions import ABSENT_LOOK_S
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Clock, Generator, Queue

_SOON_S = 1
_AGAIN_S = 2.0
_HELD_S = 15.0


@dataclass(frozen=True, kw_only=True)
class SegmentRunner:
    """Looks after segments."""

    bucket: Bucket
    ledger: Ledger
    inbox: CurrentJobs
    finisher: Finisher
    generator: Generator
    pending: Queue
    clock: Clock
    pace: Pace
    collector: LinePoller
    starter: LineCreator
    checkpointer: Checkpointer
    memory: MemoryBudget

    async def claim(self, record: OpenRecord, description: bytes, committed: Committed) -> bool:
        """Open the run of a segment; False if somebody else opened it. It goes on where an earlier run stopped."""
        segment = msgspec.json.decode(description, type=Segment)
        before = [held.record for held in (committed.run, committed.error) if held]
        for earlier in sorted(before, key=lambda each: each.run):
            if earlier.job_id == record.job_id and earlier.resume and earlier.resume.segment:
                segment = earlier.resume.segment.again()
                record = replace(
                    record,
                    usage=earlier.usage,
                    cost=earlier.cost,
                    kept_usage=earlier.usage,
                    kept_cost=earlier.cost,
                )
        message = record.message()
        await self.pending.send(message.encode(), _SOON_S)
        waiting = replace(
            record,
            state=State.WAITING,
            ticket=message.ticket,
            waiting_for="turn",
            segment=segment,
            reservation=_each(record, segment),
        )
        return await self.ledger.claim(waiting) is not None

    async def look(self, held: Open) -> float | None:
        """Do what can be done now. In how many seconds to look again, under the message in hand; None: delete it."""
        record = held.record
        assert record.segment is not None, "not a segment"
        visit = SegmentVisit(
            held=held,
            segment=record.segment,
            clock=self.clock,
            began_s=self.clock.monotonic(),
            counted=self.starter.governor.holds(record.name, record.counted),
        )
        try:
            if await self.inbox.parent(record.part_of) is None:
                return await self._abandon(visit)
            await self.starter.count_dead(visit)
            async for _ in self.collector.collect(visit):  # as much as memory takes at a time
                await self._save(visit)
            if record.cancelled_for is not None:
                return await self._cancel(visit, record.cancelled_for)
            return await self._go_on(visit)
        except TakenError:
            await asyncio.gather(*(self.generator.cancel(response_id) for response_id in visit.unrecorded))
            return _AGAIN_S
        finally:
            self.memory.kept_bytes -= visit.kept_bytes

    async def _abandon(self, visit: SegmentVisit) -> float | None:
        """Its batch is over: stop what is under way, and end with it."""
        all_stopped = await self.collector.cancel(visit)
        await self.checkpointer.save(visit)
        if not all_stopped:
            return _HELD_S
        await self.finisher.settled(visit.record)
        return None

    async def _cancel(self, visit: SegmentVisit, reason: Reason) -> float | None:
        """Stop it, so that each line has ended.

        What runs is cancelled → a piece with how that ended → the record → a piece with all that was not begun →
        the record → the lines together, its end. A crash in between brings its message back, and it goes on from there.
        """
        async for _ in self.collector.stop(visit, reason):
            await self._save(visit)
        if visit.segment.started:
            return _HELD_S
        await self.starter.cancel_rest(visit, reason)
        await self._save(visit)
        await self._finish(visit)
        return None

    async def _save(self, visit: SegmentVisit) -> None:
        """Write what has changed; finished lines are not in memory any more."""
        await self.checkpointer.save(visit)
        self.memory.kept_bytes -= visit.kept_bytes
        visit.kept_bytes = 0

    async def _go_on(self, visit: SegmentVisit) -> float | None:
        """Create what is to do, if it is this segment's turn; write what has changed, or end the run."""
        turn = self.starter.turn
        if visit.segment.todo and not turn.locked() and not self.pace.is_held:
            async with turn:  # until the last ids are recorded
                return await self._save_for_later(visit, await self.starter.start(visit))
        await self.starter.give_back(visit)
        if visit.segment.is_over and not (visit.completed or visit.failed):
            await self._finish(visit)
            return None
        return await self._save_for_later(
            visit, _HELD_S if self.pace.is_held else ask_again_s(visit.held.age_s, _AGAIN_S)
        )

    async def _save_for_later(self, visit: SegmentVisit, delay_s: float) -> float | None:
        """Write what has changed. In how many seconds to look again, None if another message does."""
        if started := visit.segment.started:
            youngest_s = min(visit.age_s() - line.at_s for line in started)
            polls_s = next_poll_s(max(0.0, youngest_s), round_s=len(started) / self.pace.per_second)
            if any(line.absent_s is not None for line in started):
                polls_s = min(polls_s, ABSENT_LOOK_S)
            delay_s = min(delay_s, polls_s) if visit.segment.todo else polls_s
        if visit.segment.is_over or (not started and not visit.segment.todo):
            delay_s = 0.0
        if visit.is_guarded:  # the message in hand is not its message any more, and the guard is for the dead
            await self.checkpointer.save(visit, visit.record.message(), round(min(delay_s, MAX_DELAY_S)))
            return None
        if visit.is_changed or visit.completed or visit.failed:
            await self.checkpointer.save(visit)
        return delay_s

    async def _finish(self, visit: SegmentVisit) -> None:
        """Put the pieces together and end the run."""
        segment = visit.segment
        failed = len(segment.failed)
        counts = LineCounts(total=segment.completed + failed, completed=segment.completed, failed=failed)
        async with self.memory.holding(self.memory.moderate_bytes):
            with open_spool() as shelf:
                try:
                    await self._take_down(segment, shelf)
                except JobError as error:
                    await self.finisher.fail(replace(visit.record, segment=None), error.reason, str(error))
                    return
                with as_file(shelf.in_order()) as path:
                    await self.finisher.done(replace(visit.record, lines=counts), path)

    async def _take_down(self, segment: Segment, shelf: Spool) -> None:
        """Put what became of each line on a shelf. Raises `JobError` where that is not known any more."""
        for key in segment.pieces:
            piece = await self.bucket.get(key)
            if piece is None:
                raise JobError(Reason.LOST, f"{key}, with lines that had ended, is gone")
            for line in piece.body.splitlines(keepends=True):
                number, _, written = line.partition(b"\t")
                shelf.put(int(number), written)
        if len(shelf) != segment.completed + len(segment.failed):
            raise JobError(Reason.LOST, f"{len(shelf)} lines were written, not what the record says")


def _each(record: OpenRecord, segment: Segment) -> Reservation:
    """What a line of middling length reserves."""
    recipe = parse(record.recipe_text)
    size_bytes = (segment.end_byte - segment.first_byte) // max(1, segment.count)
    inputs, outputs = line_tokens(size_bytes, recipe.max_output_tokens)
    cost = recipe.price.of(inputs, outputs) if recipe.price else 0.0
    return Reservation(model=record.provider.model, tokens=inputs + outputs, cost=cost)
