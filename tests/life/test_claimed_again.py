"""A run that is claimed again after it was over: clearing up that record books nothing and leaks nothing.

An event is delivered twice. The second submit does not claim until the first one's run is over and its record gone,
and then claims the run a second time.
"""

import asyncio

import pytest

from backburner.capacity.limits import Totals
from backburner.capacity.shared_counters import MAX_NOTED
from support.fakes import Effect, Killed, Moment
from support.system import System

KEY = "inbox/contract.txt"
OPEN = "ledger/open/"


async def _late(system: System, dies: asyncio.Event) -> None:
    """Run a submit that holds back its claim until the run is over."""
    run_is_over = asyncio.Event()
    claimed = asyncio.Event()

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if effect.process != "late":
            return
        if (effect.name, moment) == ("bucket.put", "before") and effect.key.startswith(OPEN):
            await run_is_over.wait()
        if (effect.name, moment) == ("bucket.put", "after") and effect.key.startswith(OPEN):
            claimed.set()
            if dies.is_set():
                raise Killed

    system.world.hook = hook
    late = asyncio.create_task(system.world.process(system.parts().submitter.submit(KEY, is_first=True), "late"))
    await system.submit(KEY)
    await asyncio.sleep(60)
    await system.tick()
    assert system.run_record(KEY)["state"] == "done"
    run_is_over.set()
    await late
    assert claimed.is_set()


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("max_noted", [MAX_NOTED, 0])
@pytest.mark.parametrize("others", [0, 3])
def test_the_run_is_booked_once(max_noted: int, others: int, *, dies: bool) -> None:
    """It is also booked once if the late claimant dies and the guard takes over, or if other jobs tidy the counters."""
    system = System(max_noted=max_noted)
    system.upload(KEY, "text")
    system.world.later(1)
    death = asyncio.Event()
    if dies:
        death.set()
    system.run(_late(system, death))
    for number in range(others):
        system.process(f"inbox/{number}.txt", f"text {number}")
    system.settle()
    assert system.problems() == []
    used = sum(system.run_record(key)["usage"]["total_tokens"] for key in system.bucket.keys("inbox/"))
    assert system.bucket.json("ledger/governor.json")["tokens"] == used
    assert system.held() == Totals()
    assert len(system.generator.made) == 1 + others
