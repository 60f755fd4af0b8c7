"""A bucket's first sweep restores missing reservations, but none that was settled in the meantime.

Another tick may commit a run after the sweep has read its open record and before the sweep swaps the governor. A
reservation restored then would belong to nobody, and whoever settles the run again would book its tokens twice.
"""

import asyncio

import pytest

from backburner.capacity.limits import Totals
from support.fakes import Effect, Moment
from support.system import System

KEY = "inbox/contract.txt"
GOVERNOR = "ledger/governor.json"
MINUTE_S = 60.0
pytestmark = pytest.mark.usefixtures("max_noted")


def _running(system: System) -> None:
    """A document whose generation is over, and whose run nobody has ended yet."""
    system.upload(KEY, "the contract")
    system.run(system.submit(KEY))
    system.world.later(MINUTE_S)


@pytest.mark.parametrize("read", ["ledger/open/", GOVERNOR])
def test_a_run_committed_during_the_sweep_stays_settled(read: str) -> None:
    """That holds whether the sweep has last read the open record or the governor when the other tick commits."""
    system = System()
    _running(system)
    job = system.job(KEY)
    committed = False

    async def commit_meanwhile(effect: Effect, moment: Moment) -> None:
        nonlocal committed
        await asyncio.sleep(0)
        is_read = effect.name == "bucket.get" and effect.key.startswith(read)
        if effect.process == "sweep" and moment == "after" and is_read and not committed:
            committed = True
            await system.tick()

    system.world.hook = commit_meanwhile
    sweeper = system.parts().tick.sweeper
    system.run(system.world.process(sweeper.sweep(stop_at=float("inf")), "sweep"))
    assert committed
    assert system.run_record(KEY)["job_id"] == job
    assert system.held() == Totals()
    assert system.bucket.json(GOVERNOR)["tokens"] == system.run_record(KEY)["usage"]["total_tokens"]


def test_a_run_settled_but_not_closed_stays_settled() -> None:
    """Its tick has stalled or died before closing it, and a process that clears up books nothing again."""
    system = System()
    _running(system)

    async def sweep_meanwhile(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if (effect.name, moment, effect.process) == ("bucket.delete", "before", "tick"):
            sweeper = system.parts().tick.sweeper
            await system.world.process(sweeper.sweep(stop_at=float("inf")), "sweep")

    system.world.hook = sweep_meanwhile
    system.settle()
    assert system.held() == Totals()
    assert system.bucket.json(GOVERNOR)["tokens"] == system.run_record(KEY)["usage"]["total_tokens"]
