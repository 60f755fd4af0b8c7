"""A record is read again only if another process has changed its run: the counters show which runs those are.

Two processes share the counters, and no more is named in them than must be: what runs hold is in their records.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backburner.capacity import recent_writes
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.record_marks import RecordMarks
from backburner.capacity.reservations import RecordState
from backburner.capacity.shared_counters import MAX_NOTED, SharedCounters
from backburner.errors import RetryLaterError
from backburner.ledger.keys import GOVERNOR, OPEN
from backburner.maintenance.governor_rebuild import rebuilt_counters
from backburner.ports import Bucket
from support.fakes import FakeBucket, FakeClock, World
from support.fakes.world import Effect, Moment, let_others_go

RUN, OTHER = f"{'a' * 32}.1", f"{'b' * 32}.1"


async def read_record(bucket: Bucket, name: str) -> RecordState:
    """What a record says of its reservation, and nothing else."""
    stored = await bucket.get(f"{OPEN}{name}.json")
    return RecordState(stored is not None, msgspec.json.decode(stored.body, type=Reservation) if stored else None)


class Machines:
    """Two processes, and runs that both know of."""

    def __init__(self, max_noted: int = 0) -> None:
        self.world = World()
        self.bucket = FakeBucket(self.world)
        self.max_noted = max_noted
        self.one, self.two = self.governor(), self.governor()

    def governor(self) -> Governor:
        """A new process."""
        clock = FakeClock(self.world)
        shared = SharedCounters(
            bucket=self.bucket,
            key=GOVERNOR,
            clock=clock,
            rebuild=rebuilt_counters,
            read_record=read_record,
            max_noted=self.max_noted,
        )
        return Governor(shared=shared, limits=Limits(max_in_flight=99, submits_per_minute=999))

    def put(self, name: str, counted: Reservation) -> None:
        """Write the open record of a run."""
        self.bucket.upload(f"{OPEN}{name}.json", msgspec.json.encode(counted))

    def opened(self, name: str) -> Reservation:
        """A run that process `two` has opened; it is one of the sums."""
        wanted = Reservation(model="m", tokens=10)
        held = self.world.run(self.two.reserve(name, wanted, recorded=None, behind_others=False))
        assert not isinstance(held, Denial)
        self.put(name, held)
        self.two.record_says(name, held)
        self.swap(self.two)
        return held

    def read(self, governor: Governor, name: str) -> None:
        """A step of this process reads the record of a run, with counters that it has just read."""
        self.world.run(governor.counters())
        mark = governor.mark()
        governor.record_says(name, self.world.run(read_record(self.bucket, name)).counted, mark)

    def swap(self, governor: Governor) -> None:
        """A swap that concerns no run, and folds what this process knows."""

        def change(counters: Counters, _: Any) -> None:
            counters.bad_creates += 1

        self.world.run(governor.change(change))

    def settle(self, governor: Governor, name: str, recorded: Reservation) -> int:
        """Settle a run; how often its record is read for that."""
        first = len(self.world.effects)
        self.world.run(governor.settle(name, recorded=recorded, tokens=5, cost=0.0))
        return sum(
            (effect.name, effect.key) == ("bucket.get", f"{OPEN}{name}.json") for effect in self.world.effects[first:]
        )

    def close(self, governor: Governor, name: str) -> None:
        """Remove the record of a settled run, and forget the run."""
        self.bucket.remove(f"{OPEN}{name}.json")
        governor.closed(name)
        self.swap(governor)

    @property
    def counters(self) -> Counters:
        """As they are in the bucket."""
        return msgspec.json.decode(self.bucket.objects[GOVERNOR].body, type=Counters)


def test_a_record_is_not_read_again_for_what_others_did_to_other_runs() -> None:
    """The other process settles another run and forgets it, while a step has this one in hand."""
    machines = Machines()
    held, others = machines.opened(RUN), machines.opened(OTHER)
    machines.read(machines.one, RUN)
    machines.settle(machines.two, OTHER, others)
    machines.close(machines.two, OTHER)
    assert machines.settle(machines.one, RUN, held) == 0
    assert (machines.counters.held.slots, machines.counters.tokens) == (0, 10)


def test_a_run_that_another_process_has_settled_and_forgotten_is_not_booked_again() -> None:
    """Its message came twice. The record was read while it was still there, after the first settlement."""
    machines = Machines()
    held = machines.opened(RUN)
    machines.settle(machines.two, RUN, held)
    machines.read(machines.one, RUN)
    machines.close(machines.two, RUN)
    assert machines.counters.settled == []
    assert machines.settle(machines.one, RUN, held) == 1
    assert (machines.counters.held.slots, machines.counters.tokens) == (0, 5)


def test_a_record_that_was_read_before_it_named_a_note_which_others_folded_is_read_again() -> None:
    """The note was in the counters before the read already: only its folding shows that the record has changed."""
    machines = Machines(max_noted=0)
    held = machines.opened(RUN)
    more = [Reservation(model="m", tokens=10)]
    extended = machines.two.extend(RUN, held, more, recorded=held, tokens=0, cost=0.0)
    _, _, larger = machines.world.run(extended)
    assert larger is not None
    machines.read(machines.one, RUN)
    machines.put(RUN, larger)
    machines.two.record_says(RUN, larger)
    machines.swap(machines.two)
    assert machines.counters.reserved == {}
    with pytest.raises(RetryLaterError):  # the message comes back, and its step reads what the run holds now
        machines.settle(machines.one, RUN, held)
    assert (machines.counters.held.slots, machines.counters.tokens) == (2, 0)


def _edited(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda state: state | fields


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(_edited(bad_creates=7), id="by_hand"),
        pytest.param(_edited(nonce="f" * 16), id="by_hand_with_another_nonce"),
        pytest.param(_edited(nonce="f" * 16, recent=[]), id="by_an_earlier_version_that_drops_the_list"),
    ],
)
def test_after_a_write_that_does_not_say_which_runs_it_changed_records_are_read(
    edit: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Also if a process that reports it has written since."""
    for goes_on in (False, True):
        machines = Machines()
        held = machines.opened(RUN)
        machines.read(machines.one, RUN)
        machines.bucket.upload(GOVERNOR, json.dumps(edit(machines.bucket.json(GOVERNOR))))
        if goes_on and edit({"nonce": ""})["nonce"]:  # otherwise nothing shows it
            machines.swap(machines.governor())
        assert machines.settle(machines.one, RUN, held) == 1


def test_after_more_writes_than_are_listed_records_are_read() -> None:
    """The first of them settles the run, all others concern none."""
    machines = Machines()
    held = machines.opened(RUN)
    machines.read(machines.one, RUN)
    machines.settle(machines.two, RUN, held)
    machines.close(machines.two, RUN)
    for _ in range(70):
        machines.swap(machines.two)
    assert len(machines.counters.recent) < 70
    assert machines.settle(machines.one, RUN, held) == 1
    assert machines.counters.tokens == 5


def test_a_process_whose_own_swap_was_answered_with_a_refusal_reads_the_record() -> None:
    """The answer was lost and it has settled the run, which others have forgotten before it tries again."""
    machines = Machines()
    held = machines.opened(RUN)
    machines.read(machines.one, RUN)
    lost: list[Effect] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        if (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "after") and not lost:
            lost.append(effect)
            machines.bucket.remove(f"{OPEN}{RUN}.json")
            await machines.two.review()
            raise RetryLaterError

    machines.world.hook = hook
    with pytest.raises(RetryLaterError):
        machines.settle(machines.one, RUN, held)
    machines.world.hook = let_others_go
    assert machines.counters.settled == []
    assert machines.settle(machines.one, RUN, held) == 1
    assert machines.counters.tokens == 5


def test_a_refused_swap_reads_no_record_twice() -> None:
    """The other process writes between the read of the record and the swap."""
    machines = Machines()
    held = machines.opened(RUN)
    refused: list[Effect] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        is_swap = (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "before")
        if is_swap and len(refused) < 3:
            refused.append(effect)
            if len(refused) % 2:
                await machines.two.change(lambda counters, _: setattr(counters, "bad_creates", 7 + len(refused)))

    machines.world.hook = hook
    assert machines.settle(machines.one, RUN, held) == 1
    assert len(refused) == 3
    assert machines.counters.tokens == 5


def test_changes_requested_while_a_refused_swap_waits_join_it() -> None:
    """One swap for both, so that a process which shares the counters with many writes them less often."""
    machines = Machines(MAX_NOTED)
    machines.swap(machines.one)
    puts: list[Effect] = []

    async def reserve(name: str) -> None:
        await machines.one.reserve(name, Reservation(model="m"), recorded=None, behind_others=False)

    async def story() -> None:
        async def hook(effect: Effect, moment: Moment) -> None:
            if (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "before"):
                puts.append(effect)
                if len(puts) == 1:
                    machines.bucket.upload(GOVERNOR, machines.bucket.objects[GOVERNOR].body + b"\n")
                    tasks.append(asyncio.create_task(reserve(OTHER)))
                    await asyncio.sleep(0)

        tasks: list[asyncio.Task[None]] = []
        machines.world.hook = hook
        await reserve(RUN)
        await asyncio.gather(*tasks)

    machines.world.run(story())
    assert set(machines.counters.reserved) == {RUN, OTHER}
    assert len(puts) == 2


def test_runs_that_others_have_just_settled_are_left_to_them() -> None:
    """Their records are not read in order to forget them, unless they are still there many writes later."""
    machines = Machines()
    held = machines.opened(RUN)
    machines.settle(machines.two, RUN, held)
    machines.bucket.remove(f"{OPEN}{RUN}.json")
    stranger = machines.governor()
    for _ in range(5):
        machines.swap(stranger)
    assert machines.counters.settled == [RUN]
    for _ in range(20):
        machines.swap(stranger)
    assert machines.counters.settled == []


def test_two_runs_with_the_same_short_name_are_not_taken_for_each_other() -> None:
    """A change of one makes the record of the other be read again, but a read of one is not a read of the other."""
    found: dict[str, str] = {}
    for number in itertools.count():
        name = f"{number:032x}.1"
        if (twin := found.setdefault(recent_writes.short(name), name)) != name:
            break
    marks = RecordMarks()
    assert marks.put(name, marks.now())
    assert marks.holds(name)
    assert not marks.holds(twin)
    early = marks.now()
    marks.others_changed({recent_writes.short(twin)})
    assert not marks.holds(name)
    assert not marks.put(twin, early)
