"""Clouds deliver an event at least once: repeatedly, at the same time, or in several environments of the function."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from support.events import SHAPES, TIMERS
from support.functions import context_of, load
from support.warm_deployment import WarmDeployment, unload

KEY = "inbox/letter.txt"
TIMES = 5


def _one_of_all(world: WarmDeployment) -> None:
    """Check that there is one generation and one result, and nothing left over."""
    world.settle()
    assert len(world.creates()) == 1
    assert world.run_record(KEY)["suspected_orphans"] == 0
    assert world.problems() == []


def test_the_same_event_five_times_in_a_row_starts_one_generation(world: WarmDeployment) -> None:
    """That holds for every shape of event, and also once the result is there."""
    world.upload(KEY)
    for number in range(TIMES):
        world.submit(KEY, shape=list(SHAPES)[number % len(SHAPES)])
    _one_of_all(world)
    world.submit(KEY)
    _one_of_all(world)


def test_one_event_that_names_a_document_five_times_starts_one_generation(world: WarmDeployment) -> None:
    """The records of one event are handled at the same time."""
    world.upload(KEY)
    world.submit(*[KEY] * TIMES)
    _one_of_all(world)


@pytest.mark.parametrize("round_", range(3))
def test_the_same_event_five_times_at_once_starts_one_generation(world: WarmDeployment, round_: int) -> None:
    """Five environments of the function, each with its own caches and clients, start at the same moment."""
    world.upload(KEY, f"Round {round_} of the harbour of Veldt.")
    event = SHAPES["s3"](world.bucket, KEY)
    apps, begin = [load("submit") for _ in range(TIMES)], Barrier(TIMES)

    def deliver(handler: Callable[[object, object], object]) -> object:
        begin.wait()
        return handler(event, None)

    with ThreadPoolExecutor(TIMES) as environments:
        outcomes = list(environments.map(deliver, [app.handler for app in apps]))
        list(environments.map(unload, apps))
    assert outcomes == [{"records": 1}] * TIMES
    _one_of_all(world)


def test_two_ticks_at_once_write_one_result(world: WarmDeployment) -> None:
    """A long tick overlaps with the next one."""
    keys = [f"inbox/{number}.txt" for number in range(6)]
    for key in keys:
        world.upload(key, f"{key} is about the harbour of Veldt.")
    world.submit(*keys)
    world.later(3)
    begin, apps = Barrier(2), [load("checker") for _ in range(2)]

    def tick(handler: Callable[[object, object], object]) -> object:
        begin.wait()
        return handler(TIMERS["aws"], context_of(2))

    with ThreadPoolExecutor(2) as environments:
        list(environments.map(tick, [app.handler for app in apps]))
        list(environments.map(unload, apps))
    world.settle()
    assert len(world.creates()) == len(keys)
    assert world.problems() == []
