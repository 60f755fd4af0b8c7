"""Budgets hold: every request is reserved at its own size, and what is released can be used at once."""

import asyncio
import dataclasses
import json

import pytest

from backburner.capacity.governor import CONTENTION
from backburner.capacity.limits import Counters, Limits, Reservation, room
from backburner.capacity.reservations import reserve
from backburner.ports import ConflictError
from backburner.provider.answers import Generation, Usage
from support.fakes import START, Plan
from support.system import System

DAY_S = 86_400
PRICED = "---\nprice: {input: 10, output: 10}\n---\nDo it."


def governor(system):
    """The governor's current state."""
    return system.bucket.json("ledger/governor.json")


def batch(system, *lines, name="many"):
    """Upload a batch of these bodies and submit it."""
    body = "\n".join(json.dumps({"custom_id": f"id-{number}", **line}) for number, line in enumerate(lines))
    system.upload(f"inbox/{name}.jsonl", body)
    system.run(system.submit(f"inbox/{name}.jsonl"))


def given(cap=None, **more):
    """A line with a cap of its own."""
    asked = {} if cap is None else {"max_output_tokens": cap}
    return {"method": "POST", "url": "/v1/responses", "body": {"input": "a question", **asked, **more}}


def watch(system):
    """Record the most tokens booked and reserved together, and the most generations open at once."""
    most = {"tokens": 0, "open": 0}

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.key == "ledger/governor.json" and effect.name == "bucket.put" and moment == "after":
            state = governor(system)
            held = sum(each["tokens"] for each in state["reserved"].values())
            most["tokens"] = max(most["tokens"], state["tokens"] + held)
        most["open"] = max(most["open"], len(system.generator.open))

    system.world.hook = hook
    return most


def test_a_lines_own_cap_is_what_it_reserves():
    """Thirty lines with a cap of 50,000 each against 200,000 a day: at most three run at once."""
    system = System({"BACKBURNER_DAILY_TOKENS": "200000"})
    most = watch(system)
    batch(system, *[given(cap=50_000)] * 30)
    system.settle(max_ticks=300)
    assert len(system.generator.made) == 30
    assert most["open"] == 3
    assert most["tokens"] <= 200_000
    assert system.run_record("inbox/many.jsonl")["lines"]["completed"] == 30


def test_a_line_over_a_days_budget_fails_alone():
    """A line that exceeds a whole day's budget fails, and the others run."""
    system = System({"BACKBURNER_DAILY_TOKENS": "200000"})
    batch(system, given(cap=200_000), given(cap=100))
    system.settle()
    assert system.run_record("inbox/many.jsonl")["lines"] == {"total": 2, "completed": 1, "failed": 1}
    assert json.loads(system.bucket.body("failed/many.jsonl.errors.jsonl"))["error"]["code"] == "over_budget"


def test_instructions_are_reserved_for_every_line_that_gets_them():
    """A long recipe over short inputs reserves its length for each line."""
    system = System({"BACKBURNER_DAILY_TOKENS": "10000000"})
    system.upload("recipes/default.md", "---\nmax_output_tokens: 10\n---\n" + "Think. " * 3000)
    most = watch(system)
    batch(system, {"input": "one"}, {"input": "two"})
    assert system.run(system.tick()).left == 0
    assert most["tokens"] > 2 * 21_000 / 3


@pytest.mark.parametrize(("model", "runs"), [("model-1", True), ("dearer", False)])
def test_a_model_without_a_known_price_is_refused_line_by_line(model, runs):
    """The recipe's price applies only to the recipe's own model."""
    system = System({"BACKBURNER_DAILY_COST": "5"})
    system.upload("recipes/default.md", PRICED)
    batch(system, given(cap=10), given(cap=10, model=model))
    system.settle()
    assert [request["model"] for request in system.generator.requests] == ["model-1"] * (1 + runs)
    errors = system.bucket.keys("failed/")
    assert errors == ([] if runs else ["failed/many.jsonl.errors.jsonl"])
    if errors:
        error = json.loads(system.bucket.body(errors[0]))["error"]
        assert (error["code"], "BACKBURNER_DAILY_COST" in error["message"]) == ("unknown_price", True)


def test_a_batch_without_a_price_is_refused_under_a_cost_budget():
    """A batch follows the same rule as any other document."""
    system = System({"BACKBURNER_DAILY_COST": "5"})
    batch(system, given(cap=10))
    system.settle()
    assert system.error_record("inbox/many.jsonl")["reason"] == "invalid_recipe"
    assert system.generator.requests == []


def test_a_doubled_cap_is_reserved_too():
    """After an answer that was cut off, the request is larger and so is its reservation."""
    system = System({"BACKBURNER_DAILY_TOKENS": "100000"})
    system.upload("recipes/default.md", "---\nmax_output_tokens: 1000\n---\nDo it.")
    cut = Generation(id="", status="incomplete", incomplete_reason="max_output_tokens", usage=Usage(output_tokens=1000))
    system.generator.plan(Plan(ending=cut, runs_s=1))
    system.generator.default = Plan(runs_s=1e6)
    system.upload("inbox/a.txt", "text")
    system.run(system.submit("inbox/a.txt"))
    (first,) = governor(system)["reserved"].values()
    for _ in range(3):
        system.run(system.tick())
        system.world.later(60)
    (key,) = system.bucket.keys("ledger/open/")
    second = system.bucket.json(key)["counted"]
    assert system.generator.requests[-1]["max_output_tokens"] == 2000
    assert second["tokens"] - first["tokens"] == 1000


def test_denied_jobs_start_as_soon_as_reservations_are_released():
    """A day's budget takes two of ten documents at their worst case, but they use little: all are done in minutes."""
    system = System({"BACKBURNER_DAILY_TOKENS": "9000"})
    system.generator.default = Plan(runs_s=5)
    keys = [f"inbox/{number}.txt" for number in range(10)]
    for key in keys:
        system.upload(key, key)
        system.run(system.submit(key))
    began = system.world.seconds
    system.settle()
    assert all(system.result(key) for key in keys)
    assert system.world.seconds - began < 600


def test_a_job_without_budget_waits_for_tomorrow_or_a_higher_budget():
    """If nothing will be released, the job asks only once an hour."""
    system = System({"BACKBURNER_DAILY_TOKENS": "5000"})
    state = {"day": f"{START:%Y-%m-%d}", "tokens": 4000}
    system.bucket.upload("ledger/governor.json", json.dumps(state))
    system.upload("inbox/a.txt", "text")
    system.run(system.submit("inbox/a.txt"))
    for _ in range(30):
        system.run(system.tick())
        system.world.later(60)
    assert system.generator.requests == []
    (message,) = system.backlog.messages
    assert message.receives <= 3
    (key,) = system.bucket.keys("ledger/open/")
    assert system.bucket.json(key)["waiting_for"] == "budget"
    system.settings = dataclasses.replace(system.settings, daily_tokens=50_000)
    system.world.later(3600)
    system.settle()
    assert system.result("inbox/a.txt")


@pytest.mark.parametrize(
    ("held", "limit", "most"),
    [(0, None, 100), (0, 9000, 100), (1, 9000, 1), (2, 9000, 0), (2, 100_000, 20), (0, 0, 0)],
)
def test_a_tick_takes_no_more_from_the_backlog_than_the_budget_can_start(held, limit, most):
    """Otherwise every tick would look at every waiting job."""
    counters, limits = Counters(), Limits(max_in_flight=100, submits_per_minute=1000, daily_tokens=limit)
    for number in range(held):
        wanted = Reservation(model="m", tokens=4500, holder=str(number))
        assert reserve(counters, limits, START, f"{number}.1", wanted, behind_others=False) == wanted
    assert room(counters, limits, START) == most - (held if limit is None else 0)


def test_a_waiting_job_names_the_true_reason():
    """`waiting_for` is `contention` after a lost swap and `capacity` if all slots are taken."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    lost = 0

    async def lose(effect, moment):
        nonlocal lost
        if effect.name == "bucket.put" and effect.key == "ledger/governor.json" and moment == "before" and lost < 20:
            lost += 1
            raise ConflictError(effect.key)

    system.upload("inbox/a.txt", "a")
    system.run(system.submit("inbox/b.txt"))
    system.bucket.upload("ledger/governor.json", "{}")
    system.world.hook = lose
    system.run(system.submit("inbox/a.txt"))

    def reasons():
        return [system.bucket.json(key)["waiting_for"] for key in system.bucket.keys("ledger/open/")]

    assert reasons() == [CONTENTION]
    lost = 20
    system.generator.default = Plan(runs_s=1e6)
    system.run(system.tick())
    assert reasons() == [None]
    for name in ("b", "c"):
        system.upload(f"inbox/{name}.txt", name)
        system.run(system.submit(f"inbox/{name}.txt"))
    assert sorted(map(str, reasons())) == ["None", "capacity", "turn"]
