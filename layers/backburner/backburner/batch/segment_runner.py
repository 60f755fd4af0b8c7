"""Runs the lines of one segment of a batch: many generations under one open record (DESIGN section 7).

Order of effects in one visit, and what a crash before each costs:
  [poll → piece with finished lines → [guard → record, `creating` → the creates → record with their ids] repeatedly]
  repeatedly, while lines are due soon → a message for the next visit → the record with its ticket.
The provider's copies of finished generations are deleted meanwhile, each once the record names the piece with its line.
Before the record names a piece: its lines are polled again. Between creates and record: the ids of at most one block
are lost; the guard surfaces after the lease, and each counts as a suspected orphan. Only the record's owner rewrites
it; a process that loses the record cancels the generations that it has just started.
"""

import asyncio
import math
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import Checkpointer, SegmentVisit, TakenError
from backburner.batch.create_lines import LineCreator
from backburner.batch.poll_lines import LinePoller, release
from backburner.batch.segment_reader import SegmentReader
from backburner.batch.segment_slots import give_slots_back
from backburner.batch.stop_lines import LineStopper
from backburner.batch.turns import Turns
from backburner.capacity.timing import TickState, ask_again_s
from backburner.errors import JobError, Reason
from backburner.ledger.ledger import Open
from backburner.ledger.messenger import DONE, Next
from backburner.ledger.records import LineCounts, OpenRecord
from backburner.ledger.segment_state import Segment
from backburner.memory.budget import MemoryBudget
from backburner.memory.spool import Spool, as_file, open_spool
from backburner.outcome.current_job import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Clock, Generator

_AGAIN_S = 2.0
_FAR_S = 8.0
"""How much later a segment without running lines asks for its turn if another segment is waiting for it already."""
_REFUSED_S = 15.0


@dataclass(frozen=True, kw_only=True)
class SegmentRunner:
    """Visits segments."""

    current_jobs: CurrentJobs
    finisher: Finisher
    generator: Generator
    clock: Clock
    turns: Turns
    poller: LinePoller
    creator: LineCreator
    stopper: LineStopper
    segment_reader: SegmentReader
    checkpointer: Checkpointer
    memory: MemoryBudget

    async def advance(self, held: Open, tick: TickState) -> Next:
        """Visit a segment: do what can be done for its lines now or soon."""
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
            try:
                with self.turns.visiting():
                    again_s = await self._advance(visit)
            except TakenError:
                await asyncio.gather(*(self.generator.cancel(response_id) for response_id in visit.unrecorded))
                again_s = _AGAIN_S
        except asyncio.CancelledError:
            for delete in visit.deletes:
                delete.cancel()
            raise
        finally:
            release(self.memory, visit)
            await asyncio.gather(*visit.deletes)
        return DONE if again_s is None else Next(again_s, held)

    async def _advance(self, visit: SegmentVisit) -> float | None:
        """Returns in how many seconds to visit again with the same message; None if another message does."""
        record = visit.record
        if await self.current_jobs.recent_parent(record.part_of) is None:
            return await self._abandon(visit)
        await self.creator.count_dead(visit)
        if record.cancelled_for is None:
            return await self._go_on(visit)
        await self._poll(visit)
        return await self._cancel(visit, record.cancelled_for)

    async def _abandon(self, visit: SegmentVisit) -> float | None:
        """Stop a segment whose batch is over: cancel its running lines and end its run."""
        all_stopped = await self.stopper.abandon(visit)
        await self.checkpointer.save(visit)
        if not all_stopped:
            return _REFUSED_S
        await self.finisher.settled(visit.record)
        return None

    async def _cancel(self, visit: SegmentVisit, reason: Reason) -> float | None:
        """Cancel a segment, so that every line has ended.

        Order of effects: cancel running lines → a piece with their ends → the record → a piece with the lines never
        begun → the record → join all lines, which ends the run. After a crash in between, its message comes back and it
        continues.
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
        """Write what has changed; after that, finished lines are no longer in memory."""
        await self.checkpointer.save(visit)
        release(self.memory, visit)

    async def _go_on(self, visit: SegmentVisit) -> float | None:
        """Poll lines and create lines by turns, as long as some are due soon; then write what has changed, or end."""
        while True:
            await self._poll(visit)
            again_s = await self._create(visit)
            if again_s is None:
                return None
            if not self.poller.is_due_soon(visit):
                break
            if visit.unrecorded:  # the next round may take seconds
                await self._save(visit)
        if not visit.segment.is_over:
            return await self._save_for_later(visit, again_s)
        if visit.is_changed or visit.completed or visit.failed:
            await self._save(visit)
        await self._finish(visit)
        return None

    async def _poll(self, visit: SegmentVisit) -> None:
        """Poll the lines that are due; what has ended is written, and its slots given back, whenever there is much."""
        async for _ in self.poller.poll(visit):
            await self._save(visit)
            await self._give_slots_back(visit)

    async def _create(self, visit: SegmentVisit) -> float | None:
        """Create lines once it is this segment's turn.

        Returns in how many seconds to create more; None if the run is over.
        """
        left_s = visit.tick.until - self.clock.monotonic()
        if not visit.segment.todo or visit.tick.is_refused or left_s <= 0:
            if not visit.segment.is_over:
                await self._give_slots_back(visit)
            return _REFUSED_S if visit.tick.is_refused else _AGAIN_S
        if self.turns.is_far:
            await self._give_slots_back(visit)
            return ask_again_s(visit.held.age_s, _FAR_S)
        if not self.turns.is_free:  # what has ended waits for nobody
            if visit.completed or visit.failed:
                await self._save(visit)
            await self._give_slots_back(visit)
        segment = visit.segment
        has_begun = bool(segment.started or segment.completed or segment.failed)
        limit_s = min(self.poller.next_s(visit), left_s)
        async with self.turns.taken(has_begun=has_begun, limit_s=limit_s) as is_ours:  # until the last ids are recorded
            return await self._create_now(visit) if is_ours else _AGAIN_S

    async def _create_now(self, visit: SegmentVisit) -> float | None:
        """Create lines, unless the run is over or its batch is ending, which segments learn one after the other.

        Before its first create a run checks whether it is over: a run that has ended may have been claimed again by a
        process that had checked before (DESIGN section 6, step 5 of a submit).
        """
        batch = await self.current_jobs.recent_parent(visit.record.part_of)
        if batch is None or _is_ending(batch):
            await self._give_slots_back(visit)
            return ask_again_s(visit.held.age_s, _AGAIN_S)
        if visit.record.submitted_at is None and await self.finisher.is_over(visit.record):
            return None
        return await self.creator.start(visit, self.poller.next_s(visit))

    async def _give_slots_back(self, visit: SegmentVisit) -> None:
        """Give back the slots of lines that have ended; the segment whose turn it is may wait for them."""
        await give_slots_back(self.creator.governor, visit)
        self.turns.slots_given_back()

    async def _save_for_later(self, visit: SegmentVisit, again_s: float) -> float | None:
        """Write what has changed. Returns in how many seconds to visit again, or None if another message does."""
        next_s = self.poller.next_s(visit)
        if self.clock.monotonic() < visit.tick.until:  # the tick is not over, so it left due lines for another reason
            next_s = max(_AGAIN_S, next_s)
        again_s = min(again_s, next_s) if visit.segment.todo or next_s == math.inf else next_s
        if visit.is_guarded:  # the record's ticket is the guard's now, which is only for a process that dies
            await self.checkpointer.save(visit, again_s=again_s)
            return None
        if visit.is_changed or visit.completed or visit.failed:
            await self.checkpointer.save(visit)
        return again_s

    async def _finish(self, visit: SegmentVisit) -> None:
        """Join the pieces and end the run."""
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
        """Write the finished lines to the spool. Raises `JobError` if any are gone."""
        if gone := await self.segment_reader.ended(segment, spool):
            raise JobError(Reason.LOST, f"{gone[0]}, with lines that had ended, is gone")
        if len(spool) != segment.completed + len(segment.failed):
            raise JobError(Reason.LOST, f"{len(spool)} lines were written, which is not what the record says")


def _is_ending(batch: OpenRecord) -> bool:
    """Whether a batch is to end before all of its lines have; its segments are stopped one after the other."""
    return batch.cancelled_for is not None or batch.division is None or batch.division.is_stopping
