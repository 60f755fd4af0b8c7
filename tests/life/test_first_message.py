"""A run's first message is handled before its sender has claimed the run, because another process had claimed it too.

An event is delivered twice. The second submit loses its swaps of the counters, sends the message that is to start the
run, and is slow: when it claims the run, the first one's record is gone, and so is that message.
"""

import asyncio
import math

import pytest

from backburner.ports import ConflictError
from support.fakes import Effect, Moment, Plan
from support.system import System

KEY = "inbox/contract.txt"
OPEN = "ledger/open/"
GOVERNOR = "ledger/governor.json"


async def _claimed_late(system: System, *, is_over: bool) -> None:
    """Let the message be received while the other record is open, or once the run is over."""
    may_claim, has_sent = asyncio.Event(), asyncio.Event()

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if (effect.process, effect.name, moment) != ("late", "bucket.put", "before"):
            return
        if effect.key == GOVERNOR:
            raise ConflictError(effect.key)
        has_sent.set()
        await may_claim.wait()

    system.world.hook = hook
    late = asyncio.create_task(system.world.process(system.parts().submitter.submit(KEY), "late"))
    await has_sent.wait()
    (sent,) = system.backlog.messages
    shows_s, sent.shows_s = sent.shows_s, math.inf if is_over else sent.shows_s
    await system.submit(KEY)
    assert len(system.bucket.keys(OPEN)) == 1
    await system.tick()
    assert system.run_record(KEY)["state"] == "done"
    assert system.bucket.keys(OPEN) == []
    if is_over:
        sent.shows_s = shows_s
        await system.tick()
    assert sent.receives
    may_claim.set()
    await late
    assert len(system.bucket.keys(OPEN)) == 1, "it was claimed late"


@pytest.mark.parametrize("is_over", [False, True], ids=["while the run is open", "after its end"])
def test_a_record_that_is_claimed_late_has_a_message(*, is_over: bool) -> None:
    """The late record is removed within minutes; without a message it would hold up later uploads of the document."""
    system = System()
    system.generator.default = Plan(runs_s=1.0)
    system.upload(KEY, "text")
    system.run(_claimed_late(system, is_over=is_over))
    system.settle(max_ticks=5)
    assert system.problems() == []
    assert len(system.generator.made) == 1
