"""One visit to a segment of a batch: the record as last written, what has changed since, and how that is written."""

import asyncio
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.batch.chat_answer import chat_completion
from backburner.batch.output_lines import CANCELLED_LINE, failed, succeeded
from backburner.batch.segment_reader import piece_of
from backburner.capacity.estimates import estimated
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import TickState, backoff_s
from backburner.errors import Reason
from backburner.ledger.changes import booked, cost_of
from backburner.ledger.ledger import Ledger, Open, new_nonce
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import OpenRecord, State
from backburner.ledger.segment_state import Segment, Started, Todo
from backburner.outcome.decisions import Decision, Do
from backburner.ports import ABSENT, Bucket, Clock, Generator
from backburner.provider.answers import Answer, Generation, Usage

_RENEWED = 3
"""A guard is renewed once this part of its lease has passed."""
_DELETES_AT_ONCE = 64
"""They are in no hurry, and polls should not queue behind them. A visit with so many left waits for them."""


class TakenError(Exception):
    """Another process has written the record."""


@dataclass(kw_only=True)
class SegmentVisit:
    """One visit. `began_s` is the monotonic time at which the record was read or last written."""

    held: Open
    segment: Segment
    tick: TickState
    clock: Clock
    began_s: float
    usage: Usage = field(default_factory=Usage)
    lines_without_usage: int = 0
    """The number of generations that ended without reporting their usage."""
    orphans: int = 0
    polls: int = 0
    completed: dict[int, bytes] = field(default_factory=dict)
    failed: dict[int, bytes] = field(default_factory=dict)
    kept_bytes: int = 0
    """The size of finished lines that are in memory until they are written."""
    forgettable: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    """How long those finished generations took that nothing has been learnt from yet."""
    unrecorded: list[str] = field(default_factory=list)
    """Ids of started generations that no record names yet."""
    counted: Reservation | None = None
    """What the governor counts for it now; written with the record next time."""
    is_changed: bool = False
    guarded_s: float | None = None
    """The monotonic time of the guard whose ticket the record has, for lines that are being created; None before."""
    deletes: list[asyncio.Task[object]] = field(default_factory=list)
    """Provider's copies that are being deleted, while the visit goes on."""
    is_out_of_time: bool = False
    """Whether the tick has no time left for another poll."""
    must_stop: bool = False
    """Whether nothing more may be created in this visit."""
    wait_s: float = 0.0
    """The minimum time before the next visit creates more."""

    @property
    def record(self) -> OpenRecord:
        """The record as last read or written."""
        return self.held.record

    @property
    def is_guarded(self) -> bool:
        """Whether the record's ticket is a guard's, and no longer that of the message being handled."""
        return self.guarded_s is not None

    @property
    def line_reservation(self) -> Reservation:
        """What one line reserves."""
        assert self.record.reservation is not None, "a segment without a reservation"
        return self.record.reservation

    @property
    def used(self) -> Usage:
        """Usage so far, written or not."""
        return self.record.usage + self.usage

    @property
    def booked(self) -> tuple[int, float]:
        """Tokens and money that count against the day's budget so far."""
        return booked(
            replace(self.record, lines_without_usage=self.record.lines_without_usage + self.lines_without_usage),
            self.used,
            (),
        )

    @property
    def reservation(self) -> Reservation:
        """What all running lines reserve together."""
        each, started = self.line_reservation, self.segment.started
        creating = len(self.segment.creating)
        told = [line for line in started if line.outputs]
        others = len(started) - len(told) + creating
        estimates = [estimated(self.record.price, line.inputs, line.outputs) for line in told]
        return replace(
            each,
            slots=len(started) + creating,
            tokens=sum(estimate.tokens for estimate in estimates) + others * each.tokens,
            cost=sum(estimate.cost for estimate in estimates) + others * each.cost,
        )

    def age_s(self) -> float:
        """Seconds since the claim: by the store's clock up to the last write, by ours since then."""
        return self.held.generation_age_s + self.clock.monotonic() - self.began_s

    def drop(self, number: int) -> None:
        """Note that a line no longer runs."""
        self.segment, self.is_changed = self.segment.without(number), True

    def begin(self, started: Started) -> None:
        """Note that a line's generation was started, which no record names yet."""
        self.unrecorded.append(started.id)
        self.drop(started.number)
        self.segment = replace(self.segment, started=[*self.segment.started, started])

    def add_todo(self, line: Todo) -> None:
        """Add a line that is to be created, or created again."""
        self.segment, self.is_changed = replace(self.segment, todo=[*self.segment.todo, line]), True

    def fail(
        self,
        number: int,
        custom_id: str | None,
        reason: str,
        message: str,
        answer: Answer | None = None,
        *,
        param: str | None = None,
    ) -> None:
        """Fail a line for good."""
        self.drop(number)
        self.failed[number] = failed(number, custom_id, reason, message, answer, param=param)

    def carry_out(self, line: Todo, custom_id: str | None, decision: Decision, answer: Answer | None = None) -> None:
        """Carry out the decision after an attempt without a result; `line` is as it was before the attempt."""
        self.drop(line.number)
        self.orphans += decision.orphans
        match decision.do:
            case Do.AGAIN:
                not_before_s = round(self.age_s() + backoff_s(line.attempt, decision.after_s), 1)
                self.add_todo(Todo(line.number, line.attempt + 1, decision.cap or line.cap, not_before_s))
            case Do.PUT_BACK:
                self.add_todo(line)
            case _:
                self.fail(line.number, custom_id, decision.reason, decision.message, answer)

    def conclude(self, line: Started, decision: Decision, answer: Answer) -> None:
        """Note the end of a line's generation: keep its answer as the result, or carry out what else was decided."""
        self.spent(answer)
        answer = _as_asked(line, answer)
        if isinstance(answer, Generation):
            self.forgettable.append(line.id)
        if decision.do is Do.FINISH and isinstance(answer, Generation):
            self.drop(line.number)
            self.completed[line.number] = succeeded(line.number, line.custom_id, answer)
            return
        before = Todo(line.number, line.attempt - 1, line.cap)
        self.carry_out(before, line.custom_id, decision, answer)

    def finish_cancelled(self, line: Started, reason: Reason, answer: Answer) -> None:
        """End a line that was cancelled with its batch; what its generation used is still counted."""
        self.spent(answer)
        if isinstance(answer, Generation):
            self.forgettable.append(line.id)
        self.fail(line.number, line.custom_id, reason, CANCELLED_LINE, _as_asked(line, answer))

    def spent(self, answer: Answer) -> None:
        """Count what a generation used, or that the provider did not report it."""
        if isinstance(answer, Generation):
            self.usage += answer.usage or Usage()
            self.lines_without_usage += answer.has_used and not answer.reports_usage


@dataclass(frozen=True, kw_only=True)
class Checkpointer:
    """Writes what a visit has changed. `forgets` says whether the provider can delete responses.

    The piece with the finished lines is written first, then the record that names it; then the provider's copies go,
    while the visit continues. Copies left by a crash stay until the provider removes them by itself.
    """

    bucket: Bucket
    ledger: Ledger
    generator: Generator
    messenger: Messenger
    clock: Clock
    forgets: bool
    _deleting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DELETES_AT_ONCE), repr=False)

    async def save(self, visit: SegmentVisit, *, guard: bool = False, again_s: float | None = None) -> None:
        """Write all changes; first send a guard, or a message for the next visit in `again_s` seconds, if asked to.

        Raises `TakenError` if another process owns the record now.
        """
        if visit.completed or visit.failed:
            await self._put_piece(visit)
        ticket = visit.record.ticket
        if guard:
            ticket = await self.messenger.guard(visit.record)
            visit.guarded_s = self.clock.monotonic()
        elif again_s is not None:
            ticket = await self.messenger.to_check(visit.record, again_s)
        mine = await self.ledger.rewrite(self._changed(visit, ticket))
        if mine is None:
            raise TakenError
        visit.held, visit.began_s = mine, self.clock.monotonic()
        visit.usage, visit.lines_without_usage, visit.orphans, visit.polls, visit.is_changed = Usage(), 0, 0, 0, False
        visit.completed, visit.failed, visit.unrecorded = {}, {}, []
        forgettable, visit.forgettable = visit.forgettable, []
        if self.forgets:
            visit.deletes = [delete for delete in visit.deletes if not delete.done()]
            if len(visit.deletes) >= _DELETES_AT_ONCE:
                await asyncio.wait(visit.deletes)
            visit.deletes += [asyncio.create_task(self._forget(response_id)) for response_id in forgettable]

    def needs_guard(self, visit: SegmentVisit) -> bool:
        """Whether to send a guard before lines are created: the last one might show before they are recorded."""
        return visit.guarded_s is None or self.clock.monotonic() - visit.guarded_s > self.messenger.lease_s / _RENEWED

    async def _forget(self, response_id: str) -> None:
        async with self._deleting:
            await self.generator.delete(response_id)

    async def _put_piece(self, visit: SegmentVisit) -> None:
        key = f"{visit.record.source.key}.{len(visit.segment.pieces):04d}-{new_nonce()}.jsonl"
        body = piece_of(visit.completed | visit.failed)
        await self.bucket.put(key, body, match=ABSENT, content_type="application/x-ndjson")
        visit.segment = visit.segment.with_piece(key, visit.completed, visit.failed)

    def _changed(self, visit: SegmentVisit, ticket: str) -> Open:
        record, segment = visit.record, visit.segment
        is_under_way = bool(segment.creating or segment.started)
        return visit.held.with_changes(
            ticket=ticket,
            counted=visit.counted,
            segment=segment,
            state=_state(segment),
            usage=visit.used,
            cost=cost_of(record.price, visit.used),
            lines_without_usage=record.lines_without_usage + visit.lines_without_usage,
            suspected_orphans=record.suspected_orphans + visit.orphans,
            polls=record.polls + visit.polls,
            submitted_at=record.submitted_at or (self.clock.now() if is_under_way else None),
            waiting_for=None if is_under_way else record.waiting_for,
            elapsed_before_write_s=visit.age_s(),
        )


def _as_asked(line: Started, answer: Answer) -> Answer:
    """An answer with the body to be written: a chat completion if the line asked for one."""
    if line.is_chat and isinstance(answer, Generation):
        return replace(answer, body=chat_completion(answer, line.sent_cap))
    return answer


def _state(segment: Segment) -> State:
    if segment.creating:
        return State.SUBMITTING
    return State.RUNNING if segment.started else State.WAITING
