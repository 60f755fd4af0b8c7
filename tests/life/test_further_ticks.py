"""More ticks than the timer's: what is sent for them, what happens if sending fails, and how long a tick then stays."""

import asyncio
import logging

import pytest

from backburner.capacity.timing import is_worth_staying
from backburner.errors import RetryLaterError
from backburner.events import TICK
from backburner.tick import next_tick_s
from support.fakes import Effect, Moment, Plan
from support.system import TICK_S, System

KEY = "inbox/a.txt"
QUEUE = "http://queues/ticks"


def ticking(per_minute: int) -> System:
    """A system with this many ticks a minute."""
    return System({"BACKBURNER_TICKS_PER_MINUTE": str(per_minute), "BACKBURNER_TICKS_QUEUE_URL": QUEUE})


@pytest.mark.parametrize(("per_minute", "delays_s"), [(1, []), (2, [30]), (3, [20, 40]), (4, [15, 30, 45])])
def test_the_further_ticks_are_spread_evenly_over_the_minute(per_minute: int, delays_s: list[int]) -> None:
    """Each by a message of its own, delayed by its share."""
    system = ticking(per_minute)
    began_s = system.world.seconds
    system.run(system.parts().further_ticks.send())
    sent = system.ticks.messages
    assert [(message.body, message.shows_s - began_s) for message in sent] == [(TICK, delay_s) for delay_s in delays_s]


def test_without_a_ticks_queue_nothing_is_sent() -> None:
    """This is the default."""
    system = System()
    system.run(system.parts().further_ticks.send())
    assert not system.ticks.messages


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
def test_a_tick_goes_on_without_the_further_ones(hangs: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001 - a table's row
    """A queue that refuses or does not answer is one warning, and costs five seconds at most."""
    system = ticking(4)

    async def hook(effect: Effect, moment: Moment) -> None:
        if effect.name == "ticks.send" and moment == "before":
            await asyncio.sleep(60 if hangs else 0)
            raise RetryLaterError("the queue did not accept the call: AccessDenied")

    system.world.hook = hook
    began_s = system.world.seconds
    with caplog.at_level(logging.WARNING):
        system.run(system.parts().further_ticks.send())
    assert [record.message for record in caplog.records] == ["further ticks not sent"]
    assert caplog.records[0].__dict__["error"] in ("TimeoutError", "the queue did not accept the call: AccessDenied")
    assert system.world.seconds - began_s <= 5


def ticked_s(system: System) -> float:
    """How long a tick takes."""
    began_s = system.world.seconds
    system.run(system.parts().tick.run(TICK_S))
    return system.world.seconds - began_s


@pytest.mark.parametrize(("per_minute", "stays"), [(1, True), (2, False), (4, False)])
def test_a_tick_leaves_to_the_next_one_what_that_will_see_in_time(per_minute: int, stays: bool) -> None:  # noqa: FBT001 - a table's row
    """A generation of two minutes has its next look in about 24 s: the tick after half a minute is soon enough."""
    system = ticking(per_minute)
    system.generator.default = Plan(runs_s=1000)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.world.later(115)
    assert (ticked_s(system) > 20) is stays


@pytest.mark.parametrize(
    ("elapsed_s", "per_minute", "next_s"), [(0, 1, 60), (50, 1, 10), (10, 2, 20), (32, 2, 28), (14, 4, 1), (50, 4, 10)]
)
def test_a_tick_that_takes_longer_than_its_share_counts_to_the_next_one(
    elapsed_s: float, per_minute: int, next_s: float
) -> None:
    """Not to the one that has begun meanwhile, and may have left again."""
    assert next_tick_s(elapsed_s, per_minute) == next_s


@pytest.mark.parametrize(
    ("shows_s", "per_minute", "stays"), [(20, 1, True), (20, 2, True), (24, 2, False), (10, 4, True), (12, 4, False)]
)
def test_with_n_ticks_a_minute_an_nth_of_its_pause_is_too_late(shows_s: float, per_minute: int, stays: bool) -> None:  # noqa: FBT001 - a table's row
    """After a pause of 15 s. With a whole pause, generations of two minutes came later with two ticks than with one."""
    assert is_worth_staying(shows_s, 15, left_s=50, next_s=60 / per_minute, ticks_per_minute=per_minute) is stays


def test_ticks_beside_each_other_end_every_document_once() -> None:
    """One that takes longer than its share runs beside the next; delivered twice, a message starts one more."""
    system = ticking(4)
    system.generator.default = Plan(runs_s=20)
    for number in range(12):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))

    async def minutes() -> None:
        async with asyncio.TaskGroup() as functions:
            for _ in range(8):
                functions.create_task(system.tick())
                functions.create_task(system.tick())
                await asyncio.sleep(15)

    system.run(minutes())
    assert len(system.generator.made) == 12
    assert not system.bucket.keys("ledger/open/")
    assert not system.problems()
