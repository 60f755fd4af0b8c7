"""A process dies at any effect while a copy waits for another run's answer, whatever becomes of that run (ADR 24)."""

from collections.abc import Callable, Coroutine
from operator import itemgetter
from typing import Any

import pytest

from backburner.provider.answers import Generation
from support.depth import thinned
from support.fakes import DEAD, Plan, kind_of
from support.fakes.world import let_others_go
from support.system import System

FIRST, COPY, LATER = (f"inbox/sum/{name}.txt" for name in ("first", "copy", "later"))
TEXT, OTHER = "The harbour of Veldt moved 4,200 containers in March.", "Nothing moved in April."
REJECTED = Generation(id="", status="failed", error_code="invalid_prompt")
Act = Callable[[], Coroutine[Any, Any, Any]]


def _waiting(plan: Plan) -> System:
    """The first document is being generated, and a copy waits for it."""
    system = System()
    system.bucket.upload("recipes/sum.md", "---\nreuse: true\n---\nSum up.")
    system.generator.plan(plan)
    for key in (FIRST, COPY):
        system.upload(key, TEXT)
        system.run(system.submit(key))
    system.world.later(5)
    return system


def _answered() -> tuple[System, list[Act]]:
    return _waiting(Plan(runs_s=200)), []


def _failed() -> tuple[System, list[Act]]:
    return _waiting(Plan(runs_s=200, ending=REJECTED)), []


def _cancelled() -> tuple[System, list[Act]]:
    system = _waiting(Plan(runs_s=200))
    job = system.job(FIRST)
    return system, [lambda: system.world.process(system.parts().canceller.cancel(job, 1), "cancel")]


def _superseded() -> tuple[System, list[Act]]:
    system = _waiting(Plan(runs_s=200))
    system.upload(FIRST, OTHER)
    return system, [lambda: system.submit(FIRST)]


def _gone() -> tuple[System, list[Act]]:
    """The answer existed when the copy was claimed, and is removed before it is taken over."""
    system = System()
    system.bucket.upload("recipes/sum.md", "---\nreuse: true\n---\nSum up.")
    system.process(FIRST, TEXT)
    system.upload(COPY, TEXT)
    system.run(system.submit(COPY))
    system.bucket.remove("results/sum/first.txt.md")
    return system, []


def _claimed() -> tuple[System, list[Act]]:
    """The copy's own submit, while the first document is being generated."""
    system = System()
    system.bucket.upload("recipes/sum.md", "---\nreuse: true\n---\nSum up.")
    system.upload(FIRST, TEXT)
    system.run(system.submit(FIRST))
    system.upload(COPY, TEXT)
    return system, [lambda: system.submit(COPY)]


SCENARIOS = {
    "answered": _answered,
    "failed": _failed,
    "cancelled": _cancelled,
    "superseded": _superseded,
    "gone": _gone,
    "claimed": _claimed,
}
GENERATED = {"answered": False, "failed": True, "cancelled": True, "superseded": True, "gone": True, "claimed": False}
"""Whether the copy must be generated in the end, because nothing can be taken over."""


def _lived(name: str, effect: int | None = None, moment: Any = "before") -> tuple[System, int, int]:
    """Run a scenario to its end, with or without a death; return its system, first effect and number of creates."""
    system, acts = SCENARIOS[name]()
    first = len(system.world.effects)
    if effect is not None:
        system.world.kill_at(first + effect, moment)
    for act in acts:
        if system.run(act()) is DEAD:
            system.run(act())  # delivered again, or repeated by the operator
    system.settle()
    system.world.hook = let_others_go
    system.sweep()
    return system, first, len(system.generator.made)


def _orphans(system: System) -> int:
    ends = [key for key in system.bucket.keys("") if key.endswith((".run.json", ".error.json"))]
    kept = [*ends, *system.bucket.keys("ledger/superseded/")]
    return sum(system.bucket.json(key).get("suspected_orphans", 0) for key in kept)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_copy_that_waits_survives_a_death_at_any_effect(name: str) -> None:
    """It ends with the answer to its own bytes, taken over or generated, and the next copy takes over that one."""
    whole, first, creates = _lived(name)
    effects = [(effect.number - first, kind_of(effect)) for effect in whole.world.effects[first:]]
    assert len(effects) > 40
    assert (whole.run_record(COPY)["reused"] is None) is GENERATED[name]
    deaths = [(number, "after") for number, _ in thinned(effects, 200, itemgetter(1))]
    deaths += [(number, "before") for number, _ in thinned(effects, 200)]  # before an effect is after the previous one
    for number, moment in deaths:
        system, _, made = _lived(name, number, moment)
        where = f"{name}, {moment} {system.world.effects[first + number]}"
        spoilt = FIRST if name == "gone" else "none"
        assert [each for each in system.problems() if not each.startswith(spoilt)] == [], where
        assert system.result(COPY) == system.generator.text_of(TEXT), where
        record = system.run_record(COPY)
        if record["reused"] is None:
            assert record["usage"]["total_tokens"] > 0, where
            assert GENERATED[name] or made > creates, where
        else:
            assert (record["reused"]["key"], record["usage"]["total_tokens"]) == (FIRST, 0), where
        assert made - creates <= _orphans(system), where
        assert not system.dead.messages, where
        system.process(LATER, TEXT)
        assert (system.run_record(LATER)["reused"] is not None, len(system.generator.made)) == (True, made), where
