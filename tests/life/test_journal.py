"""Lines of the journal survive a tick that is cut off while writing them, and are in it once."""

import asyncio

import pytest

from backburner.errors import RetryLaterError
from backburner.ledger.journal import Line, lines_in
from backburner.ledger.keys import JOURNAL
from support.fakes import Effect, Moment, Plan
from support.system import System

KEYS = ["inbox/a.txt", "inbox/b.txt"]


def ended(system: System) -> list[str]:
    """The documents of all lines in the journal."""
    bodies = [system.bucket.body(key).encode() for key in system.bucket.keys(JOURNAL)]
    return [line.key for body in bodies for line in lines_in(body, Line)]


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("is_cut_off", [True, False])
def test_a_line_whose_write_was_not_confirmed_is_written_once(*, at: Moment, is_cut_off: bool) -> None:
    """The first write hangs until the time is up, or fails, before or after the store has the object."""
    system, tried = System(), list[Effect]()
    system.generator.default = Plan(runs_s=1)
    core = system.parts()

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        if effect.name != "bucket.put" or not effect.key.startswith(JOURNAL):
            return
        if moment == "before":
            tried.append(effect)
        if moment == at and len(tried) == 1 and is_cut_off:
            await asyncio.sleep(1000)
        elif moment == at and len(tried) == 1:
            raise RetryLaterError("no answer")

    async def ticked() -> bool:
        return (await core.tick.run(50.0, asyncio.get_running_loop().time() + 100)).is_cut_short

    system.world.hook = hook
    cut_short = []
    for key in KEYS:
        system.upload(key, "text")
        system.run(system.submit(key))
        system.world.later(60)
        cut_short.append(system.run(ticked()))
    assert (cut_short, len(tried)) == ([is_cut_off, False], 3)
    assert sorted(ended(system)) == KEYS
