"""Creates the generations of a segment's lines, block by block, while there are slots and time.

Order of effects in one block: guard → the record, `creating` → the creates → [next block] the record with their ids.
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.batch.checkpoint import Checkpointer, SegmentVisit
from backburner.batch.input_lines import Request
from backburner.batch.line_decisions import judged
from backburner.batch.poll_lines import release
from backburner.batch.prepare_lines import PROBE_S, LinePreparer, tokens_of
from backburner.batch.segment_reader import SegmentReader
from backburner.batch.segment_slots import hold_slots
from backburner.batch.turns import Turns
from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS, Denial
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.capacity.timing import ask_again_s, backoff_s
from backburner.documents.recipes import parse
from backburner.errors import Reason
from backburner.ledger.records import log_keys
from backburner.ledger.segment_state import Started, Todo
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import Attempt, Decision, Do, Stop, decide, decided
from backburner.outcome.governing import note_decision
from backburner.ports import MAX_DELAY_S, Clock, Generator
from backburner.provider.answers import FailedCall, Generation, repeated
from backburner.provider.verdicts import Act, Call, Verdict, loggable
from backburner.settings import Settings

logger = logging.getLogger(__name__)

BLOCK = 32
"""Lines created between two writes of the record, so at most this many ids are lost if the process dies."""
_AT_A_TIME = 256
"""How many slots are asked for at a time."""
_FEW = 4
"""Of all slots, at most one in so many must be free before more lines are begun."""
_AGAIN_S = 2.0
_FULL_S = 15.0
_MAX_DOUBLINGS = 4
_MAX_GIVEN = 50_000


@dataclass(frozen=True, kw_only=True)
class LineCreator:
    """Creates the generations of lines; one segment at a time in one process."""

    governor: Governor
    durations: Durations
    pauses: ProviderPauses
    generator: Generator
    segment_reader: SegmentReader
    preparer: LinePreparer
    checkpointer: Checkpointer
    clock: Clock
    memory: MemoryBudget
    settings: Settings
    slots: asyncio.Semaphore
    create_limit_s: float
    turns: Turns
    given: dict[str, None] = field(default_factory=dict, repr=False)
    """The response ids that this process has received recently."""

    async def count_dead(self, visit: SegmentVisit) -> None:
        """Count the creates of a process that died: each may have started a generation whose id is not known."""
        if not visit.segment.creating:
            return
        names = await self.segment_reader.names(visit.segment)
        died = Verdict(act=Act.LOST, reason=Reason.LOST, message="the process that began it died")
        for line in visit.segment.creating:
            decision = decide(died, FailedCall(status=None), Call.CREATE, self._attempt(line))
            visit.carry_out(line, names[line.number], decision)

    async def start(self, visit: SegmentVisit, poll_in_s: float) -> float:
        """Create the lines that may be tried now, until lines that run are due for a poll: others in `poll_in_s`.

        Returns when to visit again. Raises `TakenError`.
        """
        lines, granted, delay_s, has_asked = _Lines(self.segment_reader, visit), 0, _AGAIN_S, False
        poll_at_s = self.clock.monotonic() + poll_in_s
        first_poll_s = self.durations.first_poll_s(visit.record.provider.model)
        while (ready := _ready(visit)) and not visit.must_stop and self.clock.monotonic() < visit.tick.until:
            refused = self.preparer.refused_models(visit)
            if not refused <= lines.held_back:
                lines.held_back = refused
                await self.preparer.hold_back(visit, await lines.read())
                continue
            if not granted and has_asked and self.clock.monotonic() >= poll_at_s:
                delay_s = 0.0  # the first lines are due for a poll, and another segment gets the turn
                break
            has_asked = True
            if not granted and await self._slots_come(visit, len(ready), poll_at_s - self.clock.monotonic()):
                continue
            if not granted:
                granted, denial = await self._slots(visit, lines, ready[:_AT_A_TIME])
                if not granted:
                    min_s = min(_FULL_S, max(_AGAIN_S, denial.seconds)) if denial else _AGAIN_S
                    delay_s = ask_again_s(visit.held.age_s, min_s)
                    break
            if not await lines.are_current():
                break
            block = ready[: min(BLOCK, granted)]
            granted -= len(block)
            poll_at_s = min(poll_at_s, self.clock.monotonic() + first_poll_s)
            await self._create_block(visit, block, await lines.read())
        if granted:  # not used: give them back
            await hold_slots(self.governor, visit, [])
        first_s = min((line.not_before_s for line in visit.segment.todo), default=0.0) - visit.age_s()
        return min(MAX_DELAY_S, max(delay_s, visit.wait_s, first_s))

    async def _slots_come(self, visit: SegmentVisit, wanted: int, limit_s: float) -> bool:
        """If there are hardly any slots, wait until another segment gives some back. False if none will, or none must.

        Blocks of a few lines would cost as many writes of the record as full ones.
        """
        limits = self.governor.limits
        few = min(BLOCK, wanted, max(1, limits.max_in_flight // _FEW))
        if limits.max_in_flight - self.governor.in_flight >= few:
            return False
        if visit.unrecorded and self.turns.others_work:  # it may be a long wait, and the process may die
            await self.checkpointer.save(visit)
            release(self.memory, visit)
        return await self.turns.slots_come(min(limit_s, visit.tick.until - self.clock.monotonic()))

    async def _slots(self, visit: SegmentVisit, lines: "_Lines", wanted: list[Todo]) -> tuple[int, Denial | None]:
        """Ask for slots. With a budget, each line reserves what it asks for, so the lines are read first."""
        limits = self.governor.limits
        has_budget = limits.daily_tokens is not None or limits.daily_cost is not None
        raw = await lines.read() if has_budget else lines.raw
        return await hold_slots(self.governor, visit, self.preparer.reservations(visit, wanted, raw))

    async def _create_block(self, visit: SegmentVisit, block: list[Todo], raw: Mapping[int, bytes]) -> None:
        """Create the generations of a block under a guard; their ids are recorded with the next write."""
        requests = self.preparer.ready(visit, block, raw)
        visit.segment = visit.segment.begun([line for line in block if line.number in requests])
        await self.checkpointer.save(visit, guard=self.checkpointer.needs_guard(visit))
        release(self.memory, visit)
        await asyncio.gather(
            *(self._create(visit, line, requests[line.number], raw[line.number]) for line in visit.segment.creating)
        )
        visit.is_changed = True
        own_pauses = self.governor.last_read.pauses.keys() & {ALL_MODELS, visit.record.provider.model}
        visit.must_stop = visit.must_stop or bool(own_pauses)

    async def _create(self, visit: SegmentVisit, line: Todo, request: Request, raw: bytes) -> None:
        async with self.memory.for_answer(), self.slots:  # memory before the slot, as for documents
            answer = await self.generator.create(request.body, self.create_limit_s)
        if isinstance(answer, Generation) and not self._is_ours(visit, request, answer):
            answer = repeated(answer)
        if isinstance(answer, Generation):
            await self._started(visit, line, request, answer, raw)
        else:
            await self._not_started(visit, line, request, answer)

    async def _started(
        self, visit: SegmentVisit, line: Todo, request: Request, generation: Generation, raw: bytes
    ) -> None:
        recipe, model = parse(visit.record.recipe_text), request.body["model"]
        inputs, outputs = tokens_of(request, recipe, raw)
        started = Started(
            number=line.number,
            custom_id=request.custom_id,
            id=generation.id,
            attempt=line.attempt + 1,
            at_s=round(visit.age_s(), 1),
            cap=line.cap,
            is_given=request.is_given,
            is_chat=request.is_chat,
            inputs=inputs,
            outputs=outputs,
            sent_cap=_whole(request.body.get("max_output_tokens")),
            model="" if model == visit.record.provider.model else model,
        )
        visit.begin(started)
        await self.pauses.call_accepted(model)
        if generation.is_over:  # some servers never report it again
            most = self.settings.max_attempts
            decision = judged(started, generation, Call.CREATE, recipe, age_s=0.0, deadline_s=math.inf, most=most)
            await self._tell(visit, decision, model)
            visit.conclude(started, decision, generation)
            self.memory.met_answer(len(visit.completed.get(line.number, b"")))

    async def _not_started(self, visit: SegmentVisit, line: Todo, request: Request, answer: FailedCall) -> None:
        model, decision = request.body["model"], decided(answer, Call.CREATE, self._attempt(line))
        details = {"act": decision.act, "status": answer.status, "code": loggable(answer.code), "line": line.number}
        logger.warning("create failed", extra=log_keys(visit.record) | details)
        await self._tell(visit, decision, model)
        if decision.stop is Stop.MODEL and model != visit.record.provider.model:
            times_refused = line.times_refused + 1
            not_before_s = round(visit.age_s() + PROBE_S * 2 ** min(times_refused - 1, _MAX_DOUBLINGS), 1)
            line = replace(line, times_refused=times_refused, not_before_s=not_before_s)
        elif decision.do is Do.PUT_BACK:
            backs_off_s = _AGAIN_S if decision.stop else backoff_s(1, decision.after_s)
            visit.must_stop, visit.wait_s = True, max(visit.wait_s, backs_off_s)
        visit.carry_out(line, request.custom_id, decision)

    async def _tell(self, visit: SegmentVisit, decision: Decision, model: str) -> None:
        """Tell the governor, and create nothing more in this visit if the whole batch is affected."""
        await note_decision(self.pauses, decision, model)
        concerns_all = decision.stop is Stop.ALL_MODELS
        visit.must_stop = (
            visit.must_stop or concerns_all or (bool(decision.stop) and model == visit.record.provider.model)
        )

    def _is_ours(self, visit: SegmentVisit, request: Request, answer: Generation) -> bool:
        """Whether an answer belongs to this create, as far as this process can know.

        A note for each id, as for documents, would mean an object for each line.
        """
        if not request.is_given and self.settings.profile.metadata and answer.job not in ("", visit.record.job_id):
            return False
        if answer.id in self.given or any(line.id == answer.id for line in visit.segment.started):
            return False
        self.given[answer.id] = None
        if len(self.given) > _MAX_GIVEN:
            del self.given[next(iter(self.given))]
        return True

    def _attempt(self, line: Todo) -> Attempt:
        return Attempt(number=line.attempt + 1, most=self.settings.max_attempts, is_enlarged=line.cap is not None)


@dataclass
class _Lines:
    """The lines of a segment, read once per visit, when they are first needed."""

    segment_reader: SegmentReader
    visit: SegmentVisit
    raw: Mapping[int, bytes] | None = None
    held_back: set[str] = field(default_factory=set)
    """Models whose lines have been put off."""
    _was_checked: bool = False

    async def read(self) -> Mapping[int, bytes]:
        """The lines by their numbers."""
        if self.raw is None:
            self.raw = await self.segment_reader.raw(self.visit.segment)
        return self.raw

    async def are_current(self) -> bool:
        """Whether the batch is still the one that they were read from; checked before each block except the first."""
        was_checked, self._was_checked = self._was_checked, True
        return not was_checked or await self.segment_reader.are_current(self.visit.segment)


def _ready(visit: SegmentVisit) -> list[Todo]:
    age_s = visit.age_s()
    return [line for line in visit.segment.todo if line.not_before_s <= age_s]


def _whole(value: object) -> int | None:
    """A whole number above 0 as a line may give it; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
