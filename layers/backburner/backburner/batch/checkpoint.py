"""One look at a segment of a batch: the record as it is held, what has changed since, and how that is written."""

import asyncio
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.batch.lines import CANCELLED_LINE, failed, succeeded
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import backoff_s
from backburner.errors import Reason
from backburner.ledger.ledger import Ledger, Open, new_nonce
from backburner.ledger.messages import Message
from backburner.ledger.records import OpenRecord, State, booked, cost_of
from backburner.ledger.segment_state import Segment, Started, Todo
from backburner.outcome.decisions import Decision, Do
from backburner.ports import ABSENT, Bucket, Clock, Generator, Queue
from backburner.provider.answers import Answer, Generation, Usage


class TakenError(Exception):
    """The record is another owner's by now."""


@dataclass(kw_only=True)
class SegmentVisit:
    """One look at a segment. `began_s`: on the clock's monotonic time, when the record was read or last written."""

    held: Open
    segment: Segment
    clock: Clock
    began_s: float
    usage: Usage = field(default_factory=Usage)
    untold: int = 0
    """Generations that ended without a word about what they used."""
    orphans: int = 0
    polls: int = 0
    completed: dict[int, bytes] = field(default_factory=dict)
    failed: dict[int, bytes] = field(default_factory=dict)
    kept_bytes: int = 0
    """Of finished lines that this process holds until they are written."""
    forgettable: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Generations that were started and stand in no record yet."""
    counted: Reservation | None = None
    """What the governor counts for it by now; the record tells it from the next write on."""
    is_changed: bool = False
    is_guarded: bool = False
    """Whether the record names a guard, for the lines that are being created."""
    must_stop: bool = False
    """Nothing more may be created just now."""
    wait_s: float = 0.0
    """For how long at least."""

    @property
    def record(self) -> OpenRecord:
        """The record as held."""
        return self.held.record

    @property
    def line_reservation(self) -> Reservation:
        """What one line reserves."""
        assert self.record.reservation is not None, "a segment without a reservation"
        return self.record.reservation

    @property
    def used(self) -> Usage:
        """Tokens so far, written or not."""
        return self.record.usage + self.usage

    @property
    def booked(self) -> tuple[int, float]:
        """Tokens and money that count against the day's budget so far."""
        return booked(replace(self.record, untold=self.record.untold + self.untold), self.used, ())

    @property
    def reservation(self) -> Reservation:
        """What is open now."""
        each, price, started = self.line_reservation, self.record.price, self.segment.started
        creating = len(self.segment.creating)
        told = [line for line in started if line.outputs]
        others = len(started) - len(told) + creating
        cost = sum(price.of(line.inputs, line.outputs) for line in told) if price else 0.0
        return replace(
            each,
            slots=len(started) + creating,
            tokens=sum(line.inputs + line.outputs for line in told) + others * each.tokens,
            cost=cost + others * each.cost,
        )

    def age_s(self) -> float:
        """Since it was claimed: by the store's clock up to the last write, by ours since then."""
        return self.held.generation_age_s + self.clock.monotonic() - self.began_s

    def drop(self, number: int) -> None:
        """A line is under way no more."""
        self.segment, self.is_changed = self.segment.without(number), True

    def begin(self, started: Started) -> None:
        """A line is under way: its generation was started, and stands in no record yet."""
        self.unrecorded.append(started.id)
        self.drop(started.number)
        self.segment = replace(self.segment, started=[*self.segment.started, started])

    def todo(self, line: Todo) -> None:
        """A line is to be begun, or begun again."""
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
        """A line has failed for good."""
        self.drop(number)
        self.failed[number] = failed(number, custom_id, reason, message, answer, param=param)

    def carry_out(self, line: Todo, custom_id: str | None, decision: Decision, answer: Answer | None = None) -> None:
        """Do what follows where an attempt has ended without a result; `line` as it was before the attempt."""
        self.drop(line.number)
        self.orphans += decision.orphans
        match decision.do:
            case Do.AGAIN:
                not_before_s = round(self.age_s() + backoff_s(line.attempt, decision.after_s), 1)
                self.todo(Todo(line.number, line.attempt + 1, decision.cap or line.cap, not_before_s))
            case Do.PUT_BACK:
                self.todo(line)
            case _:
                self.fail(line.number, custom_id, decision.reason, decision.message, answer)

    def conclude(self, line: Started, decision: Decision, answer: Answer) -> None:
        """A generation of a line has ended: its answer is a result, or what follows from it is done."""
        self.spent(answer)
        if isinstance(answer, Generation):
            self.forgettable.append(line.id)
        if decision.do is Do.FINISH and isinstance(answer, Generation):
            self.drop(line.number)
            self.completed[line.number] = succeeded(line.number, line.custom_id, answer)
            return
        before = Todo(line.number, line.attempt - 1, line.cap)
        self.carry_out(before, line.custom_id, decision, answer)

    def end_cancelled(self, line: Started, reason: Reason, answer: Answer) -> None:
        """A line was cancelled with its batch; what its generation used is told all the same."""
        self.spent(answer)
        if isinstance(answer, Generation):
            self.forgettable.append(line.id)
        self.fail(line.number, line.custom_id, reason, CANCELLED_LINE, answer)

    def spent(self, answer: Answer) -> None:
        """Take down what a generation used, or that nobody told."""
        if isinstance(answer, Generation):
            self.usage += answer.usage or Usage()
            self.untold += answer.has_used and not answer.tells_usage


@dataclass(frozen=True, kw_only=True)
class Checkpointer:
    """Writes what a look has changed: the piece first, then the record that names it, then the provider may forget."""

    bucket: Bucket
    ledger: Ledger
    generator: Generator
    pending: Queue
    clock: Clock
    forgets: bool

    async def save(self, visit: SegmentVisit, next_message: Message | None = None, delay_s: int = 0) -> None:
        """Write; under a new message, which is sent before, if there is one. Raises `TakenError`."""
        record = visit.record
        if visit.completed or visit.failed:
            lines = visit.completed | visit.failed
            body = b"".join(b"%d\t%s" % (number, lines[number]) for number in sorted(lines))
            key = f"{record.source.key}.{len(visit.segment.pieces):04d}-{new_nonce()}.jsonl"
            await self.bucket.put(key, body, match=ABSENT, content_type="application/x-ndjson")
            visit.segment = visit.segment.with_piece(key, visit.completed, visit.failed)
        ticket = record.ticket
        if next_message is not None:
            await self.pending.send(next_message.encode(), delay_s)
            ticket = next_message.ticket
        under_way = visit.segment.creating or visit.segment.started
        mine = await self.ledger.rewrite(
            visit.held.with_changes(
                ticket=ticket,
                counted=visit.counted,
                segment=visit.segment,
                state=_state(visit.segment),
                usage=visit.used,
                cost=cost_of(record.price, visit.used),
                untold=record.untold + visit.untold,
                suspected_orphans=record.suspected_orphans + visit.orphans,
                polls=record.polls + visit.polls,
                submitted_at=record.submitted_at or (self.clock.now() if under_way else None),
                waiting_for=None if under_way else record.waiting_for,
                elapsed_before_write_s=visit.age_s(),
            )
        )
        if mine is None:
            raise TakenError
        visit.held, visit.began_s = mine, self.clock.monotonic()
        visit.usage, visit.untold, visit.orphans, visit.polls, visit.is_changed = Usage(), 0, 0, 0, False
        visit.completed, visit.failed, visit.unrecorded = {}, {}, []
        forgettable, visit.forgettable = visit.forgettable, []
        if self.forgets:
            await asyncio.gather(*(self.generator.delete(response_id) for response_id in forgettable))


def _state(segment: Segment) -> State:
    if segment.creating:
        return State.SUBMITTING
    return State.RUNNING if segment.started else State.WAITING
