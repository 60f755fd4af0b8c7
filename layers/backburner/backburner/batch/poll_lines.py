"""Polls the running lines of a segment: each line that is due is polled, and ends or continues."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from statistics import median

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.batch.line_decisions import judged
from backburner.capacity.governor import Governor
from backburner.capacity.timing import RANDOM, Pace, poll_ages_s
from backburner.documents.recipes import Recipe, parse
from backburner.ledger.segment_state import Started
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import ABSENT_LOOK_S, Do, Stop, absent_since
from backburner.outcome.governing import note_decision
from backburner.ports import Clock, Generator
from backburner.provider.answers import Answer, Generation, absent
from backburner.provider.verdicts import Call
from backburner.settings import Settings

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class LinePoller:
    """Polls lines."""

    governor: Governor
    generator: Generator
    clock: Clock
    pace: Pace
    memory: MemoryBudget
    settings: Settings

    async def poll(self, visit: SegmentVisit) -> AsyncIterator[None]:
        """Poll every line that is due; yields whenever enough lines have ended to be written first."""
        recipe, age_s = parse(visit.record.recipe_text), visit.age_s()
        ages_s = poll_ages_s(self.governor.usual_s(visit.record.provider.model), age_s)
        due = [line for line in visit.segment.started if _is_due(line, visit.segment.polled_s, age_s, ages_s)]
        RANDOM.shuffle(due)  # if time runs out, it should not always be the same lines that are left
        left = deque(due)

        async def poll() -> None:
            while left and not self._is_over(visit) and not self.memory.is_full(visit.kept_bytes):
                line = left.popleft()
                if not await self.pace.turn(visit.tick.until) or self.memory.is_full(visit.kept_bytes):
                    left.append(line)
                    return
                async with self.memory.for_answer():
                    await self._poll(visit, line, recipe, age_s)

        while True:
            await asyncio.gather(*(poll() for _ in range(min(_AT_ONCE, len(left)))))
            if not left or not self.memory.is_full(visit.kept_bytes):
                break
            yield
        self._learn(visit)
        if due and not left:
            visit.segment, visit.is_changed = replace(visit.segment, polled_s=round(age_s, 1)), True

    def _learn(self, visit: SegmentVisit) -> None:
        """Learn how long the model's generations take: once per visit."""
        if visit.took_s:
            self.governor.learn(visit.record.provider.model, median(visit.took_s))
            visit.took_s = []

    def _is_over(self, visit: SegmentVisit) -> bool:
        return visit.tick.is_refused or self.clock.monotonic() > visit.tick.until

    async def _poll(self, visit: SegmentVisit, line: Started, recipe: Recipe, age_s: float) -> None:
        if line.is_cancelled:
            await self.generator.cancel(line.id)
        answer = await self.generator.retrieve(line.id)
        visit.polls += 1
        await self._decide(visit, line, answer, recipe, age_s - line.at_s)
        keep(self.memory, visit, line)

    async def _decide(self, visit: SegmentVisit, line: Started, answer: Answer, recipe: Recipe, age_s: float) -> None:
        model, deadline_s = line.model or visit.record.provider.model, recipe.deadline_s or self.settings.deadline_s
        if isinstance(answer, Generation):
            await self.governor.call_accepted(model, is_create=False)
            if not line.is_given and answer.job not in ("", visit.record.job_id):
                answer = absent("the answer is about another job")
        decision = judged(
            line, answer, Call.RETRIEVE, recipe, age_s=age_s, deadline_s=deadline_s, most=self.settings.max_attempts
        )
        await note_decision(self.governor, decision, model)
        if decision.do is Do.FINISH and isinstance(answer, Generation) and not line.model:
            visit.took_s.append(answer.took_s(age_s))
        if decision.do is not Do.LOOK:
            visit.conclude(line, decision, answer)
        elif decision.stop:
            visit.tick.is_refused = visit.tick.is_refused or decision.stop is Stop.ALL_MODELS
        else:
            _not_yet(visit, line, answer, age_s, is_late=age_s > deadline_s)


def keep(memory: MemoryBudget, visit: SegmentVisit, line: Started) -> None:
    """Count a finished line's output as memory in use until it is written."""
    size_bytes = len(visit.completed.get(line.number, b"")) + len(visit.failed.get(line.number, b""))
    memory.met_answer(size_bytes)
    memory.kept_bytes += size_bytes
    visit.kept_bytes += size_bytes


def _not_yet(visit: SegmentVisit, line: Started, answer: Answer, age_s: float, *, is_late: bool) -> None:
    """Note what the next poll must know; cancel a line that still runs, as the provider says, after its deadline."""
    looked_at = replace(
        line,
        absent_s=absent_since(answer, age_s, line.absent_s),
        is_cancelled=line.is_cancelled or (is_late and isinstance(answer, Generation)),
    )
    if looked_at != line:
        visit.segment, visit.is_changed = visit.segment.with_started(looked_at), True


def _is_due(line: Started, polled_s: float, age_s: float, poll_ages_s: Sequence[float]) -> bool:
    """Whether a poll of the line has become due since the last visit's polls."""
    if line.absent_s is not None:
        return age_s - polled_s >= ABSENT_LOOK_S
    due_by_now = bisect_right(poll_ages_s, age_s - line.at_s)
    return line.is_cancelled or due_by_now > bisect_right(poll_ages_s, polled_s - line.at_s)
