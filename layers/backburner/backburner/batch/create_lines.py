"""Starting the lines of a segment: a block after the other, while there are places, time and a provider."""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.batch.checkpoint import Checkpointer, SegmentVisit
from backburner.batch.line_verdicts import judged
from backburner.batch.lines import CANCELLED_LINE, BadLineError, Request, Requests, custom_id_of, split_lines
from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS, MAX_PAUSES, Denial, Reservation
from backburner.capacity.timing import MAX_DELAY_S, Pace, ask_again_s, backoff_s
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import line_tokens
from backburner.errors import Reason, RetryLaterError
from backburner.ledger.records import log_keys
from backburner.ledger.segment_state import Started, Todo
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import Decision, Do, Stop, decide, lifted_by_any
from backburner.ports import Bucket, Clock, ConflictError, Generator
from backburner.provider.answers import Answer, FailedCall, Generation, repeated
from backburner.provider.profiles import Profile
from backburner.provider.verdicts import Act, Call, Verdict, judge, loggable

logger = logging.getLogger(__name__)

BLOCK = 32
"""Lines created between two writes of the record: the most generations that a death there can leave nameless."""
_AT_A_TIME = 256
"""Places that are asked for at once."""
_AGAIN_S = 2.0
_FULL_S = 15.0
_PROBE_S = 60.0
"""A line whose own model is refused waits so long, then twice as long, up to a quarter of an hour."""
_MAX_DOUBLINGS = 4
_UNTOLD = "*untold"
"""Stands for all models that are refused and have no pause of their own."""
_MAX_GIVEN = 50_000


@dataclass(frozen=True, kw_only=True)
class LineCreator:
    """Creates the generations of lines; one segment at a time in one process."""

    bucket: Bucket
    governor: Governor
    generator: Generator
    checkpointer: Checkpointer
    clock: Clock
    pace: Pace
    memory: MemoryBudget
    profile: Profile
    project: str | None
    line_parameters: frozenset[str]
    """What lines may bring beside what they always may."""
    slots: asyncio.Semaphore
    lease_s: int
    max_attempts: int
    create_limit_s: float
    given: dict[str, None] = field(default_factory=dict, repr=False)
    """The response ids that this process has got of late."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def count_dead(self, visit: SegmentVisit) -> None:
        """Creates whose process died: each may have started a generation that nobody knows."""
        if not visit.segment.creating:
            return
        try:
            raw = await self._raw(visit)
        except RetryLaterError:  # replaced: only the names are missing
            raw = {}
        died = Verdict(act=Act.LOST, reason=Reason.LOST, message="the process that began it died")
        for line in visit.segment.creating:
            decision = self._decision(line, died, FailedCall(status=None))
            visit.carry_out(line, custom_id_of(raw.get(line.number, b"")), decision)

    async def cancel_rest(self, visit: SegmentVisit, reason: Reason) -> None:
        """End what was never begun, or was to be begun again, as cancelled."""
        if not visit.segment.todo:
            return
        try:
            raw = await self._raw(visit)
        except RetryLaterError:  # replaced: only the names are missing
            raw = {}
        for line in visit.segment.todo:
            visit.fail(line.number, custom_id_of(raw.get(line.number, b"")), reason, CANCELLED_LINE)

    async def start(self, visit: SegmentVisit) -> float:
        """Create what is to do and may be tried by now. When to look again. Raises `TakenError`."""
        raw: Mapping[int, bytes] | None = None
        blocks = 0
        granted, delay_s, paused = 0, _AGAIN_S, {ALL_MODELS, visit.record.provider.model}
        refused: set[str] = set()
        while (ready := self._ready(visit)) and not visit.must_stop and self.clock.monotonic() < self.pace.until:
            if not self._refused(visit) <= refused:
                refused, raw = self._refused(visit), await self._raw(visit) if raw is None else raw
                await self._hold_back(visit, raw)
                continue
            if not granted:
                raw = await self._raw(visit) if raw is None and self._has_budget else raw
                granted, denial = await self._places(visit, self._wanted(visit, ready[:_AT_A_TIME], raw))
                if not granted:
                    least_s = min(_FULL_S, max(_AGAIN_S, denial.seconds)) if denial else _AGAIN_S
                    delay_s = ask_again_s(visit.held.age_s, least_s)
                    break
            if raw is None:
                raw = await self._raw(visit)
            elif blocks and not await self._stands(visit):
                break
            block = ready[: min(BLOCK, granted)]
            granted -= len(block)
            await self._create_block(visit, block, raw)
            blocks += 1
            visit.must_stop = visit.must_stop or not paused.isdisjoint(self.governor.seen.pauses)
        if granted:  # not used: give them back
            await self._places(visit, [])
        first_s = min((line.not_before_s for line in visit.segment.todo), default=0.0) - visit.age_s()
        return min(MAX_DELAY_S, max(delay_s, visit.wait_s, first_s))

    def _ready(self, visit: SegmentVisit) -> list[Todo]:
        age_s = visit.age_s()
        return [line for line in visit.segment.todo if line.not_before_s <= age_s]

    def _refused(self, visit: SegmentVisit) -> set[str]:
        """Models that are paused, but for the batch's own."""
        return self.governor.seen.pauses.keys() - {ALL_MODELS, visit.record.provider.model}

    async def _hold_back(self, visit: SegmentVisit, raw: Mapping[int, bytes]) -> None:
        """Of the lines that name a model which is paused only one tries it, and only when it may be tried.

        Where more models are refused than pauses are kept, one line at a time tries any of the others.
        """
        counters, now = await self.governor.counters()
        refused = {name: counters.pauses[name] for name in self._refused(visit) if name in counters.pauses}
        requests, tried, age_s, todo = self._reader(visit), set[str](), visit.age_s(), list[Todo]()
        for line in visit.segment.todo:
            model = _model_of(requests, raw.get(line.number), line) if line.not_before_s <= age_s else ""
            is_untold = model and line.refusals and model not in refused and len(counters.pauses) >= MAX_PAUSES
            model = _UNTOLD if is_untold else model
            left_s = (refused[model].next_probe - now).total_seconds() if model in refused else 0.0
            if model in tried or left_s > 0:
                todo.append(replace(line, not_before_s=round(age_s + max(left_s, _PROBE_S), 1)))
                continue
            tried |= {model} & {_UNTOLD, *refused}
            todo.append(line)
        if todo != visit.segment.todo:
            visit.segment, visit.is_changed = replace(visit.segment, todo=todo), True

    @property
    def _has_budget(self) -> bool:
        return self.governor.limits.daily_tokens is not None or self.governor.limits.daily_cost is not None

    def _wanted(self, visit: SegmentVisit, lines: list[Todo], raw: Mapping[int, bytes] | None) -> list[Reservation]:
        """What each line reserves: with a budget what it really asks for, else its place is all that counts."""
        if raw is None:
            return [visit.reservation] * len(lines)
        requests, found = self._reader(visit), list[Reservation]()
        for line in lines:
            model = visit.reservation.model
            try:
                request = requests.of(raw.get(line.number), line.cap)
                inputs, outputs = self._asked(request, requests.recipe, len(raw[line.number]))
                model = request.body["model"]
            except BadLineError:  # it ends without a generation
                inputs = outputs = 0
            price = visit.record.price
            cost = price.of(inputs, outputs) if price else 0.0
            found.append(replace(visit.reservation, model=model, tokens=inputs + outputs, cost=cost))
        return found

    @staticmethod
    def _asked(request: Request, recipe: Recipe, size_bytes: int) -> tuple[int, int]:
        """Tokens that a request may take in and give."""
        instructions = "" if request.is_given else recipe.instructions
        return line_tokens(size_bytes, request.body.get("max_output_tokens"), instructions)

    async def _places(self, visit: SegmentVisit, wanted: list[Reservation]) -> tuple[int, Denial | None]:
        """Hold what is open, and as many more as can be had; the record says what it waits for."""
        record, limits = visit.record, self.governor.limits
        tokens, cost = visit.booked
        wanted = [
            replace(  # what is dearer than a whole day is told by its line alone
                each,
                tokens=each.tokens if limits.daily_tokens is None else min(each.tokens, limits.daily_tokens),
                cost=each.cost if limits.daily_cost is None else min(each.cost, limits.daily_cost),
            )
            for each in wanted
        ]
        granted, denial, visit.counted = await self.governor.extend(
            record.name, visit.reservation, wanted, told=record.counted, tokens=tokens, cost=cost
        )
        if denial is not None and denial.waiting_for != record.waiting_for:
            visit.held, visit.is_changed = visit.held.with_changes(waiting_for=denial.waiting_for), True
        return granted, denial

    async def give_back(self, visit: SegmentVisit) -> None:
        """What has ended makes room for others."""
        if visit.counted is not None and visit.reservation.slots < visit.counted.slots:
            await self._places(visit, [])

    async def _create_block(self, visit: SegmentVisit, block: list[Todo], raw: Mapping[int, bytes]) -> None:
        requests = self._requests(visit, block, raw)
        visit.segment = visit.segment.begun([line for line in block if line.number in requests])
        if visit.is_guarded:
            await self.checkpointer.save(visit)
        else:
            await self.checkpointer.save(visit, visit.record.message(), self.lease_s)
            visit.is_guarded = True
        await asyncio.gather(
            *(
                self._create(visit, line, requests[line.number], len(raw[line.number]))
                for line in visit.segment.creating
            )
        )
        visit.is_changed = True

    async def _create(self, visit: SegmentVisit, line: Todo, request: Request, size_bytes: int) -> None:
        async with self.memory.for_answer(), self.slots:  # documents too have their bytes before their place
            answer = await self.generator.create(request.body, self.create_limit_s)
        if isinstance(answer, Generation) and not self._is_ours(visit, request, answer):
            answer = repeated(answer)
        if isinstance(answer, FailedCall):
            await self._not_created(visit, line, request, answer)
            return
        asked = self._asked(request, parse(visit.record.recipe_text), size_bytes)
        started = _started(visit, line, request, answer, asked)
        visit.begin(started)
        await self.governor.call_accepted(request.body["model"])
        if answer.is_over:
            await self._ended(visit, started, request, answer)

    async def _ended(self, visit: SegmentVisit, line: Started, request: Request, answer: Generation) -> None:
        """A create that was answered with the end already: it may be all that this server ever tells of it."""
        recipe = parse(visit.record.recipe_text)
        decision = judged(line, answer, Call.CREATE, recipe, age_s=0.0, deadline_s=math.inf, most=self.max_attempts)
        if decision.stop:
            await self._pause(visit, decision, request, answer)
        visit.conclude(line, decision, answer)
        self.memory.met_answer(len(visit.completed.get(line.number, b"")))

    def _is_ours(self, visit: SegmentVisit, request: Request, answer: Generation) -> bool:
        """Whether an answer to a create is about this create: as far as this process can know.

        A note for each id, as documents have it, would be an object for each line.
        """
        if not request.is_given and self.profile.metadata and answer.job not in ("", visit.record.job_id):
            return False
        if answer.id in self.given or any(line.id == answer.id for line in visit.segment.started):
            return False
        self.given[answer.id] = None
        if len(self.given) > _MAX_GIVEN:
            del self.given[next(iter(self.given))]
        return True

    def _decision(self, line: Todo, verdict: Verdict, answer: FailedCall) -> Decision:
        return decide(
            verdict,
            answer,
            Call.CREATE,
            attempt=line.attempt + 1,
            most=self.max_attempts,
            is_enlarged=line.cap is not None,
        )

    async def _not_created(self, visit: SegmentVisit, line: Todo, request: Request, answer: FailedCall) -> None:
        verdict = judge(answer, Call.CREATE)
        decision = self._decision(line, verdict, answer)
        told = {"act": verdict.act, "status": answer.status, "code": loggable(answer.code), "line": line.number}
        logger.warning("create answered with trouble", extra=log_keys(visit.record) | told)
        if decision.stop:
            await self._pause(visit, decision, request, answer)
        if decision.is_bad:
            await self.governor.create_failed(decision.brief)
        if decision.stop is Stop.MODEL and request.body["model"] != visit.record.provider.model:
            refusals = line.refusals + 1
            not_before_s = round(visit.age_s() + _PROBE_S * 2 ** min(refusals - 1, _MAX_DOUBLINGS), 1)
            line = replace(line, refusals=refusals, not_before_s=not_before_s)
        elif decision.do is Do.PUT_BACK:
            backs_off_s = _AGAIN_S if decision.stop else backoff_s(1, decision.after_s)
            visit.must_stop, visit.wait_s = True, max(visit.wait_s, backs_off_s)
        visit.carry_out(line, request.custom_id, decision)

    async def _pause(self, visit: SegmentVisit, decision: Decision, request: Request, answer: Answer) -> None:
        """Pause whom a decision concerns, and create nothing more in this look where that is the batch itself."""
        concerned = ALL_MODELS if decision.stop is Stop.EVERYBODY else request.body["model"]
        lifts = lifted_by_any(Call.CREATE, answer)
        await self.governor.pause(concerned, decision.brief, any_call_lifts=lifts)
        visit.must_stop = visit.must_stop or concerned in (ALL_MODELS, visit.record.provider.model)

    def _requests(self, visit: SegmentVisit, block: list[Todo], raw: Mapping[int, bytes]) -> dict[int, Request]:
        """What is to be sent for each line; lines that cannot be sent end here."""
        requests, found = self._reader(visit), dict[int, Request]()
        for line in block:
            try:
                if visit.segment.is_oversized:
                    raise BadLineError("line_too_large", "longer than any request: nothing of it was read")  # noqa: TRY301
                is_repeated = line.number in visit.segment.repeated
                request = requests.of(raw.get(line.number), line.cap, is_repeated=is_repeated)
                self._afford(request, requests, len(raw[line.number]))
                found[line.number] = request
            except BadLineError as error:
                visit.fail(line.number, error.custom_id, error.code, str(error), param=error.param)
        return found

    def _reader(self, visit: SegmentVisit) -> Requests:
        record = visit.record
        return Requests(
            profile=self.profile,
            recipe=parse(record.recipe_text),
            model=record.provider.model,
            project=self.project,
            job=record.job_id,
            also_allowed=self.line_parameters,
        )

    def _afford(self, request: Request, requests: Requests, size_bytes: int) -> None:
        """Raises `BadLineError` where a line alone is dearer than a whole day's budget, or nobody knows its price."""
        inputs, outputs = self._asked(request, requests.recipe, size_bytes)
        limits, price = self.governor.limits, requests.recipe.price
        if limits.daily_tokens is not None and inputs + outputs > limits.daily_tokens:
            told = f"about {inputs + outputs} tokens, more than a whole day's {limits.daily_tokens}"
            raise BadLineError(Reason.OVER_BUDGET, told, request.custom_id)
        if limits.daily_cost is None:
            return
        if price is None or request.body["model"] != requests.model:
            told = f"BACKBURNER_DAILY_COST is set, and the recipe's price is that of {requests.model}: no other is run"
            raise BadLineError("unknown_price", told, request.custom_id)
        cost = price.of(inputs, outputs)
        if cost > limits.daily_cost:
            told = f"about {cost:.4f}, more than a whole day's {limits.daily_cost}"
            raise BadLineError(Reason.OVER_BUDGET, told, request.custom_id)

    async def _raw(self, visit: SegmentVisit) -> dict[int, bytes]:
        """The lines by their numbers; empty if the batch is not there any more."""
        segment = visit.segment
        if segment.is_oversized:
            return {}
        try:
            block = await self.bucket.get_range(segment.key, segment.first_byte, segment.end_byte, segment.etag)
        except ConflictError as error:  # its batch is superseded, and ends all segments
            raise RetryLaterError(f"{segment.key} was replaced") from error
        return {} if block is None else dict(enumerate(split_lines(block), segment.first_line))

    async def _stands(self, visit: SegmentVisit) -> bool:
        """Whether the batch is still the one that the lines were read from."""
        there = await self.bucket.head(visit.segment.key)
        return there is not None and there.etag == visit.segment.etag


def _started(visit: SegmentVisit, line: Todo, request: Request, answer: Generation, asked: tuple[int, int]) -> Started:
    return Started(
        number=line.number,
        custom_id=request.custom_id,
        id=answer.id,
        attempt=line.attempt + 1,
        at_s=round(visit.age_s(), 1),
        cap=line.cap,
        is_given=request.is_given,
        inputs=asked[0],
        outputs=asked[1],
        sent_cap=_whole(request.body.get("max_output_tokens")),
        model="" if request.body["model"] == visit.record.provider.model else request.body["model"],
    )


def _model_of(requests: Requests, raw: bytes | None, line: Todo) -> str:
    """The model that a line would be sent to; "" where it cannot be sent."""
    try:
        return str(requests.of(raw, line.cap).body["model"])
    except BadLineError:
        return ""


def _whole(value: object) -> int | None:
    """A bound as a line may give it; None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
