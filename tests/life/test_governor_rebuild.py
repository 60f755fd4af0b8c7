"""A governor's object that cannot be read is rebuilt: nothing stalls, and nothing under way is forgotten."""

import json

import pytest

from backburner.documents.price import Price
from backburner.ledger.changes import cost_of
from backburner.provider.answers import Generation, Usage
from support.fakes import Plan
from support.system import System

KEY = "ledger/governor.json"
DAMAGES = {
    "no JSON": lambda _: "hello",
    "nothing": lambda _: "",
    "a list": lambda _: "[]",
    "too deep": lambda _: "[" * 100_000,
    "cost of nobody knows what": lambda state: json.dumps(state | {"cost": None}),
    "tokens as words": lambda state: json.dumps(state | {"tokens": "lots"}),
    "a pause without a time": lambda state: json.dumps(state | {"pauses": {"*": {"why": "x"}}}),
    "reservations of another kind": lambda state: json.dumps(state | {"reserved": []}),
    "one bad reservation": lambda state: json.dumps(
        state | {"reserved": {name: {"model": 1} for name in state["reserved"]}}
    ),
    "learnt nonsense": lambda state: json.dumps(state | {"usual_s": {"m": "long", "n": 3}}),
}


def governor(system):
    """The governor's current state."""
    return system.bucket.json(KEY)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_submit_and_ticks_continue_whatever_was_done_to_it(damage):
    """The running generation is counted again, the day's use is known, and both jobs end."""
    system = System({"BACKBURNER_DAILY_TOKENS": "100000"})
    system.upload("recipes/default.md", "---\nprice: {input: 10, output: 10}\n---\nDo it.")
    system.process("inbox/done.txt", "text")
    system.generator.default = Plan(runs_s=100)
    system.upload("inbox/a.txt", "text a")
    system.run(system.submit("inbox/a.txt"))
    before = governor(system)
    assert (len(before["reserved"]), before["tokens"] > 0, before["cost"] > 0) == (1, True, True)
    system.bucket.upload(KEY, damage(before))
    system.upload("inbox/b.txt", "text b")
    system.run(system.submit("inbox/b.txt"))
    after = governor(system)
    assert len(after["reserved"]) == 2
    assert before["reserved"].items() <= after["reserved"].items()
    assert (after["day"], after["tokens"], after["cost"]) == (before["day"], before["tokens"], before["cost"])
    system.settle()
    assert system.result("inbox/a.txt")
    assert system.result("inbox/b.txt")
    assert system.problems() == []


def test_what_can_be_read_is_kept():
    """A pause and what was learnt of a model are kept when an entry beside them is nonsense."""
    system = System()
    system.process("inbox/done.txt", "text")
    pause = {
        "why": "401",
        "since": "2031-05-17T12:00:00Z",
        "next_probe": "2031-05-17T12:01:00Z",
        "any_call_lifts": True,
    }
    state = governor(system) | {"pauses": {"m": pause, "n": {}}, "usual_s": {"m": 7.5, "n": None}, "cost": "?"}
    system.bucket.upload(KEY, json.dumps(state))
    system.run(system.tick())
    assert governor(system)["pauses"] == {"m": pause}
    assert governor(system)["usual_s"] == {"m": 7.5}


@pytest.mark.parametrize("tokens", [10**400, int(1e308), 10**18, -5])
@pytest.mark.parametrize("price", [1e308, 0.4])
def test_a_cost_is_always_finite_and_never_negative(tokens, price):
    """That holds for any usage a provider may report."""
    cost = cost_of(Price(input=price, output=price), Usage(input_tokens=tokens, output_tokens=tokens))
    assert cost is not None
    assert 0 <= cost <= 1e12


def test_false_usage_leaves_the_governor_readable():
    """A generation reports an impossible number of tokens."""
    system = System({"BACKBURNER_DAILY_COST": "50"})
    system.upload("recipes/default.md", "---\nprice: {input: 10, output: 10}\n---\nDo it.")
    lies = Usage(input_tokens=2**63 - 1, output_tokens=2**63 - 1, total_tokens=2**63 - 1)
    system.generator.plan(Plan(ending=Generation(id="", status="completed", text="yes", usage=lies)))
    system.process("inbox/a.txt", "text")
    assert system.result("inbox/a.txt") == "yes"
    assert 0 < governor(system)["cost"] < 1e16
    system.world.later(86_400)
    system.process("inbox/b.txt", "text")
    assert system.result("inbox/b.txt")
