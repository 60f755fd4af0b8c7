"""A process dies before or after any effect of submit or of a tick, and the document still reaches its end."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter

import pytest

from backburner.errors import RetryLaterError
from backburner.provider.answers import FailedCall, Generation
from support.depth import thinned
from support.fakes import Effect, Killed, Plan, kind_of, paged
from support.system import System

KEY = "inbox/contract.txt"
TEXT = "the contract"


def _one_document(system: System) -> None:
    system.upload(KEY, TEXT)


def _retried(system: System) -> None:
    system.upload(KEY, TEXT)
    system.generator.plan(Plan(text=""))


def _failing(system: System) -> None:
    system.upload("inbox/nosuch/contract.txt", TEXT)
    system.upload(KEY, TEXT)
    system.generator.plan(Plan(text=""), times=3)


def _over_an_older_failure_and_result(system: System) -> None:
    system.upload(KEY, "an older text")
    system.run(system.submit(KEY))
    system.settle()
    system.upload(KEY, "")
    system.run(system.submit(KEY))
    system.settle()
    system.upload("recipes/default.md", "---\noutput: txt\n---\nDo it.")
    system.upload(KEY, TEXT)


def _in_parts(system: System) -> None:
    system.bucket.upload("recipes/parts.md", "---\nsplit: {max_input_tokens: 20, merge: Join.}\n---\nDo it.")
    system.upload("inbox/parts/contract.txt", " ".join(f"word{number}" for number in range(24)))


def _with_a_part_that_fails(system: System) -> None:
    system.bucket.upload("recipes/parts.md", "---\nsplit: {max_input_tokens: 20}\n---\nDo it.")
    system.upload("inbox/parts/contract.txt", " ".join(f"word{number}" for number in range(16)))
    filtered = Generation(id="", status="incomplete", incomplete_reason="content_filter")
    system.generator.plan(Plan(ending=filtered), document="word10 word11 word12 word13 word14 word15", times=9)


def _called_too_long(system: System) -> None:
    system.upload(KEY, TEXT)
    system.generator.plan(Plan(create=FailedCall(status=400, code="context_length_exceeded")), document=TEXT, times=9)


def _shown_in_parts(system: System) -> None:
    system.settings = replace(system.settings, sighted={"model-1": True})
    system.bucket.upload("recipes/scans.md", "---\nimages: {max_pages_per_part: 2}\n---\nDo it.")
    system.upload("inbox/scans/contract.pdf", paged("Text.", None, None, None))


def _a_batch(system: System) -> None:
    lines = [{"custom_id": f"id-{number}", "input": f"line {number}"} for number in range(4)]
    body = "".join(json.dumps(line) + "\n" for line in [*lines, "rubbish"])
    system.upload("inbox/batch.jsonl", body)
    system.generator.plan(Plan(text=""), document="line 2")


SCENARIOS: dict[str, Callable[[System], None]] = {
    "one document": _one_document,
    "one that is retried": _retried,
    "ones that fail": _failing,
    "over an older failure and an older result": _over_an_older_failure_and_result,
    "in parts": _in_parts,
    "in parts, one of which fails": _with_a_part_that_fails,
    "called too long": _called_too_long,
    "shown in parts": _shown_in_parts,
    "a batch": _a_batch,
}

_IDS = re.compile(r"(resp|batch_req)_[0-9a-f]+")
AT_ONCE = {"in parts": 3, "in parts, one of which fails": 2, "called too long": 2, "shown in parts": 2, "a batch": 4}
"""Scenarios with several creates under way at a time. Their lives are long, so every fifth effect is enough."""


def _life(system: System, deliveries: int = 2) -> None:
    """Deliver an event for each document, again after a crash as a trigger does, then run ticks to the end."""
    for key in system.bucket.keys("inbox/") * deliveries:
        system.run(system.submit(key))
    system.settle()
    system.sweep()


def _effects_of(scenario: Callable[[System], None]) -> tuple[list[Effect], System]:
    """The effects of a scenario's life, and the system at its end."""
    system = System()
    scenario(system)
    first = len(system.world.effects)
    _life(system)
    return system.world.effects[first:], system


def _deaths(effects: list[Effect], one_in: int, moment: str) -> list[int]:
    """Choose where to die: in the quick run at some effects, and after one of each kind.

    To die before an effect is to die after the previous one, so only `after` needs every kind.
    """
    cases = [(effect.number, kind_of(effect)) for effect in effects]
    chosen = thinned(cases, one_in, kind=itemgetter(1)) if moment == "after" else thinned(cases, one_in)
    return [number for number, _ in chosen]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_at_any_effect_loses_nothing(name: str, moment: str) -> None:
    """Every document has one end, no record stays open, and each create under way costs at most one more, counted."""
    effects, expected = _effects_of(SCENARIOS[name])
    assert len(effects) > 40
    for number in _deaths(effects[:: 5 if name in AT_ONCE else 1], one_in=120, moment=moment):
        system = System()
        SCENARIOS[name](system)
        system.world.kill_at(number, moment)
        _life(system)
        where = f"{name}, {moment} effect {system.world.effects[number]}"
        assert system.problems() == [], where
        extra = len(system.generator.made) - len(expected.generator.made)
        ends = [key for key in system.bucket.keys("") if key.endswith((".run.json", ".error.json"))]
        records = [system.bucket.json(key) for key in ends if not key.startswith("ledger/")]
        assert extra <= AT_ONCE.get(name, 1), where
        assert extra <= sum(record["suspected_orphans"] for record in records), where
        assert not system.dead.messages, where
        assert _ends(system) == _ends(expected), where


def _ends(system: System) -> dict[str, str]:
    """Every output location, without what a crash may change: ids, times, counters and reasons."""
    return {
        key: str(system.bucket.json(key)["state"]) if key.endswith(".json") else _IDS.sub("id", system.bucket.body(key))
        for key in system.bucket.objects
        if not key.startswith("ledger/")
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_two_crashes_in_a_row_lose_nothing(moment: str) -> None:
    """The process that takes over dies too: there is still one end, and an orphan is counted for each lost create."""
    effects, _ = _effects_of(_one_document)
    last = effects[-1].number + 1
    for one in _deaths(effects[::3], one_in=12, moment=moment):
        for two in thinned(range(one + 1, last + 20, 4), one_in=12):
            system = System({"BACKBURNER_MAX_ATTEMPTS": "5"})
            _one_document(system)
            deaths = {one, two}

            async def hook(effect: object, at: str, deaths: set[int] = deaths) -> None:
                if at == moment and getattr(effect, "number", None) in deaths:
                    raise Killed

            system.world.hook = hook
            _life(system, deliveries=3)
            assert system.problems() == [], (one, two)
            orphans = system.run_record(KEY)["suspected_orphans"]
            assert len(system.generator.made) - 1 <= orphans <= 2, (one, two)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_queue_that_refuses_the_id_costs_no_second_generation(when: str) -> None:
    """Whether or not the message was delivered, the id is in the record under its guard, so it is found."""
    system = System()
    system.upload(KEY, TEXT)
    refused = 0

    async def refuse(effect: Effect, moment: str) -> None:
        nonlocal refused
        if effect.name == "pending.send" and "response_id" in effect.key and moment == when:
            refused += 1
            raise RetryLaterError("the queue refused a message: InternalError")

    system.world.hook = refuse
    system.run(system.submit(KEY))
    system.settle()
    assert (refused, len(system.generator.made), system.generator.cancelled) == (1, 1, [])
    assert system.run_record(KEY)["suspected_orphans"] == 0
    assert system.problems() == []
