"""Collecting the lines of a segment that are under way: each that is due is polled, judged, and ends or goes on."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.answers import Answer, Generation, Trouble
from backburner.capacity import EVERYTHING
from backburner.errors import Reason
from backburner.governor import Governor
from backburner.lines import succeeded
from backburner.memory import Memory
from backburner.pacing import LONGEST_POLL_S, RANDOM, Pace
from backburner.ports import Clock, Generator
from backburner.recipes import Recipe, parse, schema_problem
from backburner.segment import Started, Todo
from backburner.steps import Step
from backburner.verdicts import Act, Call, Verdict, judge

_AT_ONCE = 64
_YOUNG_S = 60
_GROWTH = 1.2
"""Each poll of a line comes at this many times the age of the one before, until polls are five minutes apart."""


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Polls lines. `deadline_s` bounds a generation where the recipe does not."""

    governor: Governor
    generator: Generator
    clock: Clock
    pace: Pace
    memory: Memory
    max_attempts: int
    deadline_s: int

    async def collect(self, step: Step) -> AsyncIterator[None]:
        """Look at every line that is due; stop wherever so much has ended that it must be written first."""
        recipe, age_s = parse(step.record.recipe_text), step.age_s()
        first_s = self.governor.first_poll_s(step.record.provider.model)
        due = [line for line in step.segment.started if _is_due(line, step.segment.polled_s, age_s, first_s)]
        RANDOM.shuffle(due)  # where time runs out, it is not always the same ones that are left
        left = deque(due)

        async def poll() -> None:
            while left and not self._is_over() and not self.memory.is_full(step.kept_bytes):
                line = left.popleft()
                if not await self.pace.turn(self.pace.until) or self.memory.is_full(step.kept_bytes):
                    left.append(line)
                    return
                async with self.memory.for_answer():
                    await self._poll(step, line, recipe, age_s)

        while True:
            await asyncio.gather(*(poll() for _ in range(min(_AT_ONCE, len(left)))))
            if not left or not self.memory.is_full(step.kept_bytes):
                break
            yield
        if due and not left:
            step.segment, step.is_changed = replace(step.segment, polled_s=round(age_s, 1)), True

    async def _poll(self, step: Step, line: Started, recipe: Recipe, age_s: float) -> None:
        if line.is_cancelled:
            await self.generator.cancel(line.id)
        answer = await self.generator.retrieve(line.id)
        step.polls += 1
        await self._judged(step, line, answer, recipe, age_s - line.at_s)
        size_bytes = len(step.completed.get(line.number, b"")) + len(step.failed.get(line.number, b""))
        self.memory.met_answer(size_bytes)
        self.memory.kept_bytes += size_bytes
        step.kept_bytes += size_bytes

    async def cancel(self, step: Step) -> bool:
        """Stop what is under way; it is to do again for who takes the batch up. Whether the provider heard of all."""

        async def cancel(line: Started) -> None:
            if not await self.pace.turn(self.pace.until):
                return
            answer = await self.generator.cancel(line.id)
            if isinstance(answer, Trouble) and answer.status not in _GONE:
                return
            step.spent(answer)
            step.drop(line.number)
            step.todo(Todo(line.number, 0, line.cap))

        await asyncio.gather(*map(cancel, step.segment.started))
        return not step.segment.started

    def _is_over(self) -> bool:
        return self.pace.is_held or self.clock.monotonic() > self.pace.until

    async def _judged(self, step: Step, line: Started, answer: Answer, recipe: Recipe, age_s: float) -> None:
        verdict = judge(
            answer,
            Call.RETRIEVE,
            schema_problem=_schema_problem(recipe, line, answer),
            young=age_s < _YOUNG_S,
            cancelled_for=Reason.DEADLINE_EXCEEDED if line.is_cancelled else None,
        )
        if verdict.act is Act.RETRY and _has_output(answer):
            verdict = Verdict(act=Act.COMMIT)
        if verdict.act is Act.POLL:
            late = age_s > (recipe.deadline_s or self.deadline_s)
            if late and isinstance(answer, Generation) and not line.is_cancelled:
                _mark_cancelled(step, line)
            return
        if verdict.act in (Act.PAUSE, Act.PAUSE_MODEL):
            everything = verdict.act is Act.PAUSE
            await self.governor.pause(EVERYTHING if everything else step.record.provider.model, verdict.message)
            if isinstance(answer, Trouble):
                self.pace.is_held = self.pace.is_held or everything
                return
        step.spent(answer)
        step.drop(line.number)
        if isinstance(answer, Generation):
            step.forgettable.append(line.id)
        self._act(step, line, answer, verdict)

    def _act(self, step: Step, line: Started, answer: Answer, verdict: Verdict) -> None:
        """What a verdict that ends a generation means for its line."""
        cap = answer.body.get("max_output_tokens") if isinstance(answer, Generation) else None
        used = Todo(line.number, line.attempt - 1, line.cap)
        match verdict.act:
            case Act.COMMIT if isinstance(answer, Generation):
                step.completed[line.number] = succeeded(line.number, line.custom_id, answer)
            case Act.PAUSE:
                step.todo(used)
            case Act.ENLARGE if isinstance(cap, int) and line.cap is None and line.attempt < self.max_attempts:
                step.todo(Todo(line.number, line.attempt, cap * 2))
            case Act.FAIL | Act.SPLIT | Act.ENLARGE:
                reason = verdict.reason or Reason.PROVIDER_FAILED
                step.fail(line.number, line.custom_id, reason, verdict.message, answer)
            case _:
                step.orphans += verdict.act is Act.LOST
                step.again(used, verdict, line.custom_id, self.max_attempts, answer)


_GONE = (404, 405, 409)
"""Answers to a cancel that say that there is nothing to cancel any more, or no cancelling at all."""


def _is_due(line: Started, polled_s: float, age_s: float, first_s: float) -> bool:
    """Whether a line should have been polled once more since the last look."""
    return line.is_cancelled or _polls_by(age_s - line.at_s, first_s) > _polls_by(polled_s - line.at_s, first_s)


def _polls_by(line_s: float, first_s: float) -> int:
    """How many polls a line has had by an age: the first at `first_s`, then ever further apart."""
    if line_s < first_s:
        return 0
    linear_s = LONGEST_POLL_S / (_GROWTH - 1)
    grown = 1 + int(math.log(min(line_s, max(linear_s, first_s)) / first_s, _GROWTH))
    return grown + int(max(0.0, line_s - linear_s) / LONGEST_POLL_S)


def _mark_cancelled(step: Step, line: Started) -> None:
    marked = replace(line, is_cancelled=True)
    started = [marked if each.number == line.number else each for each in step.segment.started]
    step.segment, step.is_changed = replace(step.segment, started=started), True


def _schema_problem(recipe: Recipe, line: Started, answer: Answer) -> str:
    """Lines with a body of their own have a schema of their own, if any: the provider keeps it."""
    if line.is_given or not isinstance(answer, Generation) or answer.status != "completed":
        return ""
    return schema_problem(recipe, answer.text)


def _has_output(answer: Answer) -> bool:
    """Whether a completed answer without text has something else to show: a call of a tool, say."""
    if not isinstance(answer, Generation) or answer.status != "completed" or answer.text or answer.refusal:
        return False
    output = answer.body.get("output")
    kinds = {item.get("type") for item in output if isinstance(item, Mapping)} if isinstance(output, list) else set()
    return bool(kinds - {"message", "reasoning", None})
