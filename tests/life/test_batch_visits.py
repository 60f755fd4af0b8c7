"""Long visits to segments: what they create is recorded soon, and they do not hold up the tick."""

import asyncio
import dataclasses
import json
import types
from itertools import pairwise
from typing import Any

import pytest

from backburner.batch import create_lines, poll_lines
from backburner.batch.checkpoint import TakenError
from backburner.batch.segment_runner import SegmentRunner
from backburner.capacity.timing import TickState
from backburner.errors import RetryLaterError
from backburner.provider.answers import Generation
from support.fakes import Effect, Hook, Killed, Moment, Plan
from support.system import System

KEY = "inbox/batch.jsonl"
FAST = {"BACKBURNER_SUBMITS_PER_MINUTE": "100000", "BACKBURNER_POLLS_PER_SECOND": "20"}


def _lines(count: int) -> str:
    """A batch of `count` lines."""
    bodies = ({"model": "model-1", "input": f"line {number}"} for number in range(count))
    return "".join(
        json.dumps({"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": body}) + "\n"
        for number, body in enumerate(bodies)
    )


def _small(monkeypatch: pytest.MonkeyPatch, **more: str) -> System:
    """A system with small segments and blocks, so that few lines take many visits."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 100)
    monkeypatch.setattr(create_lines, "BLOCK", 8)
    monkeypatch.setattr(create_lines, "_AT_A_TIME", 25)
    monkeypatch.setattr(poll_lines, "_MAX_KEPT", 25, raising=False)
    return System(FAST | {"BACKBURNER_MAX_IN_FLIGHT": "100"} | more)


def _named(system: System) -> set[str]:
    """The response ids in the records of segments."""
    found = set[str]()
    for key in system.bucket.keys("ledger/open/"):
        segment = system.bucket.json(key).get("segment") or {}
        found |= {started[2] for started in segment.get("started", ())}
    return found


def _slow_deletes(seconds: float) -> Hook:
    """Make each delete take `seconds`."""

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(seconds if effect.name == "generator.delete" and moment == "before" else 0)

    return hook


class _Watch:
    """Measures for how long a started generation was in no record."""

    def __init__(self, system: System, create_s: float) -> None:
        self.system, self.create_s = system, create_s
        self.unknown: dict[str, float] = {}
        self.seen = set[str]()
        self.longest = 0.0

    async def __call__(self, effect: Effect, moment: Moment) -> None:
        system = self.system
        if effect.name == "generator.create":
            await asyncio.sleep(self.create_s if moment == "before" else 0)
            if moment == "after":
                for new in system.generator.made.keys() - self.seen:
                    self.seen.add(new)
                    self.unknown[new] = system.world.seconds
        if effect.name == "bucket.put" and moment == "after" and effect.key.startswith("ledger/open"):
            for known in _named(system) & self.unknown.keys():
                self.longest = max(self.longest, system.world.seconds - self.unknown.pop(known))
        await asyncio.sleep(0)


@pytest.mark.parametrize("runs_s", [1.3, 3.0, 12.0])
def test_ids_reach_the_record_soon(monkeypatch: pytest.MonkeyPatch, runs_s: float) -> None:
    """However long the visit lasts, a new id is recorded within a second."""
    system = _small(monkeypatch)
    system.generator.default = Plan(runs_s=runs_s)
    watch = _Watch(system, 0.15)
    system.world.hook = watch
    system.process(KEY, _lines(300))
    assert watch.longest < 1.0


def test_a_process_that_dies_between_its_rounds_pays_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies about two seconds after the last create was answered, and their ids are recorded by then."""
    system = _small(monkeypatch)
    system.generator.default = Plan(runs_s=30)
    last = 0.0

    async def hook(effect: Effect, _: Moment) -> None:
        nonlocal last
        await asyncio.sleep(0)
        if effect.name == "generator.create":
            last = system.world.seconds
        is_idle = len(system.generator.requests) == 20 and system.world.seconds - last > 1.5
        if is_idle and effect.name.startswith("generator.retrieve") and not dead:
            dead.append(1)
            raise Killed

    dead: list[int] = []
    system.world.hook = hook
    system.process(KEY, _lines(20))
    assert dead
    assert len(system.generator.requests) == 20


def test_a_read_that_fails_between_two_rounds_pays_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store fails once, long after the creates were answered."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="20")
    system.generator.default = Plan(runs_s=1.0)
    failed: list[float] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        polled = len(system.generator.retrieved)
        if effect.name == "bucket.get" and effect.key == KEY and polled and moment == "before" and not failed:
            failed.append(system.world.seconds)
            raise RetryLaterError("the store is busy")

    system.world.hook = hook
    system.process(KEY, _lines(60))
    assert failed
    assert len(system.generator.requests) == 60


def test_a_tick_is_not_held_up_by_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each delete takes ten seconds, and the tick still ends in time."""
    system = _small(monkeypatch, BACKBURNER_POLLS_PER_SECOND="100")
    system.generator.default = Plan(runs_s=1.0)

    system.world.hook = _slow_deletes(10.0)
    system.upload(KEY, _lines(400))
    system.run(system.submit(KEY))
    longest = 0.0
    for _ in range(10):
        at = system.world.seconds
        system.run(system.tick())
        longest = max(longest, system.world.seconds - at)
        if not system.pending.messages and not system.backlog.messages:
            break
        system.world.later(60)
    assert longest < 60


def test_an_absent_line_is_looked_at_although_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absent line is polled twice a minute, as DESIGN.md requires."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="10")
    system.generator.default = Plan(runs_s=8.0)
    system.generator.plan(Plan(forgets=True), document="line 3")
    looks: dict[str, list[float]] = {}

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        made = system.generator.made.get(effect.key)
        if effect.name == "generator.retrieve" and moment == "before" and made and made.request["input"] == "line 3":
            looks.setdefault(effect.key, []).append(system.world.seconds)

    system.world.hook = hook
    system.upload(KEY, _lines(600))
    system.run(system.submit(KEY))
    for _ in range(12):
        system.run(system.tick())
        system.world.later(10)  # a tick of 50 s begins every minute
    gaps = [[round(b - a) for a, b in pairwise(all_)] for all_ in looks.values()]
    assert max(map(max, filter(None, gaps))) < 60


def test_no_line_is_looked_at_twice_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two polls of a line are at least a second apart."""
    system = _small(monkeypatch, BACKBURNER_POLLS_PER_SECOND="200")
    system.generator.default = Plan(runs_s=9.7)
    looks: dict[str, list[float]] = {}

    async def hook(effect: Effect, moment: Moment) -> None:
        if effect.name == "generator.create" and moment == "before":
            await asyncio.sleep(0.03)
        if effect.name == "generator.retrieve" and moment == "before":
            looks.setdefault(effect.key, []).append(system.world.seconds)
        await asyncio.sleep(0)

    system.world.hook = hook
    system.process(KEY, _lines(100))
    system.process("inbox/b.jsonl", _lines(300) + "\n")
    twice = [(b - a) for all_ in looks.values() for a, b in pairwise(all_) if b - a < 1.0]
    assert not twice


def test_a_replaced_batch_leaves_no_unknown_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a batch is replaced between two rounds of a visit, the generations that the visit started are cancelled."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="20")
    system.generator.default = Plan(runs_s=1.0)
    for number in range(16, 20):
        system.generator.plan(Plan(runs_s=3000.0), document=f"line {number}")
    done: list[float] = []

    async def hook(_: Effect, __: Moment) -> None:
        await asyncio.sleep(0)
        if len(system.generator.retrieved) >= 18 and not done:
            done.append(system.world.seconds)
            system.upload(KEY, _lines(3))

    system.world.hook = hook
    system.upload(KEY, _lines(60))
    system.run(system.submit(KEY))
    system.run(system.tick())
    system.run(system.submit(KEY))
    system.settle()
    assert done
    assert not system.generator.open


def test_written_lines_no_longer_count_as_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """All finished lines are written before a block is created."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="20")
    system.generator.default = Plan(runs_s=1.0)
    core = system.parts()
    counted: list[int] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if effect.name == "generator.create" and moment == "before":
            counted.append(core.tick.checker.memory.kept_bytes)

    system.upload(KEY, _lines(60))
    system.run(system.submit(KEY))
    system.world.hook = hook
    system.run(system.world.process(core.tick.run(50.0), "tick"))
    assert max(counted) == 0


def test_a_line_that_is_being_cancelled_is_not_polled_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deadline has passed and the provider keeps it running: the requests to cancel it are spaced out."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="10", BACKBURNER_DEADLINE_S="30")
    running = tuple(Generation(id=f"resp_{n}", status="in_progress") for n in (4,) * 2000)
    system.generator.default = Plan(runs_s=2.0)
    system.generator.plan(Plan(retrieves=running, runs_s=3000.0), document="line 3")
    looks: list[float] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        made = system.generator.made.get(effect.key)
        if effect.name == "generator.cancel" and moment == "before" and made:
            looks.append(system.world.seconds)

    system.world.hook = hook
    system.upload(KEY, _lines(600))
    system.run(system.submit(KEY))
    for _ in range(3):
        system.run(system.tick())
        system.world.later(10)
    assert 0 < len(looks) < 15


def test_slow_deletes_do_not_cut_a_tick_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function stops its tick at its own time-out, and deletes do not bring that about."""
    system = _small(monkeypatch, BACKBURNER_POLLS_PER_SECOND="100")
    system.generator.default = Plan(runs_s=1.0)

    system.world.hook = _slow_deletes(5.0)
    system.upload(KEY, _lines(400))
    system.run(system.submit(KEY))

    async def story() -> Any:
        cut = asyncio.get_running_loop().time() + 85
        return await system.parts().tick.run(50.0, cut)

    reports = []
    for _ in range(10):
        reports.append(system.run(story()))
        if not system.pending.messages and not system.backlog.messages:
            break
        system.world.later(10)
    undeleted = sum(not made.is_deleted for made in system.generator.made.values())
    assert not undeleted
    assert not any(report.is_cut_short for report in reports)


def test_a_cancelled_batch_starts_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled batch leaves no generation that is missing from the records either."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="50")
    system.generator.default = Plan(runs_s=1.3)
    cancelled: list[float] = []
    created: list[float] = []

    async def cancel() -> None:
        cancelled.append(system.world.seconds)
        await system.parts().canceller.cancel(system.job(KEY), 1)

    tasks: list[Any] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        if effect.name == "generator.create" and moment == "before":
            created.append(system.world.seconds)
            await asyncio.sleep(0.2)
            if len(created) > 300 and not cancelled and not tasks:
                tasks.append(asyncio.create_task(system.world.process(cancel(), "cancel")))
        await asyncio.sleep(0)

    system.world.hook = hook
    system.process(KEY, _lines(1500))
    late = [at - cancelled[0] for at in created if at > cancelled[0]]
    assert max(late, default=0) < 12
    assert not system.generator.open
    assert system.run_record(KEY)["suspected_orphans"] == 0


def test_a_process_that_dies_while_it_waits_for_slots_pays_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """One segment keeps polling; the other has its turn and waits for slots, seconds after its creates."""
    system = _small(monkeypatch, BACKBURNER_MAX_IN_FLIGHT="60", BACKBURNER_POLLS_PER_SECOND="4")
    system.generator.default = Plan(runs_s=1.3)
    at: dict[str, float] = {}
    dead: list[float] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if effect.name == "generator.create" and moment == "after":
            at[list(system.generator.made)[-1]] = system.world.seconds
        if effect.name == "generator.retrieve" and moment == "before" and not dead:
            known = _named(system)
            polled = set(system.generator.retrieved)
            waits = [system.world.seconds - at[one] for one in at.keys() - known - polled]
            if waits and min(waits) > 1.0:
                dead.append(min(waits))
                raise Killed

    system.world.hook = hook
    system.process(KEY, _lines(300))
    assert len(system.generator.requests) == 300


def test_a_cut_off_also_ends_deletes_after_the_record_has_another_owner() -> None:
    """The cut-off comes while the segment, which has another owner by now, cancels what it had started."""
    system = System(FAST)
    system.upload(KEY, _lines(3))
    system.run(system.submit(KEY))
    core = system.parts()
    runner = core.tick.checker.segment_runner

    class Taken(SegmentRunner):
        async def _advance(self, visit: Any) -> float | None:
            visit.deletes.append(asyncio.create_task(asyncio.sleep(100)))
            visit.unrecorded.append("resp_x")
            raise TakenError

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(10 if effect.name == "generator.cancel" and moment == "before" else 0)

    async def story() -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        taken = Taken(**{field.name: getattr(runner, field.name) for field in dataclasses.fields(runner)})
        task = asyncio.create_task(taken.advance(held(), TickState()))
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return loop.time() - began_s

    def held() -> Any:
        return types.SimpleNamespace(
            record=types.SimpleNamespace(segment=object(), name="j.1", counted=None), generation_age_s=0.0
        )

    system.world.hook = hook
    assert system.run(story()) < 10


@pytest.mark.parametrize("runs_s", [1.3, 5.0])
def test_a_crash_loses_at_most_the_ids_of_one_block(monkeypatch: pytest.MonkeyPatch, runs_s: float) -> None:
    """docs/batches.md says "A crash leaves at most 32 generations without a known id"; blocks here have 8 lines."""
    system = _small(monkeypatch)
    system.generator.default = Plan(runs_s=runs_s)
    watch = _Watch(system, 0.15)
    most = [0]

    async def hook(effect: Effect, moment: Moment) -> None:
        await watch(effect, moment)
        done = {key for key in watch.unknown if key in system.generator.retrieved}
        most[0] = max(most[0], len(watch.unknown.keys() - done))

    system.world.hook = hook
    system.process(KEY, _lines(600))
    assert most[0] <= 8
