"""An unforeseen exception is not repeated for ever: its job fails with the exception's name, and others continue."""

import asyncio
import json

import pytest

from backburner.errors import RetryLaterError
from support.fakes import Plan
from support.system import System

KEY, OTHER = "inbox/poison.txt", "inbox/healthy.txt"
MINUTE_S = 60


class OddError(TypeError):
    """An unforeseen error, whose text may come from the document and must not be recorded."""


def poisoned(system, effects, key_has="", error=OddError):
    """Make effects on certain keys raise what no port may raise."""

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name in effects and key_has in effect.key and moment == "before":
            raise error("secret words of the document")

    system.world.hook = hook


def ticks(system, count=30):
    """Run ticks a minute apart."""
    for _ in range(count):
        system.run(system.tick())
        system.world.later(MINUTE_S)


def test_a_job_whose_looks_raise_fails_and_its_generation_is_cancelled():
    """It fails after five times, with the exception's class and nothing else of it."""
    system = System()
    system.generator.default = Plan(runs_s=1e6)
    system.upload(KEY, "poison")
    system.run(system.submit(KEY))
    (made,) = system.generator.made
    poisoned(system, ["generator.retrieve"], made)
    ticks(system)
    error = system.error_record(KEY)
    assert (error["reason"], error["message"].partition(":")[0]) == ("internal_error", "OddError")
    assert "secret" not in json.dumps(error)
    assert system.generator.cancelled == [made]
    assert [response["id"] for response in error["responses"]] == [made]
    assert system.problems() == []
    assert not system.pending.messages


def test_other_documents_continue_and_a_replay_works():
    """Once the cause is gone, the document succeeds when it is uploaded again."""
    system = System()
    for key in (KEY, OTHER):
        system.upload(key, key)
        system.run(system.submit(key))
    poison = next(made.id for made in system.generator.made.values() if made.request["input"] == KEY)
    poisoned(system, ["generator.retrieve"], poison)
    ticks(system)
    assert system.result(OTHER)
    poisoned(system, [])
    system.world.later(5)
    system.process(KEY, KEY)
    assert system.result(KEY)
    assert system.problems() == []


def test_an_exception_before_the_claim_becomes_an_error_record_too():
    """Only a message knows of the job at that point, so its receive count is used."""
    system = System()
    system.upload(KEY, "poison")
    poisoned(system, ["generator.create", "backlog.send"])
    system.upload("recipes/default.md", "Do it.")

    async def hook(effect, moment):
        await asyncio.sleep(0)
        is_claim = effect.name == "bucket.put" and effect.key.startswith("ledger/open/")
        if is_claim and moment == "before":
            raise OddError

    system.world.hook = hook
    with pytest.raises(OddError):
        system.run(system.submit(KEY))
    ticks(system)
    assert system.error_record(KEY)["reason"] == "internal_error"
    assert not system.pending.messages
    assert system.generator.made == {}


def test_a_segment_of_a_batch_ends_and_its_generations_are_cancelled():
    """The batch fails with it and gives the reason."""
    system = System()
    system.generator.default = Plan(runs_s=1e6)
    lines = [{"custom_id": f"id-{number}", "input": f"line {number}"} for number in range(3)]
    system.upload("inbox/many.jsonl", "\n".join(map(json.dumps, lines)))
    system.run(system.submit("inbox/many.jsonl"))
    ticks(system, 3)
    assert len(system.generator.open) == 3
    poisoned(system, ["generator.retrieve"])
    ticks(system, 40)
    error = system.error_record("inbox/many.jsonl")
    assert error["reason"] == "internal_error"
    assert "OddError" in error["message"]
    assert system.generator.open == []
    assert system.problems() == []


@pytest.mark.parametrize("error", [RetryLaterError])
def test_a_store_that_refuses_fails_no_job(error):
    """An outage does not count against a job, however long it lasts."""
    system = System()
    system.generator.default = Plan(runs_s=20)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    poisoned(system, ["bucket.put"], "results/", error)
    ticks(system, 60)
    assert not system.bucket.keys("failed/")
    poisoned(system, [])
    system.settle()
    assert system.result(KEY)
    assert len(system.generator.made) == 1
