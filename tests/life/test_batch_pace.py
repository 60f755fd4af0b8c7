"""The pace of a long batch: few calls of the store for each line, and its segments create and look by turns."""

import asyncio
import json

from support.fakes import Effect, Moment, Plan
from support.system import System

KEY = "inbox/batch.jsonl"
RECORD = "results/batch.jsonl.run.json"
FAST = {"BACKBURNER_SUBMITS_PER_MINUTE": "100000", "BACKBURNER_POLLS_PER_SECOND": "200"}
MAX_CALLS = 0.15
"""How many calls of the store each line of a long batch may take."""


def lines(count: int) -> str:
    """A batch of so many lines."""
    bodies = ({"model": "model-1", "input": f"line {number}"} for number in range(count))
    return "".join(
        json.dumps({"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": body}) + "\n"
        for number, body in enumerate(bodies)
    )


def ran(system: System, count: int, *, create_s: float = 0.0) -> list[tuple[str, float]]:
    """Run a batch to its end; every call of the provider by its name, and when it was made."""
    calls: list[tuple[str, float]] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        if moment == "before" and effect.name.startswith("generator."):
            calls.append((effect.name.removeprefix("generator."), system.world.seconds))
        await asyncio.sleep(create_s if (effect.name, moment) == ("generator.create", "before") else 0)

    system.world.hook = hook
    system.process(KEY, lines(count))
    assert system.bucket.json(RECORD)["lines"] == {"total": count, "completed": count, "failed": 0}
    assert system.problems() == []
    return calls


def calls_of_the_store(count: int) -> int:
    """All calls of the store, by both functions, from the upload of a batch to its end."""
    system = System(FAST)
    system.generator.default = Plan(runs_s=1.0)
    ran(system, count)
    return sum(effect.name.startswith("bucket.") for effect in system.world.effects)


def test_a_line_costs_few_calls_of_the_store() -> None:
    """Every further line, with everything that its segment, its batch and the tick do meanwhile."""
    assert (calls_of_the_store(2500) - calls_of_the_store(500)) / 2000 <= MAX_CALLS


def test_lines_are_looked_at_while_others_are_created() -> None:
    """A segment does not create all of its lines before it looks at the first: what has ended makes room for more."""
    system = System(FAST)
    system.generator.default = Plan(runs_s=1.0)
    calls = ran(system, 3000, create_s=1.0)
    first_look = next(at for name, at in calls if name == "retrieve")
    created = sum(name == "create" and at < first_look for name, at in calls)
    assert created < 1000


def test_durations_learnt_from_lines_save_looks() -> None:
    """Once it is known how long generations take, a line is looked at later for the first time."""
    system = System()
    system.generator.default = Plan(runs_s=60.0)
    calls = ran(system, 100)
    before = sum(name == "retrieve" for name, _ in calls)
    system.process("inbox/second.jsonl", lines(100) + "\n")
    after = sum(effect.name == "generator.retrieve" for effect in system.world.effects) - before
    assert after < 0.75 * before
