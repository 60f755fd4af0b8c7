"""Turns to create lines: who gets the next one, and how long a segment without slots waits."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

from backburner.batch.turns import Turns
from support.fakes import World


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story in virtual time."""
    World().run(story)


async def take(turns: Turns, name: str, came: list[str], *, has_begun: bool, for_s: float, limit_s: float) -> None:
    """Visit a segment that holds the turn for a while."""
    with turns.visiting():
        async with turns.taken(has_begun=has_begun, limit_s=limit_s) as is_ours:
            came.append(name if is_ours else f"not {name}")
            await asyncio.sleep(for_s if is_ours else 0)


def test_segments_that_have_begun_come_first() -> None:
    """Otherwise all segments of a batch would be under way at once."""

    async def story() -> None:
        turns, came = Turns(), list[str]()
        visits = [("first", False), ("new", False), ("begun", True), ("also begun", True)]
        await asyncio.gather(
            *(take(turns, name, came, has_begun=begun, for_s=1.0, limit_s=math.inf) for name, begun in visits)
        )
        assert came == ["first", "begun", "also begun", "new"]
        assert turns.is_free

    run(story())


def test_a_segment_that_waits_too_long_goes_on_without_a_turn() -> None:
    """It stops if its own lines are due, the tick ends, or it is cancelled; the next one takes its place."""

    async def story() -> None:
        turns, came = Turns(), list[str]()
        visits = [
            asyncio.create_task(take(turns, name, came, has_begun=False, for_s=5.0, limit_s=limit_s))
            for name, limit_s in (("first", 1.0), ("late", 1.0), ("cancelled", math.inf), ("last", math.inf))
        ]
        await asyncio.sleep(2)
        visits[2].cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        assert came == ["first", "not late", "last"]
        assert turns.is_free

    run(story())


def test_the_number_of_waiting_segments_is_bounded() -> None:
    """They take the places of messages that only need a poll."""

    async def story() -> None:
        turns, came = Turns(), list[str]()
        visits = []
        while not turns.is_far:
            one = take(turns, "one", came, has_begun=False, for_s=1.0, limit_s=math.inf)
            visits.append(asyncio.create_task(one))
            await asyncio.sleep(0)
        await asyncio.gather(*visits)
        assert 8 < len(visits) < 32
        assert len(came) == len(visits)

    run(story())


def test_a_segment_without_slots_waits_only_for_those_at_work() -> None:
    """It waits until slots are released, or the others have ended or wait for the turn themselves."""

    async def story() -> None:
        loop, turns = asyncio.get_running_loop(), Turns()

        async def work(seconds: float) -> None:
            with turns.visiting():
                await asyncio.sleep(seconds)
                turns.slots_given_back()
                await asyncio.sleep(seconds)
                async with turns.taken(has_begun=True, limit_s=math.inf):
                    pass

        with turns.visiting():
            async with turns.taken(has_begun=True, limit_s=0.0):
                assert not await turns.slots_come(100.0)
                other = asyncio.create_task(work(3.0))
                await asyncio.sleep(0)
                began_s = loop.time()
                assert await turns.slots_come(1.0)
                assert loop.time() == began_s + 1
                assert await turns.slots_come(100.0)
                assert loop.time() == began_s + 3
                assert await turns.slots_come(100.0)
                assert loop.time() == began_s + 6
                assert not await turns.slots_come(100.0)
        await other

    run(story())
