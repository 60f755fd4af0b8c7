"""A job that was replaced and is uploaded again runs under the same name as before.

The counters may still list that name as settled, but what the job uses now is booked all the same.
"""

import asyncio
import json

import pytest

from backburner.capacity.limits import Totals
from backburner.capacity.shared_counters import MAX_NOTED
from backburner.ports import ConflictError
from backburner.provider.answers import FailedCall, Generation, Usage
from life.test_massive import KEY as LONG
from life.test_massive import TEXT, recipe
from support.depth import thinned
from support.fakes import Effect, Killed, Moment, Plan
from support.system import System

KEY = "inbox/contract.txt"
OPEN = "ledger/open/"
GOVERNOR = "ledger/governor.json"
USED = Usage(input_tokens=11, output_tokens=7, total_tokens=18)
FILTERED = Plan(ending=Generation(id="", status="incomplete", incomplete_reason="content_filter", usage=USED))
ANSWERED = Plan(text="an answer")
REFUSED = Plan(create=FailedCall(status=429))
BROKEN = Plan(ending=Generation(id="", status="failed", error_code="server_error", usage=USED))


def _failed_and_replaced(max_noted: int) -> System:
    """The process that failed the first run dies before it can forget the run's name."""
    system = System(max_noted=max_noted)
    deaths = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if not deaths and (effect.name, moment) == ("bucket.delete", "after") and effect.key.startswith(OPEN):
            deaths.append(effect.key)
            raise Killed

    system.run(system.tick())  # sweeps, which would otherwise forget the name later
    system.generator.plan(FILTERED, document="first")
    system.world.hook = hook
    system.process(KEY, "first")
    name = f"{system.job(KEY)}.1"
    assert deaths == [f"{OPEN}{name}.json"]
    system.process(KEY, "second")
    assert name in system.bucket.json(GOVERNOR)["settled"]
    return system


def _booked_since(system: System, before: int) -> int:
    booked: int = system.bucket.json(GOVERNOR)["tokens"] - before
    return booked


@pytest.mark.parametrize("max_noted", [MAX_NOTED, 2])
@pytest.mark.parametrize(
    "plans",
    [(ANSWERED,), (REFUSED, ANSWERED), (BROKEN, ANSWERED)],
    ids=["at once", "after a refusal", "after a failed attempt"],
)
def test_a_repeated_run_is_booked_once(max_noted: int, plans: tuple[Plan, ...]) -> None:
    """Its use is booked once, whatever happens before its answer."""
    system = _failed_and_replaced(max_noted)
    before = system.bucket.json(GOVERNOR)["tokens"]
    for plan in plans:
        system.generator.plan(plan, document="first")
    system.process(KEY, "first")
    record = system.run_record(KEY)
    assert record["run"] == 1
    assert _booked_since(system, before) == record["usage"]["total_tokens"] > 0
    assert system.held() == Totals()


def test_a_repeated_run_that_had_to_wait_is_booked_once() -> None:
    """Its record is open before it reserves anything."""
    system = _failed_and_replaced(MAX_NOTED)
    before = system.bucket.json(GOVERNOR)["tokens"]

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "before") and "submit" in effect.process:
            raise ConflictError(effect.key)

    system.world.hook = hook
    system.upload(KEY, "first")
    system.run(system.submit(KEY))
    (opened,) = system.bucket.keys(OPEN)
    assert system.bucket.json(opened)["waiting_for"] == "contention"
    system.settle()
    assert _booked_since(system, before) == system.run_record(KEY)["usage"]["total_tokens"] > 0
    assert system.held() == Totals()


BATCH = "inbox/batch.jsonl"


def _lines(*inputs: str) -> str:
    lines = [{"custom_id": text, "method": "POST", "url": "/v1/responses", "body": {"input": text}} for text in inputs]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _batch_done_and_replaced(max_noted: int) -> System:
    """No process dies: the names of runs that ended stay until there are many, or until the next sweep."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"}, max_noted=max_noted)
    system.run(system.tick())
    system.process(BATCH, _lines("one", "two", "three"))
    assert system.bucket.json(GOVERNOR)["settled"], "the name of its segment"
    system.process(BATCH, _lines("another"))
    return system


@pytest.mark.parametrize("max_noted", [MAX_NOTED, 2, 0])
@pytest.mark.parametrize("plans", [(), (REFUSED,), (BROKEN,)], ids=["at once", "after a refusal", "after a failure"])
def test_a_batch_that_is_put_back_is_done_and_booked(max_noted: int, plans: tuple[Plan, ...]) -> None:
    """Its segments, too, are run under the same names. They used to wait for their turn for ever."""
    system = _batch_done_and_replaced(max_noted)
    before, made = system.bucket.json(GOVERNOR)["tokens"], len(system.generator.made)
    for plan in plans:
        system.generator.plan(plan, document="two")
    system.process(BATCH, _lines("one", "two", "three"))
    record = system.run_record(BATCH)
    assert (record["run"], record["lines"]["completed"]) == (1, 3)
    assert len(system.generator.made) - made == 3 + plans.count(BROKEN)
    assert _booked_since(system, before) == record["usage"]["total_tokens"] > 0
    assert system.problems() == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_batch_that_is_put_back_survives_a_death(moment: Moment) -> None:
    """Of any process that works on it, at any effect: no slot stays behind, and nothing is booked twice."""
    whole = _batch_done_and_replaced(MAX_NOTED)
    begun = len(whole.world.effects)
    whole.process(BATCH, _lines("one", "two", "three"))
    for number in thinned(range(begun, len(whole.world.effects)), one_in=24):
        system = _batch_done_and_replaced(MAX_NOTED)
        before = system.bucket.json(GOVERNOR)["tokens"]
        assert len(system.world.effects) == begun
        system.world.kill_at(number, moment)
        system.upload(BATCH, _lines("one", "two", "three"))
        for _ in range(2):  # a trigger delivers the event of a process that died again
            system.run(system.submit(BATCH))
        system.settle()
        system.sweep()
        where = f"{moment} {system.world.effects[number]}"
        assert system.problems() == [], where
        assert _booked_since(system, before) == system.run_record(BATCH)["usage"]["total_tokens"] > 0, where


def test_a_late_visit_to_a_segment_that_has_ended_holds_no_slot() -> None:
    """Its message came twice; the second process asks for slots when the first has ended the run and its record."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    system.run(system.tick())
    system.upload(BATCH, _lines("one", "two", "three"))

    async def story() -> None:
        asks, may_ask = asyncio.Event(), asyncio.Event()

        async def hook(effect: Effect, moment: Moment) -> None:
            await asyncio.sleep(0)
            is_swap = (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "before")
            if effect.process == "late" and is_swap and not asks.is_set():
                asks.set()
                await may_ask.wait()

        await system.submit(BATCH)
        while len(system.bucket.keys(OPEN)) < 2:
            await asyncio.sleep(2)
            await system.world.process(system.parts().tick.run(0.5), "tick")
        system.world.hook = hook
        await asyncio.sleep(2)
        late = asyncio.create_task(system.world.process(system.parts().tick.run(50.0), "late"))
        await asks.wait()
        for message in system.pending.messages + system.backlog.messages:
            message.shows_s = 0.0
        while system.bucket.keys(OPEN):
            await system.tick()
            await asyncio.sleep(60)
        assert system.bucket.json(GOVERNOR)["settled"], "the name of its segment"
        may_ask.set()
        await late

    system.run(story())
    system.settle()
    assert system.problems() == []
    assert len(system.generator.made) == 3


@pytest.mark.parametrize("failing", [("one", "two", "three"), ("two",)], ids=["failed", "done with a failed line"])
def test_a_batch_that_is_put_back_runs_its_failed_lines_again(failing: tuple[str, ...]) -> None:
    """Its records are gone, but its segments are still stored. Lines that are done stay done, as in a replay."""
    system = System()
    for line in failing:
        system.generator.plan(FILTERED, document=line)
    system.process(BATCH, _lines("one", "two", "three"))
    system.process(BATCH, _lines("another"))
    before, made = system.bucket.json(GOVERNOR)["tokens"], len(system.generator.made)
    system.process(BATCH, _lines("one", "two", "three"))
    record = system.run_record(BATCH)
    assert (record["run"], record["lines"]["completed"]) == (1, 3)
    assert len(system.generator.made) - made == len(failing)
    assert _booked_since(system, before) == record["usage"]["total_tokens"] - record["kept_usage"]["total_tokens"] > 0
    assert (system.held(), system.problems()) == (Totals(), [])


def test_a_long_document_that_is_put_back_runs_its_failed_part_again() -> None:
    """The answers about its other parts are still stored, and are used."""
    system = System()
    system.bucket.upload("recipes/long.md", recipe())
    system.generator.plan(FILTERED)
    system.process(LONG, TEXT)
    assert system.error_record(LONG)["reason"] == "content_filter"
    system.process(LONG, "short and new")
    made = len(system.generator.made)
    system.process(LONG, TEXT)
    assert (system.run_record(LONG)["run"], len(system.generator.made) - made) == (1, 1)
    assert (system.held(), system.problems()) == (Totals(), [])
