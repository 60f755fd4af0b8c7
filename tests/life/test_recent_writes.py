"""A record is read again only if another process may have changed its run; the counters list which runs those are.

Two processes share the counters, which name as few runs as possible: what runs hold is in their records.
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
    """Read only a record's reservation."""
    stored = await bucket.get(f"{OPEN}{name}.json")
    return RecordState(stored is not None, msgspec.json.decode(stored.body, type=Reservation) if stored else None)


class Machines:
    """Two processes, and runs that both know."""

    def __init__(self, max_noted: int = 0) -> None:
        self.world = World()
        self.bucket = FakeBucket(self.world)
        self.max_noted = max_noted
        self.one, self.two = self.governor(), self.governor()

    def governor(self) -> Governor:
        """The governor of a new process."""
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
        """Let process `two` open a run and fold its note into the totals."""
        wanted = Reservation(model="m", tokens=10)
        held = self.world.run(self.two.reserve(name, wanted, recorded=None, behind_others=False))
        assert not isinstance(held, Denial)
        self.put(name, held)
        self.two.record_says(name, held)
        self.swap(self.two)
        return held

    def read(self, governor: Governor, name: str) -> None:
        """Read a run's record in a step of this process, with counters that it has just read."""
        self.world.run(governor.counters())
        mark = governor.mark()
        governor.record_says(name, self.world.run(read_record(self.bucket, name)).counted, mark)

    def swap(self, governor: Governor) -> None:
        """Make a swap that concerns no run, and fold what this process knows."""

        def change(counters: Counters, _: Any) -> None:
            counters.bad_creates += 1

        self.world.run(governor.change(change))

    def settle(self, governor: Governor, name: str, recorded: Reservation) -> int:
        """Settle a run, and return how often its record was read for that."""
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
        """The counters in the bucket."""
        return msgspec.json.decode(self.bucket.objects[GOVERNOR].body, type=Counters)


def test_a_record_is_not_read_again_for_what_others_did_to_other_runs() -> None:
    """The other process settles and forgets another run while a step holds this one."""
    machines = Machines()
    held, others = machines.opened(RUN), machines.opened(OTHER)
    machines.read(machines.one, RUN)
    machines.settle(machines.two, OTHER, others)
    machines.close(machines.two, OTHER)
    assert machines.settle(machines.one, RUN, held) == 0
    assert (machines.counters.held.slots, machines.counters.tokens) == (0, 10)


def test_a_run_that_another_process_has_settled_and_forgotten_is_not_booked_again() -> None:
    """Its message came twice; the record was read after the first settlement, while it still existed."""
    machines = Machines()
    held = machines.opened(RUN)
    machines.settle(machines.two, RUN, held)
    machines.read(machines.one, RUN)
    machines.close(machines.two, RUN)
    assert machines.counters.settled == []
    assert machines.settle(machines.one, RUN, held) == 1
    assert (machines.counters.held.slots, machines.counters.tokens) == (0, 5)


def test_a_record_is_read_again_if_others_have_folded_a_note_since() -> None:
    """The counters had the note before the read already, so only its folding shows that the record has changed."""
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
    with pytest.raises(RetryLaterError):  # the message comes back, and its step reads what the run holds by then
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
def test_after_a_write_that_does_not_list_its_runs_records_are_read_again(
    edit: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """That holds even if a process that lists its changes has written since."""
    for goes_on in (False, True):
        machines = Machines()
        held = machines.opened(RUN)
        machines.read(machines.one, RUN)
        machines.bucket.upload(GOVERNOR, json.dumps(edit(machines.bucket.json(GOVERNOR))))
        if goes_on and edit({"nonce": ""})["nonce"]:  # otherwise nothing shows the edit
            machines.swap(machines.governor())
        assert machines.settle(machines.one, RUN, held) == 1


def test_after_more_writes_than_are_listed_records_are_read_again() -> None:
    """The first write settles the run and has dropped out of the list; the others concern no run."""
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


def test_a_process_reads_the_record_again_after_its_own_swap_seemed_to_fail() -> None:
    """Its swap settled the run but the answer was lost, and others have forgotten the run before it tries again."""
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


def test_a_refused_swap_does_not_read_the_record_again() -> None:
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
    """One swap serves both, so that processes sharing the counters write less often."""
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
    """Their records are not read to forget them, unless they are still listed many writes later."""
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
    """A change to one makes the other's record be read again, but reading one does not count as reading the other."""
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
