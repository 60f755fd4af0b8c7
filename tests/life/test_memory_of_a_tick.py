"""The memory a checker keeps after handling documents does not grow with their number."""

import asyncio
import gc
import sys
from collections.abc import Iterable
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest

from backburner import tick
from backburner.capacity import recent_writes, record_marks, shared_counters
from backburner.capacity.reservations import RecordState
from backburner.ledger.keys import GOVERNOR, OPEN
from backburner.ledger.records import OpenRecord
from backburner.maintenance import under_way
from support.fakes import FakeBucket, FakeClock, FakeExtractor, FakeGenerator, FakeQueue, Plan, World
from support.fakes.world import Effect
from support.system import System

FEW, MANY = 30, 130
SMALL = 16
"""The most runs of which anything is kept, so that a hundred show what is not limited."""
_OUTSIDE = (World, FakeBucket, FakeQueue, FakeGenerator, FakeExtractor, FakeClock)
"""The world keeps everything, and a process keeps its own code and classes."""
_LOADED = (ModuleType, type, FunctionType, FrameType)


def bytes_kept(roots: Iterable[Any]) -> int:
    """The size of everything reachable from `roots`, except the world outside."""
    seen, left, size = dict[int, Any](), list(roots), 0
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, (*_OUTSIDE, *_LOADED)):
            continue
        seen[id(one)] = one
        size += sys.getsizeof(one)
        left += gc.get_referents(one)
    return size


def kept_at_the_end(documents: int, *, is_waiting: bool) -> int:
    """What a tick holds in memory after handling so many documents, just before it ends."""
    system, kept = System({"BACKBURNER_POLLS_PER_SECOND": "1000"}, max_noted=SMALL), list[int]()
    system.generator.default = Plan(runs_s=1.0)
    system.upload("recipes/default.md", "Do it.")
    full = System({"BACKBURNER_MAX_IN_FLIGHT": "1"}, system.world) if is_waiting else system
    full.bucket, full.pending, full.backlog, full.generator = (
        system.bucket, system.pending, system.backlog, system.generator,
    )  # fmt: skip
    for number in range(documents):
        system.upload(f"inbox/{number}.txt", "text")
        system.run(full.parts().submitter.submit(f"inbox/{number}.txt", is_first=True))
    system.world.later(60)
    core = system.parts()
    core.journal.max_lines = SMALL

    async def measured() -> None:  # in its own task: what a running task holds is not visible
        kept.append(bytes_kept([core, *asyncio.all_tasks() - {asyncio.current_task()}]))

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.key == GOVERNOR and moment == "before" and len(asyncio.all_tasks()) == 1 and ended(system):
            await asyncio.create_task(measured())  # the sweep checks whether it is due

    system.world.hook = hook
    report = system.run(core.tick.run(1000.0))
    journal = [system.bucket.body(key) for key in system.bucket.keys("ledger/journal/")]
    assert (report.ended.done, sum(body.count("\n") for body in journal)) == (documents, documents)
    return kept[-1]


def ended(system: System) -> bool:
    """Whether every run is over."""
    return not system.bucket.keys("ledger/open/")


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a hundred documents reach."""
    monkeypatch.setattr(shared_counters, "_MAX_KNOWN", SMALL)
    monkeypatch.setattr(record_marks, "_MAX_NAMES", SMALL)
    monkeypatch.setattr(recent_writes, "_MAX_WRITES", SMALL)
    monkeypatch.setattr(recent_writes, "_MAX_CHARACTERS", 20 * SMALL)
    monkeypatch.setattr(tick, "MAX_IN_HAND", SMALL)
    monkeypatch.setattr(tick, "_RECEIVERS", 1)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(("is_waiting", "most_bytes"), [(False, 30), (True, 150)], ids=["finished", "waiting"])
def test_what_a_tick_keeps_does_not_grow_with_the_documents_it_handles(*, is_waiting: bool, most_bytes: int) -> None:
    """Neither finished generations nor jobs taken from the backlog accumulate.

    For each message sent, a tick keeps the time at which it will show, until then. A line of the journal, for
    comparison, takes a kilobyte.
    """
    few, many = (kept_at_the_end(documents, is_waiting=is_waiting) for documents in (FEW, MANY))
    assert (many - few) / (MANY - FEW) < most_bytes


def test_what_is_known_of_records_is_limited() -> None:
    """That holds however many runs a process has met since its start."""
    governor = System().parts().governor
    for number in range(shared_counters._MAX_KNOWN + 100):
        governor.shared.remember(f"run-{number}", RecordState(is_open=False), governor.mark())
    assert len(governor.shared._known) == shared_counters._MAX_KNOWN
    assert len(governor.shared._marks._runs) == record_marks._MAX_NAMES


def test_a_sweep_that_reads_the_open_records_does_not_keep_them() -> None:
    """It compares all of them, perhaps twenty thousand, with the governor's totals."""
    system, read, alive = System(max_noted=0), list[Effect](), list[int]()
    system.generator.default = Plan(runs_s=100_000.0)
    for number in range(MANY):
        system.upload(f"inbox/{number}.txt", "text")
        system.run(system.submit(f"inbox/{number}.txt"))
    core = system.parts()
    system.run(core.tick.sweeper.sweep(1e9))

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "bucket.get" and effect.key.startswith(OPEN) and moment == "before":
            read.append(effect)
            if len(read) % 16 == 0:
                alive.append(sum(isinstance(one, OpenRecord) for one in gc.get_objects()))

    system.world.hook = hook
    gc.collect()
    system.run(core.tick.sweeper.sweep(1e9))
    assert len(read) >= MANY
    assert max(alive) <= 2 * under_way._READS_AT_ONCE
