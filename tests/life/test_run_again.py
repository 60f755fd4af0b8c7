"""A job that failed, was replaced and is uploaded again runs under the same name as before.

The counters may still list that name as settled, but what the job uses now is booked all the same.
"""

import asyncio

import pytest

from backburner.capacity.limits import Totals
from backburner.capacity.shared_counters import MAX_NOTED
from backburner.ports import ConflictError
from backburner.provider.answers import FailedCall, Generation, Usage
from support.fakes import Effect, Killed, Moment, Plan
from support.system import System

KEY = "inbox/contract.txt"
OPEN = "ledger/open/"
GOVERNOR = "ledger/governor.json"
USED = Usage(input_tokens=11, output_tokens=7, total_tokens=18)
FILTERED = Plan(ending=Generation(id="", status="incomplete", incomplete_reason="content_filter", usage=USED))
ANSWERED = Plan(text="an answer")
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
    [(ANSWERED,), (Plan(create=FailedCall(status=429)), ANSWERED), (BROKEN, ANSWERED)],
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
