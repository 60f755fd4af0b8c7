"""What the core may expect of every `Queue`, of the fake and of the real adapters alike."""

import asyncio
from dataclasses import replace

import pytest

from backburner.errors import RetryLaterError
from backburner.ports import Queue, Received

from .conftest import VISIBILITY_S, QueueSubject


async def _all(queue: Queue) -> list[Received]:
    """All visible messages."""
    received: list[Received] = []
    while batch := await queue.receive(10, 0):
        received += batch
    return received


def test_what_was_sent_is_received(queue: QueueSubject) -> None:
    """The bodies are unchanged, and the first receive is counted."""
    bodies = ['{"key":"inbox/🐘 + %20 \\"x\\" <&>\\n\\u0000"}', "x" * 60_000, "\t"]

    async def story() -> list[Received]:
        for body in bodies:
            await queue.queue.send(body, 0)
        return await _all(queue.queue)

    received = queue.run(story())
    assert sorted(message.body for message in received) == sorted(bodies)
    assert {message.receives for message in received} == {1}
    assert all(0 <= message.age_s < 10 for message in received)


def test_an_empty_queue_answers_with_nothing(queue: QueueSubject) -> None:
    """It waits first, if asked to."""
    assert list(queue.run(queue.queue.receive(10, 1))) == []


def test_a_queue_reports_its_visibility_timeout(queue: QueueSubject) -> None:
    """It is the one that the queue was created with."""
    assert queue.run(queue.queue.visibility_s()) == VISIBILITY_S


def test_no_more_messages_are_received_than_requested(queue: QueueSubject) -> None:
    """The others wait."""

    async def story() -> tuple[int, int]:
        for n in range(4):
            await queue.queue.send(str(n), 0)
        return len(await queue.queue.receive(3, 0)), len(await _all(queue.queue))

    assert queue.run(story()) == (3, 1)


def test_dozens_of_concurrent_calls_all_take_effect(queue: QueueSubject) -> None:
    """Sends, postponements and deletes that exceed a batch each have their effect, once."""

    async def story() -> None:
        bodies = [f"{n}" * 1000 for n in range(37)]
        await asyncio.gather(*(queue.queue.send(body, 0) for body in bodies))
        received = await _all(queue.queue)
        assert sorted(message.body for message in received) == sorted(bodies)
        await asyncio.gather(*(queue.queue.postpone(message, 0) for message in received))
        again = await _all(queue.queue)
        assert sorted(message.body for message in again) == sorted(bodies)
        assert {message.receives for message in again} == {2}
        await asyncio.gather(*(queue.queue.delete(message) for message in again))
        assert await _all(queue.queue) == []

    queue.run(story())


def test_large_messages_at_once_all_arrive(queue: QueueSubject) -> None:
    """Batches keep within the bytes that one call may have."""

    async def story() -> int:
        await asyncio.gather(*(queue.queue.send("x" * 90_000, 0) for _ in range(9)))
        return len(await _all(queue.queue))

    assert queue.run(story()) == 9


def test_a_received_message_is_invisible_to_others(queue: QueueSubject) -> None:
    """It is until it is postponed to now; then its second receive is counted."""

    async def story() -> list[int]:
        await queue.queue.send("m", 0)
        (first,) = await queue.queue.receive(10, 0)
        assert await _all(queue.queue) == []
        await queue.queue.postpone(first, 0)
        (second,) = await queue.queue.receive(10, 0)
        return [first.receives, second.receives]

    assert queue.run(story()) == [1, 2]


def test_delays_hold_a_message_back(queue: QueueSubject) -> None:
    """One appears after its delay, one with a long delay does not, a postponed one comes back."""

    async def story() -> list[str]:
        await queue.queue.send("soon", 1)
        await queue.queue.send("late", 900)
        await queue.queue.send("again", 0)
        (now,) = await queue.queue.receive(10, 0)
        await queue.queue.postpone(now, 1)
        assert await _all(queue.queue) == []
        await asyncio.sleep(1.1)
        return sorted(message.body for message in await _all(queue.queue))

    assert queue.run(story()) == ["again", "soon"]


def test_a_message_that_is_gone_can_be_deleted_and_postponed(queue: QueueSubject) -> None:
    """What was asked for is already done, so it is no error."""

    async def story() -> None:
        await queue.queue.send("m", 0)
        (message,) = await queue.queue.receive(10, 0)
        await queue.queue.delete(message)
        await queue.queue.delete(message)
        await queue.queue.postpone(message, 0)
        assert await _all(queue.queue) == []

    queue.run(story())


def test_an_unknown_receipt_is_no_error(queue: QueueSubject) -> None:
    """A receipt from another time belongs to no message in hand."""

    async def story() -> None:
        await queue.queue.send("m", 0)
        (message,) = await queue.queue.receive(10, 0)
        stranger = replace(message, receipt="no-such-receipt")
        await queue.queue.postpone(stranger, 0)
        await queue.queue.delete(stranger)
        assert await _all(queue.queue) == []  # the message is still in hand

    queue.run(story())


def test_a_delay_that_no_queue_takes_is_refused(queue: QueueSubject) -> None:
    """It is not shortened: the sender must know."""
    with pytest.raises(RetryLaterError):
        queue.run(queue.queue.send("m", 901))


def test_a_postponement_that_no_queue_takes_is_refused(queue: QueueSubject) -> None:
    """If it were ignored, the message would come back unexpectedly."""

    async def story() -> None:
        await queue.queue.send("m", 0)
        (message,) = await queue.queue.receive(10, 0)
        with pytest.raises(RetryLaterError):
            await queue.queue.postpone(message, 43_201)

    queue.run(story())
