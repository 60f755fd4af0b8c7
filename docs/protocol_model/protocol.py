"""What submit and the checker do: DESIGN.md, section 6, with the choices of ADR 7."""

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from .world import ABSENT, ANY, NOTHING, UNCLAIMED, BrokenPromiseError, Envelope, Message, Record, World

T = TypeVar("T")
Steps = Generator[None, None, T]
"""A process: it yields before each effect on the outside world, so that other processes can act in between."""
FUNCTION_LIMIT, VISIBILITY, LEASE = 30, 36, 40
"""A function is killed before its message is shown to another, and before its lease has passed."""
RECENT = 10
"""What was read within this time is not read again before a create."""
EARLY, MAX_ATTEMPTS, VOID_AT_RECEIVE, COMMIT_TRIES = 2, 3, 3, 5
READ_EVERY = 10
"""Every tenth look in a row reads the record."""
ABSENT_FOR, ABSENT_LOOK = 12, 4
"""A generation is lost once the provider has denied it for this long; meanwhile it is polled sooner."""


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; with any one of them off, it breaks."""

    message_before_record: bool = True
    own_the_record: bool = True
    early_messages_wait: bool = True
    unclaimed_messages_wait: bool = True
    commit_on_condition: bool = True
    look_again_after_claim: bool = True
    look_again_after_superseding: bool = True
    assume_only_what_was_untouched: bool = True
    claim_knows_nothing: bool = True
    looks_follow_a_read: bool = True
    notes_move_the_ticket: bool = True
    overtaken_runs_are_superseded: bool = True


@dataclass(frozen=True)
class Committed:
    """What is committed at an output location as it concerns one job, and the job's last superseded run."""

    job: str
    done: Record | None
    done_etag: int
    error: Record | None
    error_etag: int
    superseded_run: int

    @property
    def done_run(self) -> int:
        return self.done.run if self.done and self.done.job == self.job else 0

    @property
    def last_run(self) -> int:
        failed_run = self.error.run if self.error and self.error.job == self.job else 0
        return max(self.done_run, failed_run, self.superseded_run)

    def run_for_event(self, uploaded_at: int) -> int | None:
        """The run that an upload event opens; None if there is nothing to do (DESIGN section 3)."""
        last = self.last_run
        if last == self.superseded_run:
            return last + 1
        if last == self.done_run or self.error is None:
            return None
        return last + 1 if uploaded_at > self.error.uploaded_at else None

    def accounts_for(self, generation: int) -> bool:
        return any(generation in record.generations for record in (self.done, self.error) if record)


@dataclass(frozen=True)
class Held:
    """An open record as read or written, with the ETag that the next write must meet."""

    record: Record
    etag: int

    def with_changes(self, **changes: Any) -> "Held":
        return Held(dataclasses.replace(self.record, **changes), self.etag)


@dataclass(frozen=True)
class Protocol:
    """What submit and the checker do."""

    world: World
    rules: Rules

    # ---- reading ----

    def committed(self, key: str, job: str) -> Steps[Committed]:
        yield
        done_etag, done = self.world.get(f"done/{key}")
        yield
        error_etag, error = self.world.get(f"error/{key}")
        yield
        superseded_run = 0
        while self.world.get(f"superseded/{job}.{superseded_run + 1}")[1]:
            superseded_run += 1
        return Committed(job, done, done_etag, error, error_etag, superseded_run)

    def open_record(self, job: str, run: int) -> Steps[Held | None]:
        yield
        etag, record = self.world.get(f"open/{job}.{run}")
        return record and Held(record, etag)

    # ---- own the record or stop; message before record ----

    def own(self, held: Held) -> Steps[Held | None]:
        """Write an open record if it is as last read; None if another process owns it."""
        name, record = f"open/{held.record.name}", dataclasses.replace(held.record, nonce=self.world.tick())
        yield
        etag = self.world.put(name, record, held.etag if self.rules.own_the_record else ANY)
        if etag is None:
            yield
            found_etag, found = self.world.get(name)
            etag = found_etag if found and found.nonce == record.nonce else None
        return None if etag is None else Held(record, etag)

    def hand_over(self, held: Held, delay: float, generation: int | None = None, **changes: Any) -> Steps[Held | None]:
        """Send the message that drives the next step, then write the record with its ticket."""
        record, ticket = held.record, self.world.tick()
        attempt = record.attempt if generation is not None else 0
        looks = generation is not None and not self.rules.looks_follow_a_read
        follows = NOTHING if record.ticket == UNCLAIMED and delay == LEASE else record.ticket
        message = Message(record.job, record.run, record.key, ticket, follows, generation, attempt, looks)
        if self.rules.message_before_record:
            yield
            self.world.send(message, delay)
        mine = yield from self.own(held.with_changes(ticket=ticket, **changes))
        if not self.rules.message_before_record:
            yield
            self.world.send(message, delay)
        return mine

    # ---- submit ----

    def submit(self, key: str, wanted: Message | None = None) -> Steps[None]:
        """Handle an upload event, or a message for a run without a record.

        An event is assumed to be the first of its document: the run is claimed at once, and checked after that. Only if
        it was over by then, or cannot start, is it checked before the claim.
        """
        yield
        read_at = self.world.now
        version, uploaded_at = self.world.inbox[key]
        job = f"{key}@{version}"
        has_room = not self.world.fault(0.2)
        if wanted is None and has_room and not (yield from self.first_run(job, key, uploaded_at, read_at)):
            return
        committed = yield from self.committed(key, job)
        run = committed.run_for_event(uploaded_at)
        if wanted and wanted.job == job and wanted.run > committed.last_run:
            run = committed.last_run + 1
        if run is None or (yield from self.open_record(job, run)):
            return
        found = bool(committed.done_etag or committed.error_etag)
        claim = Held(Record(job, run, key, uploaded_at, found=found), ABSENT)
        if not has_room:
            yield from self.hand_over(claim, 5, state="waiting", attempt=0)
            return
        mine = yield from self.hand_over(claim, LEASE)
        if mine and (not self.rules.look_again_after_claim or (yield from self.may_start(mine.record, read_at))):
            yield from self.create(mine)

    def first_run(self, job: str, key: str, uploaded_at: int, read_at: float) -> Steps[bool]:
        """Claim run 1 as if nothing had ever been committed, and start it if it is not over.

        Returns True if it is over, and another run is to be opened.
        The claim says that something was found, until the check has shown that nothing was.
        """
        found = self.rules.claim_knows_nothing
        mine = yield from self.hand_over(Held(Record(job, 1, key, uploaded_at, found=found), ABSENT), LEASE)
        if mine is None:
            return False
        if not self.rules.look_again_after_claim:
            yield from self.create(mine.with_changes(found=False))
            return False
        committed = yield from self.committed(key, job)
        run = committed.run_for_event(uploaded_at)
        if run == 1 and (self.world.now - read_at <= RECENT or not (yield from self.settled(mine.record))):
            yield from self.create(mine.with_changes(found=bool(committed.done_etag or committed.error_etag)))
        elif run != 1:
            yield from self.settled(mine.record)
        return run is not None and run > 1

    def may_start(self, record: Record, read_at: float) -> Steps[bool]:
        """Check after the claim whether the run is over: from now on no other process can claim it.

        The document was read a moment ago and is not checked again: if it was replaced since, that costs a generation,
        which is superseded when it ends.
        """
        committed = yield from self.committed(record.key, record.job)
        if self.world.now - read_at <= RECENT and record.run > committed.last_run:
            return True
        return not (yield from self.settled(record))

    def start(self, held: Held) -> Steps[None]:
        """The record says `submitting` and is ours: check again whether the run is over, then create."""
        if not (yield from self.settled(held.record)):
            yield from self.create(held)

    def create(self, held: Held) -> Steps[None]:
        yield
        if self.world.fault(0.1):  # 503 or 429: nothing was started
            yield from self.hand_over(held, 5, state="waiting", attempt=held.record.attempt - 1)
            return
        if self.world.fault(0.05):  # 400: the provider will never take it
            yield from self.fail(held)
            return
        generation = self.world.create(held.record)
        if self.world.fault(0.05):  # time-out after sending: something may have been started
            yield from self.try_again(held.with_changes(orphans=held.record.orphans + 1))
            return
        generations = (*held.record.generations, generation)
        started = {"state": "running", "generations": generations, "absent_at": None}
        mine = yield from self.hand_over(held, 2, generation, **started)
        if mine is None:
            yield from self.cancel_unless_adopted(held.record, generation)

    def cancel_unless_adopted(self, record: Record, generation: int) -> Steps[None]:
        theirs = yield from self.open_record(record.job, record.run)
        if theirs and generation in theirs.record.generations:
            return
        if not (yield from self.committed(record.key, record.job)).accounts_for(generation):
            yield
            self.world.provider[generation].cancelled = True

    def start_again(self, held: Held, orphans: int = 0) -> Steps[bool]:
        """Make the next attempt of a run whose message is in hand. False if another process owns the run."""
        counted = held.with_changes(orphans=held.record.orphans + orphans)
        if held.record.attempt >= MAX_ATTEMPTS:
            return (yield from self.fail(counted))
        mine = yield from self.hand_over(counted, LEASE, state="submitting", attempt=held.record.attempt + 1)
        if mine:
            yield from self.start(mine)
        return mine is not None

    def try_again(self, held: Held) -> Steps[bool]:
        """After an attempt without a result: let the run wait, or fail it for good."""
        if held.record.attempt >= MAX_ATTEMPTS:
            return (yield from self.fail(held))
        return (yield from self.hand_over(held, 5, state="waiting")) is not None

    # ---- check ----

    def handle(self, number: int, envelope: Envelope) -> Steps[None]:
        """Handle a received message: do what its run needs next, then delete or postpone it."""
        message, receives = envelope.message, envelope.receives
        if message.looks and receives % READ_EVERY and (yield from self.still_runs(message)):
            delay: float | None = self.next_look()
        else:
            delay = yield from self.by_record(message, receives)
        yield
        if delay is None:
            self.world.queue.pop(number, None)
        elif number in self.world.queue:
            self.world.queue[number].visible_at = self.world.now + delay

    def still_runs(self, message: Message) -> Steps[bool]:
        """Poll without the record: all that may follow is another poll. For anything else, the record is read."""
        assert message.generation is not None
        yield
        self.world.relied_on.add(message.follows)
        runs = self.world.retrieve(message.generation) == "runs"
        if runs:
            self.world.told[message.generation, message.ticket] = self.world.now
        return runs

    def next_look(self) -> float:
        return self.world.rng.randint(1, 10)

    def by_record(self, message: Message, receives: int) -> Steps[float | None]:
        held = yield from self.open_record(message.job, message.run)
        if held is None:
            return (yield from self.unrecorded(message, receives))
        if held.record.ticket != message.ticket:
            return (yield from self.stale(message, held, receives))
        return (yield from self.drive(held, message))

    def unrecorded(self, message: Message, receives: int) -> Steps[float | None]:
        """Handle a message without an open record: an upload event, a run that is over, or one not claimed yet."""
        committed = yield from self.committed(message.key, message.job)
        if message.run > committed.last_run:
            yield from self.submit(message.key, message)
        if self.may_be_claimed(message) and receives < VOID_AT_RECEIVE:
            return until_void(receives)
        if message.generation is not None and not committed.accounts_for(message.generation):
            yield
            self.world.provider[message.generation].cancelled = True
        return None

    def stale(self, message: Message, held: Held, receives: int) -> Steps[float | None]:
        """Handle a message whose ticket differs: early if it follows the record's ticket, otherwise void."""
        record, brought = held.record, message.generation
        follows = message.follows == record.ticket and self.rules.early_messages_wait
        follows = follows or self.may_be_claimed(message)
        if follows and brought is not None and record.state == "submitting":
            generations = (*record.generations, brought)
            adopted = held.with_changes(state="running", ticket=message.ticket, generations=generations, absent_at=None)
            yield from self.own(adopted)
            return EARLY
        if follows and receives < VOID_AT_RECEIVE:
            return until_void(receives)
        if brought is not None and brought not in record.generations:
            yield
            self.world.provider[brought].cancelled = True
        return None

    def may_be_claimed(self, message: Message) -> bool:
        """Whether it was sent before a claim, which may still come, even once the run is over."""
        return message.follows == UNCLAIMED and self.rules.unclaimed_messages_wait

    def drive(self, held: Held, message: Message) -> Steps[float | None]:
        """Handle a message whose ticket is the record's."""
        record = held.record
        if record.state == "submitting":  # its lease has passed, so its owner is dead
            if record.ticket in self.world.relied_on:
                raise BrokenPromiseError(f"given up: an id of {record.name} was at hand, and never recorded")
            return None if (yield from self.start_again(held, orphans=1)) else EARLY
        if record.state == "waiting":
            return None if (yield from self.start_again(held)) else EARLY
        yield
        match self.world.retrieve(record.generations[-1]):
            case "absent":
                return (yield from self.denied(held))
            case "failed":
                return None if (yield from self.try_again(held)) else EARLY
            case "runs":
                return (yield from self.runs_on(held, message))
            case _:
                return None if (yield from self.finish(record)) else EARLY

    def denied(self, held: Held) -> Steps[float | None]:
        """The provider denies the generation: note that, and believe it once it has said nothing else for a while.

        The note changes the ticket, since a message that was sent before does not know about it.
        """
        record = held.record
        if record.absent_at is None:
            if not self.rules.notes_move_the_ticket:
                return ABSENT_LOOK if (yield from self.own(held.with_changes(absent_at=self.world.now))) else EARLY
            noted = yield from self.hand_over(held, ABSENT_LOOK, record.generations[-1], absent_at=self.world.now)
            return None if noted else EARLY
        if self.world.now - record.absent_at < ABSENT_FOR:
            return ABSENT_LOOK
        if self.world.told.get((record.generations[-1], record.ticket), -ABSENT_FOR) > record.absent_at:
            raise BrokenPromiseError(f"called lost: the provider has told of {record.name} since")
        return None if (yield from self.try_again(held.with_changes(orphans=record.orphans + 1))) else EARLY

    def runs_on(self, held: Held, message: Message) -> Steps[float | None]:
        """The generation runs: from now on a message with the same ticket polls without the record."""
        if held.record.absent_at is not None:
            mine = yield from self.own(held.with_changes(absent_at=None))
            if mine is None:
                return EARLY
        if message.looks:
            return self.next_look()
        record = held.record
        generation, attempt = record.generations[-1], record.attempt
        looks = Message(record.job, record.run, record.key, record.ticket, NOTHING, generation, attempt, looks=True)
        yield
        self.world.send(looks, self.next_look())
        return None

    # ---- the record at the output location is the commit ----

    def finish(self, record: Record) -> Steps[bool]:
        """Write the text, then the run record, each if nothing has changed; then check the text again.

        The first try of an ordinary run reads nothing: it assumes that nothing is there, as at the claim, and the
        conditions of the puts show whether that still holds.
        """
        nonce = self.world.tick()
        for attempt in range(COMMIT_TRIES):
            seen, looked_at = ABSENT, self.world.tick()
            if attempt == 0 and (yield from self.is_ordinary(record)):
                committed, mine = Committed(record.job, None, ABSENT, None, ABSENT, 0), None
            else:
                committed = yield from self.committed(record.key, record.job)
                mine = committed.done if committed.done and committed.done.nonce == nonce else None
                if mine is None and (yield from self.settled(record)):
                    return True
                yield
                seen = self.world.get(f"text/{record.key}")[0]
            yield
            strict = self.rules.commit_on_condition
            written = self.world.put(f"text/{record.key}", record.name, seen if strict else ANY)
            if written is None:
                continue
            replaced = mine.replaced_error if mine else committed.error_etag
            done = dataclasses.replace(record, state="done", nonce=nonce, replaced_error=replaced, looked_at=looked_at)
            yield
            if self.world.put(f"done/{record.key}", done, committed.done_etag if strict else ANY) is None:
                continue
            yield
            if self.world.get(f"text/{record.key}")[0] == written or not strict:
                yield from self.clear_up(record, done)
                return True
        return False

    def is_ordinary(self, record: Record) -> Steps[bool]:
        """Whether this is a first run that found nothing at its claim, and whose document was not touched since."""
        if record.run > 1 or record.found:
            return False
        yield
        version, uploaded_at = self.world.inbox[record.key]
        is_untouched = uploaded_at == record.uploaded_at or not self.rules.assume_only_what_was_untouched
        return is_untouched and f"{record.key}@{version}" == record.job

    def fail(self, held: Held) -> Steps[bool]:
        """Write the open record again, so that a stale owner fails nothing; then write the error record."""
        mine = yield from self.own(held)
        if mine is None:
            return False
        record, nonce = mine.record, self.world.tick()
        for _ in range(COMMIT_TRIES):
            committed = yield from self.committed(record.key, record.job)
            error = dataclasses.replace(record, state="failed", nonce=nonce)
            if committed.error is None or committed.error.nonce != nonce:
                if (yield from self.settled(record)):
                    return True
                yield
                if self.world.put(f"error/{record.key}", error, committed.error_etag) is None:
                    continue
            yield from self.clear_up(record, error)
            return True
        return False

    def settled(self, record: Record) -> Steps[bool]:
        """Whether another process ended the run or its document was replaced, after clearing up.

        A run that a later run of its job has overtaken is superseded if it may have generated something, which the
        record at the output location does not name.
        """
        committed = yield from self.committed(record.key, record.job)
        is_overtaken = committed.superseded_run < record.run < committed.last_run
        is_named = not (is_overtaken and record.has_begun and self.rules.overtaken_runs_are_superseded)
        if committed.superseded_run < record.run <= committed.last_run and is_named:
            end = committed.done if record.run <= committed.done_run else committed.error
            yield from self.clear_up(record, end or record)
            return True
        yield
        is_current = f"{record.key}@{self.world.inbox[record.key][0]}" == record.job
        if is_current and is_named and record.run > committed.superseded_run:
            return False
        yield from self.supersede(record)
        return True

    def supersede(self, record: Record) -> Steps[None]:
        """Set the run's outcome aside; then check the output location again, and start the current version."""
        yield from self.set_aside(dataclasses.replace(record, state="superseded"))
        if self.rules.look_again_after_superseding:
            yield from self.start_current(record)
        yield
        self.world.store.pop(f"open/{record.name}", None)

    def set_aside(self, record: Record) -> Steps[None]:
        """Write the superseded record; a run of the same name that was superseded before stays named in it."""
        name = f"superseded/{record.name}"
        for _ in range(COMMIT_TRIES):
            yield
            if self.world.put(name, record, ABSENT) is not None:
                return
            yield
            etag, kept = self.world.get(name)
            is_same = kept.uploaded_at == record.uploaded_at and set(record.generations) <= set(kept.generations)
            if is_same or not record.has_begun:
                return
            both = dataclasses.replace(
                record, generations=kept.generations + record.generations, orphans=kept.orphans + record.orphans
            )
            yield
            if self.world.put(name, both, etag) is not None:
                return

    def clear_up(self, record: Record, end: Record) -> Steps[None]:
        """Clear up after a commit; doing it again is harmless."""
        yield
        if f"{record.key}@{self.world.inbox[record.key][0]}" != record.job:  # overwritten during the commit
            yield from self.start_current(record)
        yield
        if end.state == "done" and end.replaced_error == self.world.get(f"error/{record.key}")[0]:
            self.world.store.pop(f"error/{record.key}", None)
        yield
        self.world.store.pop(f"open/{record.name}", None)

    def start_current(self, record: Record) -> Steps[None]:
        """Send a message to open the run that the current version of the document still needs, if any."""
        yield
        version, uploaded_at = self.world.inbox[record.key]
        job = f"{record.key}@{version}"
        committed = yield from self.committed(record.key, job)
        yield
        is_our_text = self.world.get(f"text/{record.key}")[1] == record.name
        is_our_record = committed.done is not None and committed.done.name == record.name
        run = committed.run_for_event(uploaded_at)
        if is_our_text and not is_our_record:
            run = committed.last_run + 1
        if run is not None:
            yield
            self.world.send(Message(job, run, record.key, self.world.tick()), 0)


def until_void(receives: int) -> float:
    """When a message that may be early is seen again: soon, and then once its sender must be dead."""
    return EARLY if receives == 1 else LEASE
