"""Running the lines of one segment of a batch: many generations under one open record (DESIGN section 7).

Order of effects in one look, and what a crash before each costs:
  poll → piece with what ended → [guard → record, `creating` → the creates → record with their ids] again and again →
  a message for the next look → the record with its ticket → the provider's copies of what ended.
Before a piece is named by the record its lines are polled again. Between creates and record the ids are lost: at most
as many as one block has; the guard surfaces after the lease, and each is counted as a suspected orphan. The record is
rewritten only by who holds it; who loses it cancels what it has just started.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from backburner.answers import Answer, Generation, Trouble, Usage
from backburner.capacity import EVERYTHING, OUTPUT_WITHOUT_CAP_TOKENS, Reservation
from backburner.errors import Reason, RetryLaterError
from backburner.finish import Finisher
from backburner.governor import Governor
from backburner.inbox import Inbox
from backburner.ledger import Ledger, Open, Standing, new_nonce
from backburner.lines import BadLineError, Request, Requests, failed, split_lines, succeeded
from backburner.pacing import LONGEST_DELAY_S, Pace, next_poll_s
from backburner.ports import ABSENT, Bucket, Clock, ConflictError, Generator, Queue
from backburner.profiles import Profile
from backburner.recipes import Recipe, parse, schema_problem
from backburner.records import LineCounts, OpenRecord, State, cost_of, log_keys
from backburner.segment import Segment, Started, Todo
from backburner.sizing import CHARS_PER_TOKEN
from backburner.verdicts import Act, Call, Verdict, judge

logger = logging.getLogger(__name__)

BLOCK = 32
"""Lines created between two writes of the record: the most generations that a death there can leave nameless."""
_AT_A_TIME = 256
"""Places that are asked for at once."""
_POLLS_AT_ONCE = 64
_YOUNG_S = 60
_SOON_S = 1
_FULL_S = 15.0


class _TakenError(Exception):
    """The record is another owner's by now."""


@dataclass(kw_only=True)
class _Step:
    """One look at a segment: the record as held, and what has changed since it was written."""

    held: Open
    segment: Segment
    began_s: float
    usage: Usage = field(default_factory=Usage)
    orphans: int = 0
    polls: int = 0
    completed: dict[int, bytes] = field(default_factory=dict)
    failed: dict[int, bytes] = field(default_factory=dict)
    forgettable: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    is_changed: bool = False
    is_guarded: bool = False
    """Whether the record names a guard, for the lines that are being created."""
    must_stop: bool = False
    """The provider wants nothing more just now."""

    def drop(self, number: int) -> None:
        """A line is under way no more."""
        started = [line for line in self.segment.started if line.number != number]
        creating = [line for line in self.segment.creating if line.number != number]
        self.segment = replace(self.segment, started=started, creating=creating)
        self.is_changed = True


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Looks after segments. One at a time creates generations in one process."""

    bucket: Bucket
    ledger: Ledger
    inbox: Inbox
    finisher: Finisher
    governor: Governor
    generator: Generator
    pending: Queue
    clock: Clock
    pace: Pace
    profile: Profile
    project: str | None
    slots: asyncio.Semaphore
    lease_s: int
    max_attempts: int
    create_limit_s: float
    deadline_s: int
    creating: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def claim(self, record: OpenRecord, description: bytes, standing: Standing) -> bool:
        """Open the run of a segment; False if somebody else opened it. It goes on where an earlier run stopped."""
        segment = msgspec.json.decode(description, type=Segment)
        for held in (standing.run, standing.error):
            left = held.record.resume if held and held.record.job_id == record.job_id else None
            segment = left.segment.again() if left and left.segment else segment
        each = self._each(record, segment)
        message = record.message()
        await self.pending.send(message.encode(), _SOON_S)
        waiting = replace(
            record, state=State.WAITING, ticket=message.ticket, waiting_for="capacity", segment=segment, wants=each
        )
        return await self.ledger.claim(waiting) is not None

    async def look(self, held: Open) -> float | None:
        """Do what can be done now. In how many seconds to look again, under the message in hand; None: delete it."""
        record = held.record
        assert record.segment is not None, "not a segment"
        step = _Step(held=held, segment=record.segment, began_s=self.clock.monotonic())
        try:
            if await self.inbox.whole(record.part_of) is None:
                await self._cancel(step)
                await self.finisher.settled(step.held.record)
                return None
            self._count_dead(step)
            await self._poll_all(step)
            if record.cancelled_for is not None:
                await self._cancel(step)
                await self.finisher.fail(step.held.record, record.cancelled_for, "cancelled with its batch")
                return None
            return await self._go_on(step)
        except _TakenError:
            await asyncio.gather(*(self.generator.cancel(response_id) for response_id in step.unrecorded))
            return _SOON_S + 1.0

    def _count_dead(self, step: _Step) -> None:
        """Creates whose process died: each may have started a generation that nobody knows."""
        for line in step.segment.creating:
            step.orphans += 1
            died = Verdict(act=Act.LOST, reason=Reason.LOST, message="the process that began it died")
            self._again(step, line, died, custom_id=None)

    async def _poll_all(self, step: _Step) -> None:
        at_once = asyncio.Semaphore(_POLLS_AT_ONCE)
        recipe = parse(step.held.record.recipe_text)
        age_s = self._age_s(step)

        async def poll(line: Started) -> None:
            async with at_once:
                if self.pace.is_held or self.clock.monotonic() > self.pace.until:
                    return
                await self.pace.turn()
                if line.is_cancelled:
                    await self.generator.cancel(line.id)
                answer = await self.generator.retrieve(line.id)
            step.polls += 1
            verdict = judge(
                answer,
                Call.RETRIEVE,
                schema_problem=_schema_problem(recipe, line, answer),
                young=age_s - line.at_s < _YOUNG_S,
                cancelled_for=Reason.DEADLINE_EXCEEDED if line.is_cancelled else None,
            )
            if verdict.act is Act.RETRY and _has_output(answer):
                verdict = Verdict(act=Act.COMMIT)
            late = age_s - line.at_s > (recipe.deadline_s or self.deadline_s)
            await self._act(step, line, answer, verdict, late=late)

        await asyncio.gather(*map(poll, step.segment.started))

    async def _act(self, step: _Step, line: Started, answer: Answer, verdict: Verdict, *, late: bool) -> None:
        """What a poll's verdict means for a line."""
        record = step.held.record
        if verdict.act is Act.POLL:
            if late and isinstance(answer, Generation) and not line.is_cancelled:
                cancelled = replace(line, is_cancelled=True)
                started = [cancelled if each.number == line.number else each for each in step.segment.started]
                step.segment, step.is_changed = replace(step.segment, started=started), True
            return
        if verdict.act in (Act.PAUSE, Act.PAUSE_MODEL):
            everything = verdict.act is Act.PAUSE
            await self.governor.pause(EVERYTHING if everything else record.provider.model, verdict.message)
            if isinstance(answer, Trouble):
                self.pace.is_held = self.pace.is_held or everything
                return
        step.drop(line.number)
        if isinstance(answer, Generation):
            step.usage += answer.usage or Usage()
            step.forgettable.append(line.id)
            cap = answer.body.get("max_output_tokens")
        else:
            cap = None
        match verdict.act:
            case Act.COMMIT if isinstance(answer, Generation):
                step.completed[line.number] = succeeded(line.number, line.custom_id, answer)
            case Act.PAUSE:
                self._todo(step, Todo(line.number, line.attempt - 1, line.cap))
            case Act.ENLARGE if isinstance(cap, int) and line.cap is None and line.attempt < self.max_attempts:
                self._todo(step, Todo(line.number, line.attempt, cap * 2))
            case Act.FAIL | Act.SPLIT | Act.ENLARGE:
                reason = verdict.reason or Reason.PROVIDER_FAILED
                step.failed[line.number] = failed(line.number, line.custom_id, reason, verdict.message, answer)
            case _:
                step.orphans += verdict.act is Act.LOST
                self._again(step, Todo(line.number, line.attempt - 1, line.cap), verdict, line.custom_id, answer)

    def _again(
        self, step: _Step, line: Todo, verdict: Verdict, custom_id: str | None, answer: Answer | None = None
    ) -> None:
        """An attempt was used: one more, or the end of the line."""
        step.drop(line.number)
        if line.attempt + 1 < self.max_attempts:
            self._todo(step, Todo(line.number, line.attempt + 1, line.cap))
        else:
            reason = verdict.reason or Reason.PROVIDER_FAILED
            step.failed[line.number] = failed(line.number, custom_id, reason, verdict.message, answer)

    def _todo(self, step: _Step, line: Todo) -> None:
        step.segment, step.is_changed = replace(step.segment, todo=[*step.segment.todo, line]), True

    async def _go_on(self, step: _Step) -> float | None:
        """Create what is to do, if it is this segment's turn; write what has changed, or end the run."""
        if step.segment.todo and not self.creating.locked() and not self.pace.is_held:
            async with self.creating:  # until the last ids are recorded
                return await self._save_for_later(step, await self._create_blocks(step))
        held = self._held(step)
        if held.places < self._seen_places(step):  # what has ended makes room for others
            await self.governor.extend(step.held.record.name, held, self._wants(step), 0)
        if step.segment.is_over and not (step.completed or step.failed):
            await self._finish(step)
            return None
        return await self._save_for_later(step, _FULL_S if self.pace.is_held else _SOON_S + 1.0)

    async def _create_blocks(self, step: _Step) -> float:
        raw: Mapping[int, bytes] | None = None
        granted, delay_s = 0, _SOON_S + 1.0
        while step.segment.todo and not step.must_stop and self.clock.monotonic() < self.pace.until:
            if not granted:
                most = min(_AT_A_TIME, len(step.segment.todo))
                name = step.held.record.name
                granted, denial = await self.governor.extend(name, self._held(step), self._wants(step), most)
                if not granted:
                    delay_s = min(_FULL_S, max(2.0, denial.seconds)) if denial else delay_s
                    if denial and denial.waiting_for != step.held.record.waiting_for:
                        step.held = step.held.but(waiting_for=denial.waiting_for)
                    break
            raw = raw if raw is not None else await self._raw(step)
            block = step.segment.todo[: min(BLOCK, granted)]
            granted -= len(block)
            requests = self._requests(step, block, raw)
            step.segment = step.segment.begun([line for line in block if line.number in requests])
            step.is_changed = True
            await self._save(step, guard=not step.is_guarded)
            await asyncio.gather(*(self._create(step, line, requests[line.number]) for line in step.segment.creating))
        if granted:  # not used: give them back
            await self.governor.extend(step.held.record.name, self._held(step), self._wants(step), 0)
        return delay_s

    async def _create(self, step: _Step, line: Todo, request: Request) -> None:
        async with self.slots:
            answer = await self.generator.create(request.body, self.create_limit_s)
        if isinstance(answer, Generation):
            step.unrecorded.append(answer.id)
            started = Started(
                number=line.number,
                custom_id=request.custom_id,
                id=answer.id,
                attempt=line.attempt + 1,
                at_s=round(self._age_s(step), 1),
                cap=line.cap,
                is_given=request.is_given,
            )
            step.drop(line.number)
            step.segment = replace(step.segment, started=[*step.segment.started, started])
            await self.governor.went_well(step.held.record.provider.model)
            return
        await self._not_created(step, line, request, answer)

    async def _not_created(self, step: _Step, line: Todo, request: Request, answer: Trouble) -> None:
        verdict, record = judge(answer, Call.CREATE), step.held.record
        logger.warning(
            "create answered with trouble", extra=log_keys(record) | {"act": verdict.act, "status": answer.status}
        )
        match verdict.act:
            case Act.WAIT:
                await self.governor.went_bad(verdict.message)
                step.drop(line.number)
                self._todo(step, line)
                step.must_stop = True
            case Act.PAUSE | Act.PAUSE_MODEL:
                everything = verdict.act is Act.PAUSE
                await self.governor.pause(EVERYTHING if everything else record.provider.model, verdict.message)
                step.drop(line.number)
                self._todo(step, line)
                step.must_stop = True
            case Act.FAIL | Act.SPLIT:
                step.drop(line.number)
                reason = verdict.reason or Reason.REJECTED_BY_PROVIDER
                step.failed[line.number] = failed(line.number, request.custom_id, reason, verdict.message)
            case _:
                await self.governor.went_bad(verdict.message)
                step.orphans += verdict.act is Act.AMBIGUOUS
                self._again(step, line, verdict, request.custom_id)

    def _requests(self, step: _Step, block: list[Todo], raw: Mapping[int, bytes]) -> dict[int, Request]:
        """What is to be sent for each line; lines that cannot be sent end here."""
        record, found = step.held.record, dict[int, Request]()
        requests = Requests(
            profile=self.profile,
            recipe=parse(record.recipe_text),
            model=record.provider.model,
            project=self.project,
            job=record.job_id,
        )
        for line in block:
            try:
                is_repeated = line.number in step.segment.repeated
                found[line.number] = requests.of(raw.get(line.number), line.cap, is_repeated=is_repeated)
            except BadLineError as error:
                step.failed[line.number] = failed(line.number, error.custom_id, error.code, str(error))
        return found

    async def _raw(self, step: _Step) -> dict[int, bytes]:
        """The lines by their numbers; empty if the batch is not there any more."""
        segment = step.segment
        try:
            block = await self.bucket.get_range(segment.key, segment.first_byte, segment.end_byte, segment.etag)
        except ConflictError as error:  # its batch is superseded, and ends all segments
            raise RetryLaterError(f"{segment.key} was replaced") from error
        return {} if block is None else dict(enumerate(split_lines(block), segment.first_line))

    async def _cancel(self, step: _Step) -> None:
        """Stop what is under way; it is to do again for who takes the batch up."""

        async def cancel(line: Started) -> None:
            answer = await self.generator.cancel(line.id)
            if isinstance(answer, Generation):
                step.usage += answer.usage or Usage()
            step.drop(line.number)
            self._todo(step, Todo(line.number, 0, line.cap))

        await asyncio.gather(*map(cancel, step.segment.started))
        await self._save(step)

    async def _save_for_later(self, step: _Step, delay_s: float) -> float | None:
        """Write what has changed. In how many seconds to look again, None if another message does."""
        if started := step.segment.started:
            age_s = min(self._age_s(step) - line.at_s for line in started)
            round_s = len(started) / self.pace.per_second
            polls_s = next_poll_s(max(0.0, age_s), round_s=round_s)
            delay_s = min(delay_s, polls_s) if step.segment.todo else polls_s
        if step.segment.is_over:
            delay_s = 0.0
        if step.is_guarded:  # the message in hand is not its message any more, and the guard is for the dead
            message = step.held.record.message()
            await self.pending.send(message.encode(), round(min(delay_s, LONGEST_DELAY_S)))
            step.held = step.held.but(ticket=message.ticket)
            step.is_changed = True
        if step.is_changed or step.completed or step.failed:
            await self._save(step)
        return None if step.is_guarded else delay_s

    async def _save(self, step: _Step, *, guard: bool = False) -> None:
        """Write the piece and the record, then let the provider forget. Raises `_TakenError`."""
        record = step.held.record
        if step.completed or step.failed:
            lines = step.completed | step.failed
            body = b"".join(b"%d\t%s" % (number, lines[number]) for number in sorted(lines))
            key = f"{record.source.key}.{len(step.segment.pieces):04d}-{new_nonce()}.jsonl"
            await self.bucket.put(key, body, match=ABSENT, content_type="application/x-ndjson")
            step.segment = step.segment.with_piece(key, step.completed, step.failed)
        if guard:
            message = record.message()
            await self.pending.send(message.encode(), self.lease_s)
            step.held, step.is_guarded = step.held.but(ticket=message.ticket), True
        usage = record.usage + step.usage
        changed = step.held.but(
            segment=step.segment,
            state=_state(step.segment),
            usage=usage,
            cost=cost_of(record.price, usage),
            suspected_orphans=record.suspected_orphans + step.orphans,
            polls=record.polls + step.polls,
            submitted_at=record.submitted_at or (self.clock.now() if step.segment.creating else None),
            waiting_for=None if step.segment.creating or step.segment.started else step.held.record.waiting_for,
            ran_s=self._age_s(step),
        )
        mine = await self.ledger.rewrite(changed)
        if mine is None:
            raise _TakenError
        step.held, step.began_s = mine, self.clock.monotonic()
        step.usage, step.orphans, step.polls, step.is_changed = Usage(), 0, 0, False
        step.completed, step.failed, step.unrecorded = {}, {}, []
        forgettable, step.forgettable = step.forgettable, []
        if self.profile.deletes:
            await asyncio.gather(*(self.generator.delete(response_id) for response_id in forgettable))

    async def _finish(self, step: _Step) -> None:
        """Put the pieces together and end the run."""
        segment, lines = step.segment, dict[int, bytes]()
        for key in segment.pieces:
            piece = await self.bucket.get(key)
            if piece is None:
                raise RetryLaterError(f"{key}, a piece of a segment, is gone")
            for line in piece.body.splitlines(keepends=True):
                number, _, written = line.partition(b"\t")
                lines[int(number)] = written
        counts = LineCounts(total=len(lines), completed=segment.completed, failed=len(segment.failed))
        if counts.total != counts.completed + counts.failed:
            raise RetryLaterError(f"{step.held.record.name}: {counts.total} lines written, not what its record says")
        text = b"".join(lines[number] for number in sorted(lines))
        await self.finisher.done(replace(step.held.record, lines=counts), text)

    def _each(self, record: OpenRecord, segment: Segment) -> Reservation:
        recipe = parse(record.recipe_text)
        inputs = int((segment.end_byte - segment.first_byte) / max(1, segment.count) / CHARS_PER_TOKEN) + 1
        outputs = recipe.max_output_tokens or OUTPUT_WITHOUT_CAP_TOKENS
        cost = (inputs * recipe.price.input + outputs * recipe.price.output) / 1_000_000 if recipe.price else 0.0
        return Reservation(model=record.provider.model, tokens=inputs + outputs, cost=cost)

    def _wants(self, step: _Step) -> Reservation:
        assert step.held.record.wants is not None, "a segment without a reservation"
        return step.held.record.wants

    def _held(self, step: _Step) -> Reservation:
        """What is open now, and what was used so far."""
        each, record = self._wants(step), step.held.record
        places, usage = len(step.segment.started) + len(step.segment.creating), record.usage + step.usage
        used = cost_of(record.price, usage) or 0.0
        return replace(
            each, places=places, tokens=places * each.tokens + usage.total_tokens, cost=places * each.cost + used
        )

    def _seen_places(self, step: _Step) -> int:
        held = self.governor.seen.reserved.get(step.held.record.name)
        return held.places if held else 0

    def _age_s(self, step: _Step) -> float:
        """Since it was claimed: by the store's clock up to the last write, by ours since then."""
        return step.held.generation_age_s + self.clock.monotonic() - step.began_s


def _state(segment: Segment) -> State:
    if segment.creating:
        return State.SUBMITTING
    return State.RUNNING if segment.started else State.WAITING


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
