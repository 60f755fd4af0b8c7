"""Stopping a segment: its generations are cancelled, because its batch is cancelled or has ended without it."""

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
"""Answers to a cancel that say that there is nothing to cancel any more, or no cancelling at all."""


@dataclass(frozen=True, kw_only=True)
class LineStopper:
    """Stops lines."""

    generator: Generator
    segment_reader: SegmentReader
    pace: Pace
    memory: MemoryBudget
    settings: Settings

    async def stop(self, visit: SegmentVisit, reason: Reason) -> AsyncIterator[None]:
        """Cancel what is under way, and end each line with what the provider says then; yields to have it written.

        A text that came after all is a result. Lines that the provider has not heard of stay under way.
        """
        recipe, under_way = parse(visit.record.recipe_text), list(visit.segment.started)
        for first in range(0, len(under_way), _AT_ONCE):
            block = under_way[first : first + _AT_ONCE]
            await asyncio.gather(*(self._stop(visit, line, recipe, reason) for line in block))
            yield

    async def cancel_rest(self, visit: SegmentVisit, reason: Reason) -> None:
        """End what was never begun, or was to be begun again, as cancelled."""
        if not visit.segment.todo:
            return
        names = await self.segment_reader.names(visit.segment)
        for line in visit.segment.todo:
            visit.fail(line.number, names[line.number], reason, CANCELLED_LINE)

    async def abandon(self, visit: SegmentVisit) -> bool:
        """Cancel what is under way; a replay of the batch begins it again. Whether the provider heard of all."""

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
        """What a generation ended with that was cancelled; None where that is to be asked again."""
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
