"""A run's first message is handled before its sender has claimed the run, because another process had claimed it too.

An event is delivered twice. The second submit loses its swaps of the counters, sends the message that is to start the
run, and is slow: it claims the run again after the first one's record is gone. The message must still be there.
"""

import asyncio
import json
import math
from typing import Literal

import pytest

from backburner.ports import ConflictError
from support.fakes import Effect, Killed, Moment, Plan
from support.system import System

KEY = "inbox/contract.txt"
OPEN = "ledger/open/"
GOVERNOR = "ledger/governor.json"
When = Literal["while the run is open", "after its end", "before the run is opened"]
WHEN: tuple[When, ...] = ("while the run is open", "after its end", "before the run is opened")


async def _claimed_late(system: System, when: When, dies: tuple[int, Moment] | None = None) -> list[Effect]:
    """Have the message first received at that time. Returns the late process's effects from its claim on.

    With `dies`, the process dies at that one of them.
    """
    may_claim, has_sent = asyncio.Event(), asyncio.Event()
    effects: list[Effect] = []

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if effect.process != "late":
            return
        if (effect.name, effect.key, moment) == ("bucket.put", GOVERNOR, "before"):
            raise ConflictError(effect.key)
        if (effect.name, moment) == ("bucket.put", "before") and not has_sent.is_set():
            has_sent.set()
            await may_claim.wait()
        if has_sent.is_set():
            effects.extend([effect] if moment == "before" else [])
            if dies == (len(effects) - 1, moment):
                raise Killed

    system.world.hook = hook
    late = asyncio.create_task(system.world.process(system.parts().submitter.submit(KEY), "late"))
    await has_sent.wait()
    (sent,) = system.backlog.messages
    shows_s, sent.shows_s = sent.shows_s, math.inf if when == "after its end" else sent.shows_s
    if when != "before the run is opened":
        await system.submit(KEY)
        assert len(system.bucket.keys(OPEN)) == 1
    await system.tick()
    assert system.run_record(KEY)["state"] == "done"
    assert system.bucket.keys(OPEN) == []
    if when == "after its end":
        sent.shows_s = shows_s
        await system.tick()
    assert sent.receives
    may_claim.set()
    await late
    return effects


def _system() -> System:
    system = System()
    system.generator.default = Plan(runs_s=1.0)
    system.upload(KEY, "text")
    return system


@pytest.mark.parametrize("when", WHEN)
def test_a_record_that_is_claimed_late_has_a_message(when: When) -> None:
    """It is removed within minutes; until then, an upload of the same document would have waited for it."""
    system = _system()
    system.run(_claimed_late(system, when))
    assert len(system.bucket.keys(OPEN)) == 1, "it was claimed late"
    system.settle(max_ticks=5)
    assert system.problems() == []
    assert len(system.generator.made) == 1


@pytest.mark.parametrize("when", WHEN)
def test_it_has_a_message_if_its_process_dies(when: When) -> None:
    """At the claim, or at any effect after it: no sweep is needed."""
    system = _system()
    effects = system.run(_claimed_late(system, when))
    assert effects
    for number in range(len(effects)):
        for moment in ("before", "after"):
            system = _system()
            system.run(_claimed_late(system, when, (number, moment)))
            system.settle(max_ticks=5)
            assert system.problems() == [], f"{moment} {effects[number]}"
            assert len(system.generator.made) == 1


def test_a_message_of_the_version_before_is_kept_if_its_sender_wins_the_claim() -> None:
    """Such a message does not say that it was sent before a claim; for reused answers it shows at once."""
    system = _system()

    async def story() -> None:
        has_sent, may_claim, has_claimed = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hook(effect: Effect, moment: Moment) -> None:
            await asyncio.sleep(0)
            if effect.process == "old" and effect.key == GOVERNOR and effect.name == "bucket.put":
                raise ConflictError(effect.key)
            if (effect.name, moment) == ("bucket.put", "before") and effect.key.startswith(OPEN):
                if effect.process == "old":
                    has_sent.set()
                    await may_claim.wait()
                elif not has_claimed.is_set():
                    may_claim.set()
                    await has_claimed.wait()

        system.world.hook = hook
        old = asyncio.create_task(system.world.process(system.parts().submitter.submit(KEY), "old"))
        await has_sent.wait()
        (sent,) = system.backlog.messages
        sent.body = json.dumps({name: value for name, value in json.loads(sent.body).items() if name != "follows"})
        sent.shows_s = 0.0
        tick = asyncio.create_task(system.tick())
        await old
        has_claimed.set()
        await tick

    system.run(story())
    system.settle(max_ticks=5)
    assert system.problems() == []
    assert len(system.generator.made) == 1
