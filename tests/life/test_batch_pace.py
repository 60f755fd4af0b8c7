"""The pace of a long batch: few store calls per line, and segments that alternate between creates and looks."""

import asyncio
import json

import pytest

from backburner.batch import create_lines, poll_lines
from support.fakes import Effect, Moment, Plan
from support.system import System

KEY = "inbox/batch.jsonl"
RECORD = "results/batch.jsonl.run.json"
FAST = {"BACKBURNER_SUBMITS_PER_MINUTE": "100000", "BACKBURNER_POLLS_PER_SECOND": "200"}
MAX_CALLS = 0.15
"""The most store calls that each line of a long batch may take."""


def lines(count: int) -> str:
    """A batch of `count` lines."""
    bodies = ({"model": "model-1", "input": f"line {number}"} for number in range(count))
    return "".join(
        json.dumps({"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": body}) + "\n"
        for number, body in enumerate(bodies)
    )


def ran(system: System, count: int, *, create_s: float = 0.0, delete_s: float = 0.0) -> list[tuple[str, float]]:
    """Run a batch to its end, and return when each call of the provider was made, by name."""
    calls: list[tuple[str, float]] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        if moment == "before" and effect.name.startswith("generator."):
            calls.append((effect.name.removeprefix("generator."), system.world.seconds))
        takes_s = {"generator.create": create_s, "generator.delete": delete_s}.get(effect.name, 0)
        await asyncio.sleep(takes_s if moment == "before" else 0)

    system.world.hook = hook
    system.process(KEY, lines(count))
    assert system.bucket.json(RECORD)["lines"] == {"total": count, "completed": count, "failed": 0}
    assert system.problems() == []
    return calls


def calls_of_the_store(count: int) -> int:
    """Every store call that both functions make from the upload of a batch to its end."""
    system = System(FAST)
    system.generator.default = Plan(runs_s=1.0)
    ran(system, count)
    return sum(effect.name.startswith("bucket.") for effect in system.world.effects)


def test_a_line_costs_few_calls_of_the_store() -> None:
    """Counted per additional line, including everything that its segment, its batch and the tick do meanwhile."""
    assert (calls_of_the_store(2500) - calls_of_the_store(500)) / 2000 <= MAX_CALLS


def test_lines_are_looked_at_while_others_are_created() -> None:
    """A segment looks before all of its lines are created, because what has ended makes room for more."""
    system = System(FAST)
    system.generator.default = Plan(runs_s=1.0)
    calls = ran(system, 3000, create_s=1.0)
    first_look = next(at for name, at in calls if name == "retrieve")
    created = sum(name == "create" and at < first_look for name, at in calls)
    assert created < 1000


def test_durations_learnt_from_lines_save_looks() -> None:
    """Once the usual duration of generations is known, the first look at a line comes later."""
    system = System()
    system.generator.default = Plan(runs_s=60.0)
    calls = ran(system, 100)
    before = sum(name == "retrieve" for name, _ in calls)
    system.process("inbox/second.jsonl", lines(100) + "\n")
    after = sum(effect.name == "generator.retrieve" for effect in system.world.effects) - before
    assert after < 0.75 * before


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> System:
    """Everything at a tenth of its size: segments, blocks, slots and looks per second."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 100)
    monkeypatch.setattr(create_lines, "BLOCK", 8)
    monkeypatch.setattr(create_lines, "_AT_A_TIME", 25)
    monkeypatch.setattr(poll_lines, "_MAX_KEPT", 25)
    return System(FAST | {"BACKBURNER_MAX_IN_FLIGHT": "100", "BACKBURNER_POLLS_PER_SECOND": "20"})


def test_looks_go_on_without_a_gap(small: System) -> None:
    """While several segments create, record and delete lines, only the pace of looks limits the batch."""
    small.generator.default = Plan(runs_s=1.3)
    calls = ran(small, 500, create_s=0.15, delete_s=0.3)
    looks = [at for name, at in calls if name == "retrieve"]
    assert len(looks) / (looks[-1] - looks[0]) > 0.9 * 20


def test_copies_are_deleted_while_more_lines_are_created(small: System) -> None:
    """A provider that is slow to delete delays nothing else."""
    calls = ran(small, 150, delete_s=10.0)
    first = next(at for name, at in calls if name == "delete")
    assert any(name == "create" and first < at < first + 10 for name, at in calls)
    assert sum(name == "delete" for name, _ in calls) == 150


def test_a_visit_longer_than_the_lease_is_not_taken_over(small: System) -> None:
    """Its guard is renewed in time; otherwise the lines being created would count as suspected orphans."""
    system = System(small.environment | {"BACKBURNER_LEASE_S": "15"})
    ran(system, 100, create_s=2.5)
    assert system.run_record(KEY)["suspected_orphans"] == 0
