"""Collecting the lines of a segment that are under way: each that is due is polled, judged, and ends or goes on."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.batch.line_verdicts import judged
from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS
from backburner.capacity.timing import MAX_POLL_S, RANDOM, Pace
from backburner.documents.recipes import Recipe, parse
from backburner.errors import Reason
from backburner.ledger.segment_state import Started, Todo
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import ABSENT_LOOK_S, Do, Stop, absent_since, lifted_by_any
from backburner.ports import Clock, Generator
from backburner.provider.answers import Answer, FailedCall, Generation, absent
from backburner.provider.verdicts import ABSENT, Call

_AT_ONCE = 64
_GROWTH = 1.2
"""Each poll of a line comes at this many times the age of the one before, until polls are five minutes apart."""


@dataclass(frozen=True, kw_only=True)
class LinePoller:
    """Polls lines. `deadline_s` bounds a generation where the recipe does not."""

    governor: Governor
    generator: Generator
    clock: Clock
    pace: Pace
    memory: MemoryBudget
    max_attempts: int
    deadline_s: int

    async def collect(self, visit: SegmentVisit) -> AsyncIterator[None]:
        """Look at every line that is due; stop wherever so much has ended that it must be written first."""
        recipe, age_s = parse(visit.record.recipe_text), visit.age_s()
        first_s = self.governor.first_poll_s(visit.record.provider.model)
        due = [line for line in visit.segment.started if _is_due(line, visit.segment.polled_s, age_s, first_s)]
        RANDOM.shuffle(due)  # where time runs out, it is not always the same ones that are left
        left = deque(due)

        async def poll() -> None:
            while left and not self._is_over() and not self.memory.is_full(visit.kept_bytes):
                line = left.popleft()
                if not await self.pace.turn(self.pace.until) or self.memory.is_full(visit.kept_bytes):
                    left.append(line)
                    return
                async with self.memory.for_answer():
                    await self._poll(visit, line, recipe, age_s)

        while True:
            await asyncio.gather(*(poll() for _ in range(min(_AT_ONCE, len(left)))))
            if not left or not self.memory.is_full(visit.kept_bytes):
                break
            yield
        if due and not left:
            visit.segment, visit.is_changed = replace(visit.segment, polled_s=round(age_s, 1)), True

    async def _poll(self, visit: SegmentVisit, line: Started, recipe: Recipe, age_s: float) -> None:
        if line.is_cancelled:
            await self.generator.cancel(line.id)
        answer = await self.generator.retrieve(line.id)
        visit.polls += 1
        await self._judged(visit, line, answer, recipe, age_s - line.at_s)
        self._keep(visit, line)

    async def stop(self, visit: SegmentVisit, reason: Reason) -> AsyncIterator[None]:
        """Cancel what is under way, and end each line with what the provider says then; stop wherever to write that.

        A text that came after all is a result. Lines that the provider has not heard of stay under way.
        """
        recipe, under_way = parse(visit.record.recipe_text), list(visit.segment.started)
        for first in range(0, len(under_way), _AT_ONCE):
            block = under_way[first : first + _AT_ONCE]
            await asyncio.gather(*(self._stop(visit, line, recipe, reason) for line in block))
            yield

    async def _stop(self, visit: SegmentVisit, line: Started, recipe: Recipe, reason: Reason) -> None:
        if not await self.pace.turn(self.pace.until):
            return
        async with self.memory.for_answer():
            answer = await self._last_word(visit, line)
            if answer is None:
                return
            age_s, deadline_s = visit.age_s() - line.at_s, recipe.deadline_s or self.deadline_s
            decision = judged(
                line, answer, Call.RETRIEVE, recipe, age_s=age_s, deadline_s=deadline_s, most=self.max_attempts
            )
            if decision.do is Do.FINISH:
                visit.conclude(line, decision, answer)
            else:
                visit.end_cancelled(line, reason, answer)
            self._keep(visit, line)

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

    def _keep(self, visit: SegmentVisit, line: Started) -> None:
        """Count what a line has ended with, until it is written."""
        size_bytes = len(visit.completed.get(line.number, b"")) + len(visit.failed.get(line.number, b""))
        self.memory.met_answer(size_bytes)
        self.memory.kept_bytes += size_bytes
        visit.kept_bytes += size_bytes

    async def cancel(self, visit: SegmentVisit) -> bool:
        """Stop what is under way; it is to do again for who takes the batch up. Whether the provider heard of all."""

        async def cancel(line: Started) -> None:
            if not await self.pace.turn(self.pace.until):
                return
            answer = await self.generator.cancel(line.id)
            if isinstance(answer, FailedCall) and answer.status not in _GONE:
                return
            visit.spent(answer)
            visit.drop(line.number)
            visit.todo(Todo(line.number, 0, line.cap))

        await asyncio.gather(*map(cancel, visit.segment.started))
        return not visit.segment.started

    def _is_over(self) -> bool:
        return self.pace.is_held or self.clock.monotonic() > self.pace.until

    async def _judged(self, visit: SegmentVisit, line: Started, answer: Answer, recipe: Recipe, age_s: float) -> None:
        model = line.model or visit.record.provider.model
        if isinstance(answer, Generation):
            await self.governor.call_accepted(model, is_create=False)
            if not line.is_given and answer.job not in ("", visit.record.job_id):
                answer = absent("the answer is about another job")
        decision = judged(
            line,
            answer,
            Call.RETRIEVE,
            recipe,
            age_s=age_s,
            deadline_s=recipe.deadline_s or self.deadline_s,
            most=self.max_attempts,
        )
        if decision.stop:
            everybody = decision.stop is Stop.EVERYBODY
            concerned, lifts = ALL_MODELS if everybody else model, lifted_by_any(Call.RETRIEVE, answer)
            await self.governor.pause(concerned, decision.brief, any_call_lifts=lifts)
        if decision.do is not Do.LOOK:
            visit.conclude(line, decision, answer)
        elif decision.stop:
            self.pace.is_held = self.pace.is_held or everybody
        else:
            self._looked(visit, line, answer, age_s, recipe)

    def _looked(self, visit: SegmentVisit, line: Started, answer: Answer, age_s: float, recipe: Recipe) -> None:
        """Nothing has ended: what else must be known at the next look."""
        late = age_s > (recipe.deadline_s or self.deadline_s)
        seen = replace(
            line,
            absent_s=absent_since(answer, age_s, line.absent_s),
            is_cancelled=line.is_cancelled or (late and isinstance(answer, Generation)),
        )
        if seen != line:
            visit.segment, visit.is_changed = visit.segment.with_started(seen), True


_GONE = ABSENT | {409}
"""Answers to a cancel that say that there is nothing to cancel any more, or no cancelling at all."""


def _is_due(line: Started, polled_s: float, age_s: float, first_s: float) -> bool:
    """Whether a line should have been polled once more since the last look."""
    if line.absent_s is not None:
        return age_s - polled_s >= ABSENT_LOOK_S
    return line.is_cancelled or _polls_by(age_s - line.at_s, first_s) > _polls_by(polled_s - line.at_s, first_s)


def _polls_by(line_s: float, first_s: float) -> int:
    """How many polls a line has had by an age: the first at `first_s`, then ever further apart."""
    if line_s < first_s:
        return 0
    linear_s = MAX_POLL_S / (_GROWTH - 1)
    grown = 1 + int(math.log(min(line_s, max(linear_s, first_s)) / first_s, _GROWTH))
    return grown + int(max(0.0, line_s - linear_s) / MAX_POLL_S)
