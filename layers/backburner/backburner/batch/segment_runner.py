"""Running the lines of one segment of a batch: many generations under one open record (DESIGN section 7).

Order of effects in one visit, and what a crash before each costs:
  poll → piece with what ended → [guard → record, `creating` → the creates → record with their ids] again and again →
  a message for the next visit → the record with its ticket → the provider's copies of what ended.
Before a piece is named by the record its lines are polled again. Between creates and record the ids are lost: at most
as many as one block has; the guard surfaces after the lease, and each is counted as a suspected orphan. Only the owner
of the record rewrites it; a process that loses it cancels what it has just started.
"""

import asyncio
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import Checkpointer, SegmentVisit, TakenError
from backburner.batch.create_lines import LineCreator
from backburner.batch.poll_lines import LinePoller
from backburner.batch.segment_reader import SegmentReader
from backburner.batch.segment_slots import give_slots_back
from backburner.batch.stop_lines import LineStopper
from backburner.capacity.timing import Pace, TickState, ask_again_s, next_poll_s
from backburner.errors import JobError, Reason
from backburner.ledger.ledger import Open
from backburner.ledger.messenger import DONE, Next
from backburner.ledger.records import LineCounts, OpenRecord
from backburner.ledger.segment_state import Segment
from backburner.memory.budget import MemoryBudget
from backburner.memory.spool import Spool, as_file, open_spool
from backburner.outcome.current_job import CurrentJobs
from backburner.outcome.decisions import ABSENT_LOOK_S
from backburner.outcome.finish import Finisher
from backburner.ports import Clock, Generator

_AGAIN_S = 2.0
_FAR_S = 8.0
"""A segment that nothing is under way of asks for its turn so much later if another one waits for it already."""
_REFUSED_S = 15.0


@dataclass(frozen=True, kw_only=True)
class SegmentRunner:
    """Looks after segments."""

    current_jobs: CurrentJobs
    finisher: Finisher
    generator: Generator
    clock: Clock
    pace: Pace
    poller: LinePoller
    creator: LineCreator
    stopper: LineStopper
    segment_reader: SegmentReader
    checkpointer: Checkpointer
    memory: MemoryBudget

    async def advance(self, held: Open, tick: TickState) -> Next:
        """Do what can be done now for the lines of a segment."""
        assert held.record.segment is not None, "not a segment"
        visit = SegmentVisit(
            held=held,
            segment=held.record.segment,
            tick=tick,
            clock=self.clock,
            began_s=self.clock.monotonic(),
            counted=self.creator.governor.holds(held.record.name, held.record.counted),
        )
        try:
            again_s = await self._advance(visit)
        except TakenError:
            await asyncio.gather(*(self.generator.cancel(response_id) for response_id in visit.unrecorded))
            again_s = _AGAIN_S
        finally:
            self.memory.kept_bytes -= visit.kept_bytes
        return DONE if again_s is None else Next(again_s, held)

    async def _advance(self, visit: SegmentVisit) -> float | None:
        """In how many seconds to look again under the message in hand; None where another message does."""
        record = visit.record
        if await self.current_jobs.recent_parent(record.part_of) is None:
            return await self._abandon(visit)
        await self.creator.count_dead(visit)
        async for _ in self.poller.poll(visit):  # as much as memory takes at a time
            await self._save(visit)
        if record.cancelled_for is not None:
            return await self._cancel(visit, record.cancelled_for)
        return await self._go_on(visit)

    async def _abandon(self, visit: SegmentVisit) -> float | None:
        """Its batch is over: stop what is under way, and end with it."""
        all_stopped = await self.stopper.abandon(visit)
        await self.checkpointer.save(visit)
        if not all_stopped:
            return _REFUSED_S
        await self.finisher.settled(visit.record)
        return None

    async def _cancel(self, visit: SegmentVisit, reason: Reason) -> float | None:
        """Stop it, so that each line has ended.

        What runs is cancelled → a piece with how that ended → the record → a piece with all that was not begun →
        the record → the lines together, its end. A crash in between brings its message back, and it goes on from there.
        """
        async for _ in self.stopper.stop(visit, reason):
            await self._save(visit)
        if visit.segment.started:
            return _REFUSED_S
        await self.stopper.cancel_rest(visit, reason)
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
        turn, may_wait = self.creator.turn, not (visit.segment.started or visit.completed or visit.failed)
        if visit.segment.todo and not visit.tick.is_refused and not turn.is_far(may_wait=may_wait):
            async with turn.taken():  # until the last ids are recorded
                return await self._create(visit)
        await give_slots_back(self.creator.governor, visit)
        if visit.segment.is_over and not (visit.completed or visit.failed):
            await self._finish(visit)
            return None
        again_s = _REFUSED_S if visit.tick.is_refused else ask_again_s(visit.held.age_s, _FAR_S)
        return await self._save_for_later(visit, again_s)

    async def _create(self, visit: SegmentVisit) -> float | None:
        """Create what is to do, unless the run is over or its batch is ending: that is told to one segment by one.

        Before its first create a run looks whether it is over: one that ended may have been claimed once more, by a
        process that had looked before it ended (DESIGN section 6, step 5 of a submit).
        """
        batch = await self.current_jobs.recent_parent(visit.record.part_of)
        if batch is None or _is_ending(batch):
            await give_slots_back(self.creator.governor, visit)
            return await self._save_for_later(visit, ask_again_s(visit.held.age_s, _AGAIN_S))
        if visit.record.submitted_at is None and await self.finisher.is_over(visit.record):
            return None
        return await self._save_for_later(visit, await self.creator.start(visit))

    async def _save_for_later(self, visit: SegmentVisit, again_s: float) -> float | None:
        """Write what has changed. In how many seconds to look again, None if another message does."""
        if started := visit.segment.started:
            youngest_s = min(visit.age_s() - line.at_s for line in started)
            polls_s = next_poll_s(max(0.0, youngest_s), round_s=len(started) / self.pace.per_second)
            if any(line.absent_s is not None for line in started):
                polls_s = min(polls_s, ABSENT_LOOK_S)
            again_s = min(again_s, polls_s) if visit.segment.todo else polls_s
        if visit.segment.is_over or (not started and not visit.segment.todo):
            again_s = 0.0
        if visit.is_guarded:  # the message in hand is not its message any more, and the guard is for the dead
            await self.checkpointer.save(visit, again_s=again_s)
            return None
        if visit.is_changed or visit.completed or visit.failed:
            await self.checkpointer.save(visit)
        return again_s

    async def _finish(self, visit: SegmentVisit) -> None:
        """Put the pieces together and end the run."""
        segment = visit.segment
        failed = len(segment.failed)
        counts = LineCounts(total=segment.completed + failed, completed=segment.completed, failed=failed)
        async with self.memory.holding(self.memory.moderate_bytes):
            with open_spool() as spool:
                try:
                    await self._read_all(segment, spool)
                except JobError as error:
                    await self.finisher.fail(replace(visit.record, segment=None), error.reason, str(error))
                    return
                with as_file(spool.in_order()) as path:
                    await self.finisher.done(replace(visit.record, lines=counts), path)

    async def _read_all(self, segment: Segment, spool: Spool) -> None:
        """Put what became of each line on the spool. Raises `JobError` where that is not known any more."""
        if gone := await self.segment_reader.ended(segment, spool):
            raise JobError(Reason.LOST, f"{gone[0]}, with lines that had ended, is gone")
        if len(spool) != segment.completed + len(segment.failed):
            raise JobError(Reason.LOST, f"{len(spool)} lines were written, not what the record says")


def _is_ending(batch: OpenRecord) -> bool:
    """Whether a batch is to end before all of its lines have: its segments hear of it one after the other."""
    return batch.cancelled_for is not None or batch.division is None or batch.division.is_stopping
