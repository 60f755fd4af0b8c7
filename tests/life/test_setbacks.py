"""An exception that nobody foresaw never repeats for ever: its job fails with the exception's name, others continue."""

import asyncio
import json

import pytest

from backburner.errors import RetryLaterError
from support.fakes import Plan
from support.system import System

KEY, OTHER = "inbox/poison.txt", "inbox/healthy.txt"
MINUTE_S = 60


class OddError(TypeError):
    """What nobody foresaw. Its text may be of the document, so nobody writes it down."""


def poisoned(system, effects, key_has="", error=OddError):
    """Let effects about something raise what no port may raise."""

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name in effects and key_has in effect.key and moment == "before":
            raise error("secret words of the document")

    system.world.hook = hook


def ticks(system, count=30):
    """Ticks, a minute apart."""
    for _ in range(count):
        system.run(system.tick())
        system.world.later(MINUTE_S)


def test_a_job_whose_looks_raise_fails_and_its_generation_is_cancelled():
    """After five times; the class is named and nothing else of the exception."""
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
    """Uploaded again once the cause is gone, it is done."""
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
    """Only a message knows of the job then: how often it was received is the count."""
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
    """The batch fails with it, and says why."""
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
def test_a_store_that_refuses_fails_nobody(error):
    """An outage is no setback of a job, however long it lasts."""
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
