"""Starting the lines of a segment: a block after the other, while there are places, time and a provider."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.answers import Generation, Trouble
from backburner.capacity import EVERYTHING, Denial, Reservation
from backburner.errors import Reason, RetryLaterError
from backburner.governor import Governor
from backburner.lines import BadLineError, Request, Requests, custom_id_of, split_lines
from backburner.pacing import LONGEST_DELAY_S, Pace, ask_again_s, backoff_s
from backburner.ports import Bucket, Clock, ConflictError, Generator
from backburner.profiles import Profile
from backburner.recipes import Recipe, parse
from backburner.records import cost_of, log_keys
from backburner.segment import Started, Todo
from backburner.sizing import line_tokens
from backburner.steps import Scribe, Step
from backburner.verdicts import Act, Call, Verdict, judge

logger = logging.getLogger(__name__)

BLOCK = 32
"""Lines created between two writes of the record: the most generations that a death there can leave nameless."""
_AT_A_TIME = 256
"""Places that are asked for at once."""
_AGAIN_S = 2.0
_FULL_S = 15.0


@dataclass(frozen=True, kw_only=True)
class LineStarter:
    """Creates the generations of lines; one segment at a time in one process."""

    bucket: Bucket
    governor: Governor
    generator: Generator
    scribe: Scribe
    clock: Clock
    pace: Pace
    profile: Profile
    project: str | None
    line_parameters: frozenset[str]
    """What lines may bring beside what they always may."""
    slots: asyncio.Semaphore
    lease_s: int
    max_attempts: int
    create_limit_s: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def count_dead(self, step: Step) -> None:
        """Creates whose process died: each may have started a generation that nobody knows."""
        if not step.segment.creating:
            return
        try:
            raw = await self._raw(step)
        except RetryLaterError:  # replaced: only the names are missing
            raw = {}
        died = Verdict(act=Act.LOST, reason=Reason.LOST, message="the process that began it died")
        for line in step.segment.creating:
            step.orphans += 1
            step.again(line, died, custom_id_of(raw.get(line.number, b"")), self.max_attempts)

    async def start(self, step: Step) -> float:
        """Create what is to do and may be tried by now. When to look again. Raises `TakenError`."""
        raw: Mapping[int, bytes] | None = None
        blocks = 0
        granted, delay_s, paused = 0, _AGAIN_S, {EVERYTHING, step.record.provider.model}
        while (ready := self._ready(step)) and not step.must_stop and self.clock.monotonic() < self.pace.until:
            if not granted:
                raw = await self._raw(step) if raw is None and self._has_budget else raw
                granted, denial = await self._places(step, self._wanted(step, ready[:_AT_A_TIME], raw))
                if not granted:
                    least_s = min(_FULL_S, max(_AGAIN_S, denial.seconds)) if denial else _AGAIN_S
                    delay_s = ask_again_s(step.held.age_s, least_s)
                    break
            if raw is None:
                raw = await self._raw(step)
            elif blocks and not await self._stands(step):
                break
            block = ready[: min(BLOCK, granted)]
            granted -= len(block)
            await self._create_block(step, block, raw)
            blocks += 1
            step.must_stop = step.must_stop or not paused.isdisjoint(self.governor.seen.pauses)
        if granted:  # not used: give them back
            await self._places(step, [])
        first_s = min((line.not_before_s for line in step.segment.todo), default=0.0) - step.age_s()
        return min(LONGEST_DELAY_S, max(delay_s, step.wait_s, first_s))

    def _ready(self, step: Step) -> list[Todo]:
        age_s = step.age_s()
        return [line for line in step.segment.todo if line.not_before_s <= age_s]

    @property
    def _has_budget(self) -> bool:
        return self.governor.limits.daily_tokens is not None or self.governor.limits.daily_cost is not None

    def _wanted(self, step: Step, lines: list[Todo], raw: Mapping[int, bytes] | None) -> list[Reservation]:
        """What each line reserves: with a budget what it really asks for, else its place is all that counts."""
        if raw is None:
            return [step.wants] * len(lines)
        requests, found = self._reader(step), list[Reservation]()
        for line in lines:
            try:
                request = requests.of(raw.get(line.number), line.cap)
                inputs, outputs = self._asked(request, requests.recipe, len(raw[line.number]))
            except BadLineError:  # it ends without a generation
                inputs = outputs = 0
            price = step.record.price
            cost = price.of(inputs, outputs) if price else 0.0
            found.append(replace(step.wants, tokens=inputs + outputs, cost=cost))
        return found

    @staticmethod
    def _asked(request: Request, recipe: Recipe, size_bytes: int) -> tuple[int, int]:
        """Tokens that a request may take in and give."""
        instructions = "" if request.is_given else recipe.instructions
        return line_tokens(size_bytes, request.body.get("max_output_tokens"), instructions)

    async def _places(self, step: Step, wanted: list[Reservation]) -> tuple[int, Denial | None]:
        """Hold what is open, and as many more as can be had; the record says what it waits for."""
        record, limits = step.record, self.governor.limits
        wanted = [
            replace(  # what is dearer than a whole day is told by its line alone
                each,
                tokens=each.tokens if limits.daily_tokens is None else min(each.tokens, limits.daily_tokens),
                cost=each.cost if limits.daily_cost is None else min(each.cost, limits.daily_cost),
            )
            for each in wanted
        ]
        granted, denial = await self.governor.extend(
            record.name,
            step.reservation,
            wanted,
            tokens=step.used.total_tokens,
            cost=cost_of(record.price, step.used) or 0.0,
        )
        if denial is not None and denial.waiting_for != record.waiting_for:
            step.held, step.is_changed = step.held.but(waiting_for=denial.waiting_for), True
        return granted, denial

    async def give_back(self, step: Step) -> None:
        """What has ended makes room for others."""
        held = self.governor.seen.reserved.get(step.record.name)
        if held is not None and step.reservation.places < held.places:
            await self._places(step, [])

    async def _create_block(self, step: Step, block: list[Todo], raw: Mapping[int, bytes]) -> None:
        requests = self._requests(step, block, raw)
        step.segment = step.segment.begun([line for line in block if line.number in requests])
        if step.is_guarded:
            await self.scribe.save(step)
        else:
            await self.scribe.save(step, step.record.message(), self.lease_s)
            step.is_guarded = True
        await asyncio.gather(
            *(self._create(step, line, requests[line.number], len(raw[line.number])) for line in step.segment.creating)
        )
        step.is_changed = True

    async def _create(self, step: Step, line: Todo, request: Request, size_bytes: int) -> None:
        async with self.slots:
            answer = await self.generator.create(request.body, self.create_limit_s)
        if isinstance(answer, Trouble):
            await self._not_created(step, line, request, answer)
            return
        step.begin(
            _started(step, line, request, answer, self._asked(request, parse(step.record.recipe_text), size_bytes))
        )
        await self.governor.went_well(request.body["model"])

    async def _not_created(self, step: Step, line: Todo, request: Request, answer: Trouble) -> None:
        verdict = judge(answer, Call.CREATE)
        logger.warning(
            "create answered with trouble",
            extra=log_keys(step.record) | {"act": verdict.act, "status": answer.status, "line": line.number},
        )
        match verdict.act:
            case Act.WAIT:
                await self.governor.went_bad(verdict.message)
                self._put_back(step, line, backoff_s(1, verdict.after_s))
            case Act.PAUSE | Act.PAUSE_MODEL:
                everything = verdict.act is Act.PAUSE
                await self.governor.pause(EVERYTHING if everything else request.body["model"], verdict.message)
                self._put_back(step, line, verdict.after_s or _AGAIN_S)
            case Act.FAIL if line.cap is not None:
                message = f"the doubled cap was refused: {verdict.message}"
                step.fail(line.number, request.custom_id, Reason.OUTPUT_TRUNCATED, message)
            case Act.FAIL | Act.SPLIT:
                reason = verdict.reason or Reason.REJECTED_BY_PROVIDER
                step.fail(line.number, request.custom_id, reason, verdict.message)
            case _:
                await self.governor.went_bad(verdict.message)
                step.orphans += verdict.act is Act.AMBIGUOUS
                step.again(line, verdict, request.custom_id, self.max_attempts)

    def _put_back(self, step: Step, line: Todo, wait_s: float) -> None:
        """Nothing was started and no attempt used: the provider wants nothing more just now."""
        step.drop(line.number)
        step.todo(line)
        step.must_stop, step.wait_s = True, max(step.wait_s, wait_s)

    def _requests(self, step: Step, block: list[Todo], raw: Mapping[int, bytes]) -> dict[int, Request]:
        """What is to be sent for each line; lines that cannot be sent end here."""
        requests, found = self._reader(step), dict[int, Request]()
        for line in block:
            try:
                if step.segment.is_oversized:
                    raise BadLineError("line_too_large", "longer than any request: nothing of it was read")  # noqa: TRY301
                is_repeated = line.number in step.segment.repeated
                request = requests.of(raw.get(line.number), line.cap, is_repeated=is_repeated)
                self._afford(request, requests, len(raw[line.number]))
                found[line.number] = request
            except BadLineError as error:
                step.fail(line.number, error.custom_id, error.code, str(error), param=error.param)
        return found

    def _reader(self, step: Step) -> Requests:
        record = step.record
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

    async def _raw(self, step: Step) -> dict[int, bytes]:
        """The lines by their numbers; empty if the batch is not there any more."""
        segment = step.segment
        if segment.is_oversized:
            return {}
        try:
            block = await self.bucket.get_range(segment.key, segment.first_byte, segment.end_byte, segment.etag)
        except ConflictError as error:  # its batch is superseded, and ends all segments
            raise RetryLaterError(f"{segment.key} was replaced") from error
        return {} if block is None else dict(enumerate(split_lines(block), segment.first_line))

    async def _stands(self, step: Step) -> bool:
        """Whether the batch is still the one that the lines were read from."""
        there = await self.bucket.head(step.segment.key)
        return there is not None and there.etag == step.segment.etag


def _started(step: Step, line: Todo, request: Request, answer: Generation, asked: tuple[int, int]) -> Started:
    return Started(
        number=line.number,
        custom_id=request.custom_id,
        id=answer.id,
        attempt=line.attempt + 1,
        at_s=round(step.age_s(), 1),
        cap=line.cap,
        is_given=request.is_given,
        inputs=asked[0],
        outputs=asked[1],
    )
