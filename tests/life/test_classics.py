"""Classic mistakes of systems like this, each with a story that exposes it; `scripts/plant_bugs.py` plants them."""

import asyncio

import pytest

from backburner.ports import ConflictError
from backburner.provider.answers import Generation, Usage
from support.fakes import Plan
from support.system import System

KEY = "inbox/a.txt"
DAY_S = 86_400.0


@pytest.mark.parametrize("skew_s", [3 * DAY_S, -3 * DAY_S])
def test_a_tick_with_a_wrong_clock_fails_nothing(skew_s):
    """Deadlines follow the store's clock: a machine whose clock is three days off cancels no generation."""
    system = System()
    system.generator.default = Plan(runs_s=300.0)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    for _ in range(8):
        system.run(system.tick(skew_s=skew_s))
        system.world.later(60)
    assert system.result(KEY)
    assert system.generator.cancelled == []
    assert system.problems() == []


def test_a_deadline_is_kept_by_a_machine_whose_clock_has_stopped():
    """A generation past its deadline by the store's clock ends, whatever the machine's clock says."""
    system = System({"BACKBURNER_DEADLINE_S": "600"})
    system.generator.default = Plan(runs_s=1e9)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    for _ in range(20):
        system.run(system.tick(skew_s=-system.world.seconds))
        system.world.later(60)
    assert system.error_record(KEY)["reason"] == "deadline_exceeded"


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter", "", "something new"])
def test_half_a_text_is_never_a_result(reason):
    """The partial text is kept in the error record, and the tokens are counted."""
    system = System()
    cut = Generation(
        id="",
        status="incomplete",
        text="half a",
        incomplete_reason=reason,
        usage=Usage(input_tokens=3, output_tokens=4, total_tokens=7),
    )
    system.generator.default = Plan(ending=cut)
    system.process(KEY, "text")
    assert system.bucket.keys("results/") == []
    assert system.error_record(KEY)["partial_text"] == "half a"
    assert system.error_record(KEY)["usage"]["total_tokens"] == 7 * len(system.generator.made)


def test_a_repeated_request_that_meets_its_own_write_costs_nothing():
    """Every put of an open record succeeds, is repeated by the network and gets a 412, and nothing is lost."""
    system = System()

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "bucket.put" and moment == "after" and effect.key.startswith("ledger/open/"):
            raise ConflictError(effect.key)

    system.world.hook = hook
    system.process(KEY, "text")
    assert system.run_record(KEY)["suspected_orphans"] == 0
    assert len(system.generator.made) == 1
    assert system.generator.cancelled == []
    assert system.problems() == []


def test_the_text_of_a_document_that_was_replaced_is_not_a_result():
    """The new version's event has not arrived yet, and the old version's text is set aside instead of written."""
    system = System()
    system.upload(KEY, "the old text")
    system.run(system.submit(KEY))
    old = system.job(KEY)
    system.upload(KEY, "the new text")
    placed = []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "bucket.put" and effect.key.startswith("results/") and moment == "before":
            placed.append(len(system.generator.made))

    system.world.hook = hook
    system.settle()
    assert placed == [2, 2]
    assert system.bucket.json(f"ledger/superseded/{old}.1.json")["text"] == "In short: the old text"
    assert system.result(KEY) == "In short: the new text"
    assert system.problems() == []
