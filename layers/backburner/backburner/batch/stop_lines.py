"""Stops a segment whose batch is cancelled or over: cancels its generations."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.batch.line_decisions import judged
from backburner.batch.output_lines import CANCELLED_LINE
from backburner.batch.poll_lines import keep
from backburner.batch.segment_reader import SegmentReader
from backburner.capacity.timing import Pace
from backburner.documents.recipes import Recipe, parse
from backburner.errors import Reason
from backburner.ledger.segment_state import Started, Todo
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import Do
from backburner.ports import Generator
from backburner.provider.answers import Answer, FailedCall, Generation
from backburner.provider.verdicts import ABSENT, Call
from backburner.settings import Settings

_AT_ONCE = 64
_GONE = ABSENT | {409}
"""Statuses of a cancel that mean: nothing left to cancel, or cancelling is not supported."""


@dataclass(frozen=True, kw_only=True)
class LineStopper:
    """Stops lines."""

    generator: Generator
    segment_reader: SegmentReader
    pace: Pace
    memory: MemoryBudget
    settings: Settings

    async def stop(self, visit: SegmentVisit, reason: Reason) -> AsyncIterator[None]:
        """Cancel running lines, and end each one with the provider's answer; yields whenever that must be written.

        A line that has finished with a text after all keeps it as its result. Lines whose cancel failed run on.
        """
        recipe, under_way = parse(visit.record.recipe_text), list(visit.segment.started)
        for first in range(0, len(under_way), _AT_ONCE):
            block = under_way[first : first + _AT_ONCE]
            await asyncio.gather(*(self._stop(visit, line, recipe, reason) for line in block))
            yield

    async def cancel_rest(self, visit: SegmentVisit, reason: Reason) -> None:
        """End the lines that are still to be created, or created again, as cancelled."""
        if not visit.segment.todo:
            return
        names = await self.segment_reader.names(visit.segment)
        for line in visit.segment.todo:
            visit.fail(line.number, names[line.number], reason, CANCELLED_LINE)

    async def abandon(self, visit: SegmentVisit) -> bool:
        """Cancel running lines, which a replay of the batch creates again. Returns whether every cancel got through."""

        async def cancel(line: Started) -> None:
            if not await self.pace.turn(visit.tick.until):
                return
            answer = await self.generator.cancel(line.id)
            if isinstance(answer, FailedCall) and answer.status not in _GONE:
                return
            visit.spent(answer)
            visit.drop(line.number)
            visit.add_todo(Todo(line.number, 0, line.cap))

        await asyncio.gather(*map(cancel, visit.segment.started))
        return not visit.segment.started

    async def _stop(self, visit: SegmentVisit, line: Started, recipe: Recipe, reason: Reason) -> None:
        if not await self.pace.turn(visit.tick.until):
            return
        async with self.memory.for_answer():
            answer = await self._last_word(visit, line)
            if answer is None:
                return
            age_s, deadline_s = visit.age_s() - line.at_s, recipe.deadline_s or self.settings.deadline_s
            decision = judged(
                line, answer, Call.RETRIEVE, recipe, age_s=age_s, deadline_s=deadline_s, most=self.settings.max_attempts
            )
            if decision.do is Do.FINISH:
                visit.conclude(line, decision, answer)
            else:
                visit.finish_cancelled(line, reason, answer)
            keep(self.memory, visit, line)

    async def _last_word(self, visit: SegmentVisit, line: Started) -> Answer | None:
        """The final answer about a cancelled generation; None if it must be polled again."""
        answer = await self.generator.cancel(line.id)
        if isinstance(answer, FailedCall) and answer.status not in _GONE:
            return None
        if isinstance(answer, Generation) and answer.is_over:
            return answer
        visit.polls += 1
        told = await self.generator.retrieve(line.id)
        if isinstance(told, FailedCall):
            return told if told.status in ABSENT else None
        if told.is_over or line.is_cancelled or isinstance(answer, FailedCall):
            return told
        visit.segment, visit.is_changed = visit.segment.with_started(replace(line, is_cancelled=True)), True
        return None
