"""A tick makes several receives at once as long as each returns all that it asked for."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from backburner.tick import _Inflow


class Endless:
    """A queue with more messages than are ever requested."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def receive(self, most: int, wait_s: int) -> Sequence[Any]:  # noqa: ARG002 - the port's shape
        """As many messages as requested."""
        self.asked.append(most)
        return ["a message"] * most


def received(*wanted: int) -> list[int]:
    """How many receives were made at once for each number of messages wanted."""
    queue = Endless()
    inflow = _Inflow(cast("Any", queue))

    async def story() -> list[int]:
        made = []
        for most in wanted:
            before = len(queue.asked)
            assert len(await inflow.receive(most)) == sum(queue.asked[before:])
            made.append(len(queue.asked) - before)
        return made

    return asyncio.run(story())


def test_a_full_queue_is_received_from_several_times_at_once() -> None:
    """A tick with little room changes nothing, if it received all that it asked for."""
    assert received(64, 64, 15, 64) == [1, 7, 2, 7]


def test_nothing_is_received_if_there_is_no_room() -> None:
    """What is known of the queue stays known."""
    assert received(64, 0, 64) == [1, 0, 7]
