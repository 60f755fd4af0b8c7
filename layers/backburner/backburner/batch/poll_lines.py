"""Polls the running lines of a segment: each line that is due is polled, and ends or continues."""

import asyncio
import math
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import median

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.batch.line_decisions import judged
from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.capacity.timing import RANDOM, Pace, next_poll_s, poll_ages_s
from backburner.documents.recipes import Recipe, parse
from backburner.ledger.segment_state import Started
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import ABSENT_LOOK_S, Do, Stop, absent_since
from backburner.outcome.governing import note_decision
from backburner.ports import Clock, Generator
from backburner.provider.answers import Answer, Generation, absent
from backburner.provider.verdicts import Call
from backburner.settings import Settings

SOON_S = 2.0
"""A visit goes on while lines are due for their first poll within this time: the shortest before any first poll."""
_SHORTEST_S = 0.01
"""A shorter wait might not move a clock on at all."""
_AT_ONCE = 64
_MAX_KEPT = 256
"""So many finished lines are written, and their slots given back, before more are polled."""


@dataclass(frozen=True, kw_only=True)
class LinePoller:
    """Polls lines."""

    governor: Governor
    durations: Durations
    pauses: ProviderPauses
    generator: Generator
    clock: Clock
    pace: Pace
    memory: MemoryBudget
    settings: Settings

    async def poll(self, visit: SegmentVisit) -> AsyncIterator[None]:
        """Poll every line that is due, and those that soon are for the first time, as they become due.

        Yields whenever enough lines have ended to be written first.
        """
        recipe, left = parse(visit.record.recipe_text), self._left(visit)
        count, picking = len(left), asyncio.Lock()

        async def poll() -> None:
            while line := await self._next(visit, left, picking):
                has_time = await self.pace.turn(visit.tick.until)
                visit.is_out_of_time = visit.is_out_of_time or not has_time
                if not has_time or self.memory.is_full(visit.kept_bytes):
                    left.append((0.0, line))
                    return
                async with self.memory.for_answer():
                    await self._poll(visit, line, recipe)

        while True:
            await asyncio.gather(*(poll() for _ in range(min(_AT_ONCE, len(left)))))
            if not left or not self._must_write(visit):
                break
            yield
        self._learn(visit)
        age_s = visit.age_s()
        if len(left) < count and all(due_s > age_s for due_s, _ in left):
            visit.segment, visit.is_changed = replace(visit.segment, polled_s=round(age_s, 1)), True

    def is_due_soon(self, visit: SegmentVisit) -> bool:
        """Whether to stay with a segment, since lines are due for their first poll."""
        age_s, first_s = visit.age_s(), self._first_s(visit)
        is_soon = any(
            line.at_s + first_s - age_s <= SOON_S and _is_new(line, visit.segment.polled_s, first_s)
            for line in visit.segment.started
        )
        return is_soon and not visit.must_stop and not self._is_over(visit)

    def next_s(self, visit: SegmentVisit) -> float:
        """In how many seconds the running lines should be polled next; infinity if there are none."""
        segment, age_s, first_s = visit.segment, visit.age_s(), self._first_s(visit)
        new, polled = list[float](), list[float]()
        for line in segment.started:
            (new if _is_new(line, segment.polled_s, first_s) else polled).append(line.at_s)
        next_s = max(0.0, min(new) + first_s - age_s) if new else math.inf
        if polled:
            youngest_s, round_s = age_s - max(polled), len(segment.started) / self.pace.per_second
            next_s = min(next_s, next_poll_s(max(0.0, youngest_s), round_s=round_s))
        if any(line.absent_s is not None for line in segment.started):
            next_s = min(next_s, ABSENT_LOOK_S)
        return next_s

    def _first_s(self, visit: SegmentVisit) -> float:
        return self.durations.first_poll_s(visit.record.provider.model)

    def _left(self, visit: SegmentVisit) -> deque[tuple[float, Started]]:
        """The lines to poll in this round, with the age of the segment at which each is due; 0 if it is."""
        polled_s, age_s, first_s = visit.segment.polled_s, visit.age_s(), self._first_s(visit)
        ages_s = poll_ages_s(self.durations.usual_s(visit.record.provider.model), age_s)
        due, new = list[tuple[float, Started]](), list[tuple[float, Started]]()
        for line in visit.segment.started:
            if _is_due(line, polled_s, age_s, ages_s):
                due.append((0.0, line))
            elif _is_new(line, polled_s, first_s):
                new.append((line.at_s + first_s, line))
        RANDOM.shuffle(due)  # if time runs out, it should not always be the same lines that are left
        return deque(due + sorted(new, key=itemgetter(0)))

    async def _next(
        self, visit: SegmentVisit, left: deque[tuple[float, Started]], picking: asyncio.Lock
    ) -> Started | None:
        """The next line once it is due; None if that is not soon, or something else must happen first."""
        async with picking:
            while left and not self._is_over(visit) and not self._must_write(visit):
                due_in_s = left[0][0] - visit.age_s()
                if due_in_s <= 0:
                    return left.popleft()[1]
                if due_in_s > SOON_S:
                    break
                await self.clock.sleep(max(due_in_s, _SHORTEST_S))
        return None

    def _must_write(self, visit: SegmentVisit) -> bool:
        """Whether finished lines must be written now: to free memory, or slots for other lines."""
        return len(visit.completed) + len(visit.failed) >= _MAX_KEPT or self.memory.is_full(visit.kept_bytes)

    def _learn(self, visit: SegmentVisit) -> None:
        """Learn how long the model's generations take: once per visit."""
        if visit.took_s:
            self.durations.learn(visit.record.provider.model, median(visit.took_s))
            visit.took_s = []

    def _is_over(self, visit: SegmentVisit) -> bool:
        is_out_of_time = visit.is_out_of_time or self.clock.monotonic() >= visit.tick.until
        return visit.tick.is_refused or is_out_of_time

    async def _poll(self, visit: SegmentVisit, line: Started, recipe: Recipe) -> None:
        if line.is_cancelled:
            await self.generator.cancel(line.id)
        answer = await self.generator.retrieve(line.id)
        visit.polls += 1
        await self._decide(visit, line, answer, recipe, visit.age_s() - line.at_s)
        keep(self.memory, visit, line)

    async def _decide(self, visit: SegmentVisit, line: Started, answer: Answer, recipe: Recipe, age_s: float) -> None:
        model, deadline_s = line.model or visit.record.provider.model, recipe.deadline_s or self.settings.deadline_s
        if isinstance(answer, Generation):
            await self.pauses.call_accepted(model, is_create=False)
            if not line.is_given and answer.job not in ("", visit.record.job_id):
                answer = absent("the answer is about another job")
        decision = judged(
            line, answer, Call.RETRIEVE, recipe, age_s=age_s, deadline_s=deadline_s, most=self.settings.max_attempts
        )
        await note_decision(self.pauses, decision, model)
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


def release(memory: MemoryBudget, visit: SegmentVisit) -> None:
    """Stop counting finished lines as memory in use, since they have been written."""
    memory.kept_bytes -= visit.kept_bytes
    visit.kept_bytes = 0


def _not_yet(visit: SegmentVisit, line: Started, answer: Answer, age_s: float, *, is_late: bool) -> None:
    """Note what the next poll must know; cancel a line that still runs, as the provider says, after its deadline."""
    looked_at = replace(
        line,
        absent_s=absent_since(answer, age_s, line.absent_s),
        is_cancelled=line.is_cancelled or (is_late and isinstance(answer, Generation)),
    )
    if looked_at != line:
        visit.segment, visit.is_changed = visit.segment.with_started(looked_at), True


def _is_due(line: Started, polled_s: float, age_s: float, ages_s: Sequence[float]) -> bool:
    """Whether a poll of the line has become due since the last visit's polls."""
    if line.absent_s is not None:
        first_s = line.at_s + line.absent_s
        return (age_s - first_s) // ABSENT_LOOK_S > (polled_s - first_s) // ABSENT_LOOK_S
    due_by_now = bisect_right(ages_s, age_s - line.at_s)
    return line.is_cancelled or due_by_now > bisect_right(ages_s, polled_s - line.at_s)


def _is_new(line: Started, polled_s: float, first_s: float) -> bool:
    """Whether a line was not due yet when the running lines were last polled."""
    return line.absent_s is None and not line.is_cancelled and polled_s < line.at_s + first_s
