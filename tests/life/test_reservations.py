"""A slot is never granted twice and never lost, and a run is booked once, whatever dies or is slow.

Here a few processes act out runs on the real governor, with records that have only what the protocol needs. So few
names are kept that most reservations are in the totals, as they are with tens of thousands of jobs in flight.
"""

import asyncio
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backburner.capacity import reservations
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Denial, Limits, Reservation, Totals
from backburner.capacity.reservations import RecordState
from backburner.capacity.shared_counters import MAX_NOTED, SharedCounters
from backburner.capacity.timing import RANDOM
from backburner.errors import RetryLaterError
from backburner.ledger.keys import GOVERNOR, OPEN
from backburner.maintenance.sweep import put_right
from backburner.ports import ABSENT, Bucket, ConflictError
from support.depth import depth
from support.fakes import START, FakeBucket, FakeClock, Killed, World
from support.system import System

LIMIT = 3
RUNS = 7
LEASE_S = 20.0
"""Longer than a living process takes from a claim to its next write."""
NAMES = [f"{number:032x}.1" for number in range(RUNS)]


class Record(msgspec.Struct, frozen=True):
    """What an open record says that concerns the governor."""

    life: str
    """A name for the claim that started it."""
    running: bool
    counted: Reservation | None = None
    used: int = 0


async def no_rebuild(_: Bucket, body: bytes, __: datetime) -> Counters:
    """Fail, since nothing here damages the counters."""
    raise AssertionError(body)


async def read_record(bucket: Bucket, name: str) -> RecordState:
    """Read a record's reservation."""
    stored = await bucket.get(f"{OPEN}{name}.json")
    record = msgspec.json.decode(stored.body, type=Record) if stored else None
    return RecordState(record is not None, record.counted if record else None)


def _used(result: bytes) -> int:
    return int(result.split()[1])


@dataclass
class Player:
    """One process that moves runs a step on, in the core's order of effects."""

    bucket: FakeBucket
    governor: Governor
    chance: random.Random

    async def play(self, steps: int) -> None:
        """Take `steps` steps with randomly chosen runs."""
        for _ in range(steps):
            await self.step(self.chance.choice(NAMES))

    async def step(self, name: str) -> None:
        """Do whatever a run needs next, as this process sees it."""
        mark = self.governor.mark()
        stored = await self.bucket.get(f"{OPEN}{name}.json")
        record = msgspec.json.decode(stored.body, type=Record) if stored else None
        if record is not None:
            self.governor.record_says(name, record.counted, mark)
        over = await self.bucket.get(f"results/{name}")
        try:
            if over is not None:
                if record is not None:
                    await self._settle(name, record, over.body)
            elif stored is None or record is None:
                await self._open(name)
            elif record.running and record.counted is None and stored.age_s < LEASE_S:
                return  # its claimant may be alive
            elif not record.running:
                await self._start(name, record, stored.etag)
            elif self.chance.random() < 0.5:
                await self._wait(name, record, stored.etag)
            else:
                await self._end(name, record, stored.etag)
        except RetryLaterError:
            pass

    async def _write(self, name: str, record: Record, match: str) -> str | None:
        try:
            return await self.bucket.put(
                f"{OPEN}{name}.json", msgspec.json.encode(record), match=match, content_type="application/json"
            )
        except ConflictError:
            return None

    async def _open(self, name: str) -> None:
        counted = await self._reserved(name, None)
        if isinstance(counted, Denial):
            await self._write(name, Record(life=self._new_life(), running=False), ABSENT)
            return
        claimed = Record(life=self._new_life(), running=True)  # names nothing until the run is known not to be over
        etag = await self._write(name, claimed, ABSENT)
        if etag is None:
            await self.governor.withdraw(name, counted)
            return
        over = await self.bucket.get(f"results/{name}")
        if over is not None:
            await self._settle(name, claimed, over.body)
        elif await self._write(name, replace(claimed, counted=counted), etag):
            self.governor.record_says(name, counted)

    def _new_life(self) -> str:
        return f"{self.chance.getrandbits(64):016x}"

    async def _reserved(self, name: str, recorded: Reservation | None) -> Reservation | Denial:
        wanted = Reservation(model="m", tokens=10, cost=0.5)
        return await self.governor.reserve(name, wanted, recorded=recorded, behind_others=False)

    async def _start(self, name: str, record: Record, etag: str) -> None:
        counted = await self._reserved(name, record.counted)
        if not isinstance(counted, Denial):
            started = replace(record, running=True, counted=counted)
            if await self._write(name, started, etag):
                self.governor.record_says(name, counted)

    async def _wait(self, name: str, record: Record, etag: str) -> None:
        waits = replace(record, running=False, used=record.used + 7)
        mine = await self._write(name, waits, etag)
        if mine is None:
            return
        bill = await self.governor.release(
            name, Reservation(model="m"), recorded=record.counted, tokens=waits.used, cost=float(waits.used)
        )
        if bill is not None and await self._write(name, replace(waits, counted=bill), mine):
            self.governor.record_says(name, bill)

    async def _end(self, name: str, record: Record, etag: str) -> None:
        record = replace(record, used=record.used + 5)
        if await self._write(name, record, etag) is None:  # only its owner ends a run
            return
        try:
            result = f"{record.life} {record.used}".encode()
            await self.bucket.put(f"results/{name}", result, match=ABSENT, content_type="text/plain")
        except ConflictError:
            return
        await self._settle(name, record, result)

    async def _settle(self, name: str, record: Record, result: bytes) -> None:
        """Book nothing for a record that was claimed after the run had ended."""
        used = _used(result) if result.decode().startswith(record.life) else 0
        await self.governor.settle(name, recorded=record.counted, tokens=used, cost=float(used))
        await self.bucket.delete(f"{OPEN}{name}.json")
        self.governor.closed(name)


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(one, other)


class Story:
    """Players in one world that interleave at every effect, lose answers, and sometimes die."""

    def __init__(self, seed: int, max_noted: int) -> None:
        self.chance = random.Random(seed)
        RANDOM.seed(seed)
        self.world = World()
        self.world.hook = self._hook
        self.bucket = FakeBucket(self.world)
        self.max_noted = max_noted
        self.deadly = True

    async def _hook(self, effect, _):
        await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3, 3.0]))
        self._check()
        if not self.deadly:
            return
        if self.chance.random() < 0.01:
            raise Killed
        if (effect.name, effect.key) == ("bucket.put", GOVERNOR) and self.chance.random() < 0.05:
            raise ConflictError(effect.key)  # before: others were first; after: the answer was lost

    def _check(self) -> None:
        """No more runs than allowed are running, and the counters know of each."""
        running = sum(
            self.bucket.json(key)["running"]
            for key in self.bucket.keys(OPEN)
            if f"results/{key.removeprefix(OPEN).removesuffix('.json')}" not in self.bucket.objects
        )
        assert running <= LIMIT
        if GOVERNOR in self.bucket.objects:
            counters = msgspec.json.decode(self.bucket.objects[GOVERNOR].body, type=Counters)
            assert running <= counters.held.slots <= LIMIT

    async def process(self) -> None:
        """Start a process that does two things at once, as a tick does."""
        one = self.player()
        other = Player(self.bucket, one.governor, self.chance)
        await self.world.process(_both(one.play(8), other.play(8)), "player")

    def player(self) -> Player:
        """A new process that does one thing after another."""
        shared = SharedCounters(
            bucket=self.bucket,
            key=GOVERNOR,
            clock=FakeClock(self.world),
            rebuild=no_rebuild,
            read_record=read_record,
            max_noted=self.max_noted,
        )
        limits = Limits(max_in_flight=LIMIT, submits_per_minute=10**6)
        return Player(self.bucket, Governor(shared=shared, limits=limits), self.chance)

    async def run_all(self) -> None:
        """Run twelve processes, three at a time; then one that cannot die ends what is left and sweeps twice."""
        for _ in range(4):
            await asyncio.gather(*(self.process() for _ in range(3)))
        self.deadly = False
        last = self.player()
        for _ in range(400):
            await last.step(self.chance.choice(NAMES))
        for name in NAMES:
            while f"results/{name}" not in self.bucket.objects or self.bucket.keys(f"{OPEN}{name}"):
                await last.step(name)
        for _ in range(2):
            await last.governor.review()
            await last.governor.change(lambda counters, now: put_right(counters, now, set(), {}))


@settings(max_examples=depth(8, 60))
@given(seed=st.integers(0, 2**32), max_noted=st.sampled_from([0, 1, 2, MAX_NOTED]))
@example(seed=1, max_noted=0)
def test_no_slot_is_granted_twice_or_lost_and_every_run_is_booked_once(seed, max_noted):
    """Random histories have deaths, lost answers and slow processes, with hardly any names kept or with all of them."""
    story = Story(seed, max_noted)
    story.world.run(story.run_all())
    counters = msgspec.json.decode(story.bucket.objects[GOVERNOR].body, type=Counters)
    assert (counters.held.runs, counters.held.slots, counters.held.tokens) == (0, 0, 0)
    assert (counters.reserved, counters.unsettled) == ({}, {})
    used = sum(_used(story.bucket.objects[f"results/{name}"].body) for name in NAMES)
    assert (counters.tokens, counters.cost) == (used, float(used))


@pytest.mark.parametrize("in_flight", [100, depth(400, 5_000)])
def test_the_governors_object_does_not_grow_with_the_jobs_in_flight(in_flight):
    """All these jobs are submitted and stay open; the object keeps its size, and no record is read for it."""
    world, chance = World(), random.Random(1)
    bucket = FakeBucket(world)
    shared = SharedCounters(
        bucket=bucket, key=GOVERNOR, clock=FakeClock(world), rebuild=no_rebuild, read_record=read_record
    )
    limits = Limits(max_in_flight=10**6, submits_per_minute=10**6)
    player = Player(bucket, Governor(shared=shared, limits=limits), chance)

    async def fill() -> None:
        for number in range(in_flight):
            await player._open(f"{number:032x}.1")

    world.run(fill())
    counters = msgspec.json.decode(bucket.objects[GOVERNOR].body, type=Counters)
    assert counters.held.slots == in_flight
    assert len(bucket.objects[GOVERNOR].body) < 24_000
    assert len(counters.reserved) <= MAX_NOTED + 1
    reads = sum(effect.name == "bucket.get" and effect.key.startswith(OPEN) for effect in world.effects)
    assert reads == 0


def test_notes_of_dead_processes_are_folded_by_others():
    """Each job is opened by a process that never returns, and others read its record."""
    world = World()
    bucket = FakeBucket(world)
    limits = Limits(max_in_flight=10**6, submits_per_minute=10**6)

    async def fill() -> None:
        for number in range(300):
            shared = SharedCounters(
                bucket=bucket, key=GOVERNOR, clock=FakeClock(world), rebuild=no_rebuild, read_record=read_record
            )
            governor = Governor(shared=shared, limits=limits)
            await Player(bucket, governor, random.Random(number))._open(f"{number:032x}.1")

    world.run(fill())
    counters = msgspec.json.decode(bucket.objects[GOVERNOR].body, type=Counters)
    assert counters.held.slots == 300
    assert len(counters.reserved) <= MAX_NOTED + 1
    reads = [effect for effect in world.effects if effect.name == "bucket.get" and effect.key.startswith(OPEN)]
    assert len(reads) <= 300 + 16


def downgrade(system: System) -> None:
    """Turn the ledger into what the previous version would have left."""
    state = system.bucket.json(GOVERNOR)
    reserved = {name: {**note, "places": note.get("places", 1)} for name, note in state["reserved"].items()}
    kept = {name: value for name, value in state.items() if name not in {"standing", "settled"}}
    system.bucket.upload(GOVERNOR, json.dumps(kept | {"version": 1, "reserved": reserved}))
    for key in system.bucket.keys(OPEN):
        record = system.bucket.json(key)
        (record["wants"] or {})["holder"] = (record.get("counted") or {}).get("holder", "")
        del record["counted"]
        system.bucket.upload(key, json.dumps(record))


def test_runs_left_by_the_previous_version_continue():
    """Its reservations and unsettled use hold, nothing is booked twice, and everything is released in the end."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    for number in range(4):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
    downgrade(system)
    state = system.bucket.json(GOVERNOR)
    assert len(state["reserved"]) == 2
    waiting = next(key for key in system.bucket.keys(OPEN) if system.bucket.json(key)["state"] == "waiting")
    name = waiting.removeprefix(OPEN).removesuffix(".json")
    bill = {"model": "model-1", "places": 1, "tokens": 11, "cost": 0.0, "holder": "t"}
    system.bucket.upload(GOVERNOR, json.dumps(state | {"owed": {name: bill}}))
    system.settle()
    assert all(system.result(f"inbox/{number}.txt") for number in range(4))
    used = sum(system.run_record(f"inbox/{number}.txt")["usage"]["total_tokens"] for number in range(4))
    after = system.bucket.json(GOVERNOR)
    assert (after["version"], after["reserved"], after["owed"], after["standing"]["runs"]) == (2, {}, {}, 0)
    assert after["tokens"] == used
    assert system.problems() == []


def test_totals_dropped_by_an_old_function_are_rebuilt():
    """While both versions are deployed, the old one drops fields it does not know, and the totals are rebuilt."""
    system = System()
    for number in range(3):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
    state = system.bucket.json(GOVERNOR)
    kept = {name: value for name, value in state.items() if name not in {"standing", "settled"}}
    system.bucket.upload(GOVERNOR, json.dumps(kept | {"reserved": {}}))
    counters, _ = system.run(system.parts().governor.counters())
    assert counters.in_flight == 3
    system.settle()
    assert system.problems() == []


def test_totals_that_somebody_edited_are_corrected():
    """A sweep compares them with the records and corrects them in either direction."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "3"})
    system.process("inbox/a.txt", "text")
    for wrong in (3, -3):
        state = system.bucket.json(GOVERNOR)
        sums = {"runs": wrong, "places": wrong, "tokens": wrong * 1000, "cost": float(wrong)}
        system.bucket.upload(GOVERNOR, json.dumps(state | {"standing": sums}))
        system.sweep(1)
        assert system.bucket.json(GOVERNOR)["standing"] == {"runs": 0, "places": 0, "tokens": 0, "cost": 0.0}


@pytest.mark.parametrize("tidy", [reservations.fold, reservations.fold_or_drop])
def test_a_run_claimed_after_its_end_leaves_nothing_in_the_totals(tidy):
    """A late process reserves for it and claims it, others tidy the counters, and it is settled again."""
    counters, limits = Counters(), Limits(max_in_flight=3, submits_per_minute=9)
    wanted = Reservation(model="m", tokens=9)
    first = reservations.reserve(counters, limits, START, "job.1", replace(wanted, holder="1"), behind_others=False)
    tidy(counters, "job.1", RecordState(is_open=True, counted=first))
    reservations.settle(counters, START, "job.1", recorded=first, tokens=5, cost=0.0)
    late = reservations.reserve(counters, limits, START, "job.1", replace(wanted, holder="2"), behind_others=False)
    tidy(counters, "job.1", RecordState(is_open=True, counted=late))
    reservations.settle(counters, START, "job.1", recorded=late, tokens=0, cost=0.0)
    tidy(counters, "job.1", RecordState(is_open=False))
    assert (counters.held, counters.tokens, counters.settled) == (Totals(), 5, [])


def test_a_settled_run_that_reserves_again_books_only_its_new_use():
    """Its first record was left behind, and a process that does not know of the end starts another attempt."""
    counters, limits = Counters(), Limits(max_in_flight=3, submits_per_minute=9)
    wanted = Reservation(model="m", tokens=9)
    first = reservations.reserve(counters, limits, START, "job.1", replace(wanted, holder="1"), behind_others=False)
    reservations.settle(counters, START, "job.1", recorded=first, tokens=5, cost=0.0)
    again = replace(wanted, holder="2", booked_tokens=5)
    again = reservations.reserve(counters, limits, START, "job.1", again, recorded=first, behind_others=False)
    reservations.settle(counters, START, "job.1", recorded=first, tokens=5, cost=0.0)
    assert (counters.held, counters.tokens) == (Totals(), 5)
    again = replace(wanted, holder="3", booked_tokens=5)
    again = reservations.reserve(counters, limits, START, "job.1", again, recorded=first, behind_others=False)
    for _ in range(2):
        reservations.settle(counters, START, "job.1", recorded=again, tokens=12, cost=0.0)
    assert (counters.held, counters.tokens, counters.settled) == (Totals(), 12, ["job.1"])


def test_a_lost_claim_does_not_release_what_another_process_uses():
    """An event is repeated for a waiting run, and the checker starts that run with what the event reserved."""
    counters, limits = Counters(), Limits(max_in_flight=3, submits_per_minute=9)
    wanted = Reservation(model="m", tokens=9)
    event = reservations.reserve(counters, limits, START, "job.1", replace(wanted, holder="1"), behind_others=False)
    checker = reservations.reserve(counters, limits, START, "job.1", replace(wanted, holder="2"), behind_others=False)
    assert event == checker
    reservations.withdraw(
        counters, "job.1", "1", RecordState(is_open=True)
    )  # the record still waits, and names no reservation
    reservations.fold(counters, "job.1", RecordState(is_open=True, counted=checker))
    assert (counters.held.slots, counters.recorded_totals.slots) == (1, 1)


def test_a_swap_whose_answer_was_lost_is_not_counted_again_under_the_same_id():
    """Before it is tried again, another process has used its reservation, and the record has been folded."""
    world = World()
    bucket = FakeBucket(world)
    lost = []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        is_swap = (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "after")
        if is_swap and effect.process == "first" and not lost and bucket.json(GOVERNOR)["reserved"]:
            lost.append(effect)
            await second._open(NAMES[0])
            await second._open(NAMES[1])  # and this swap folds the first
            raise ConflictError(effect.key)

    def player() -> Player:
        return Player(bucket, _governor(world, bucket, max_in_flight=9, max_noted=0), random.Random(1))

    first, second = player(), player()
    world.hook = hook
    world.run(world.process(first._open(NAMES[0]), "first"))
    world.run(player().governor.review())
    counters = msgspec.json.decode(bucket.objects[GOVERNOR].body, type=Counters)
    assert lost
    assert counters.held.slots == 2


def _governor(world: World, bucket: FakeBucket, max_in_flight: int, max_noted: int) -> Governor:
    clock = FakeClock(world)
    shared = SharedCounters(
        bucket=bucket, key=GOVERNOR, clock=clock, rebuild=no_rebuild, read_record=read_record, max_noted=max_noted
    )
    return Governor(shared=shared, limits=Limits(max_in_flight=max_in_flight, submits_per_minute=99))


def test_two_steps_of_a_run_in_one_swap_hold_one_slot():
    """A message came twice, and one of its two steps read the record before the run released its slot."""
    world = World()
    bucket = FakeBucket(world)
    name, wanted = NAMES[0], Reservation(model="m", tokens=10)
    key = f"{OPEN}{name}.json"

    async def put(counted: Reservation | None, match: str) -> str:
        body = msgspec.json.encode(Record(life="x", running=True, counted=counted))
        return await bucket.put(key, body, match=match, content_type="application/json")

    async def story() -> None:
        governor = _governor(world, bucket, max_in_flight=1, max_noted=0)
        before = await governor.reserve(name, wanted, recorded=None, behind_others=False)
        etag = await put(before, ABSENT)
        governor.record_says(name, before)
        after = await governor.release(name, wanted, recorded=before, tokens=0, cost=0.0) or governor.holds(
            name, before
        )
        await put(after, etag)
        governor.record_says(name, after)
        await governor.review()
        busy = governor.change(lambda counters, _: setattr(counters, "bad_creates", 1))
        steps = (governor.reserve(name, wanted, recorded=recorded, behind_others=False) for recorded in (after, before))
        _, first, second = await asyncio.gather(busy, *steps)
        assert isinstance(first, Reservation)
        assert isinstance(second, Denial)
        counters, _ = await governor.counters()
        assert counters.held.slots == 1

    world.run(story())


def test_a_run_whose_record_names_no_reservation_is_booked_once():
    """Its id was adopted and two steps have its answer; after the first has ended it, a late event arrives."""
    world = World()
    bucket = FakeBucket(world)
    name, wanted = NAMES[0], Reservation(model="m", tokens=10)
    key = f"{OPEN}{name}.json"
    body = msgspec.json.encode(Record(life="x", running=True, counted=None))

    async def story() -> None:
        ending, late, stale = (_governor(world, bucket, max_in_flight=9, max_noted=64) for _ in range(3))
        await ending.reserve(name, wanted, recorded=None, behind_others=False)
        await bucket.put(key, body, match=ABSENT, content_type="application/json")
        await ending.settle(name, recorded=None, tokens=5, cost=0.0)
        await bucket.delete(key)
        ending.closed(name)
        await ending.reserve(NAMES[1], wanted, recorded=None, behind_others=False)  # this swap forgets ended runs
        await late.reserve(name, wanted, recorded=None, behind_others=False)
        await stale.settle(name, recorded=None, tokens=5, cost=0.0)
        counters, _ = await ending.counters()
        assert counters.tokens == 5

    world.run(story())
