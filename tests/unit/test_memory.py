"""The memory that a process may use: a task that wants more than is free waits, and no task waits for itself."""

import asyncio

import pytest

from backburner.errors import JobError, Reason
from backburner.memory.budget import FACTOR, MEBIBYTE, SMALL_BYTES, ByteBudget, MemoryBudget
from support.fakes import FakeBucket, World


def test_a_request_beyond_the_free_memory_waits_in_turn():
    """A small request does not overtake a large one, which might otherwise wait for ever."""
    order = []

    async def story():
        purse = ByteBudget(10)
        await purse.take(6)

        async def want(size):
            await purse.take(size)
            order.append(size)

        waiting = [asyncio.create_task(want(size)) for size in (8, 2)]
        await asyncio.sleep(0)
        assert order == []
        purse.give(6)
        await asyncio.gather(*waiting)
        assert purse.free_bytes == 0

    asyncio.run(story())
    assert order == [8, 2]


@pytest.mark.parametrize("is_granted", [False, True])
def test_a_task_that_stops_waiting_takes_nothing(is_granted):
    """This holds even if it was granted the memory at the same moment."""

    async def story():
        purse = ByteBudget(10)
        await purse.take(10)
        waiting = asyncio.create_task(purse.take(4))
        await asyncio.sleep(0)
        if is_granted:
            purse.give(10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if not is_granted:
            purse.give(10)
        assert purse.free_bytes == 10

    asyncio.run(story())


def test_the_large_turn_is_exclusive_and_can_be_entered_again():
    """A large document's child runs in the turn that the document already has."""
    inside = most = 0

    async def story():
        nonlocal inside, most
        memory = MemoryBudget(large_bytes=256 * MEBIBYTE)

        async def work():
            nonlocal inside, most
            async with memory.for_document(20 * MEBIBYTE):
                inside += 1
                most = max(most, inside)
                async with memory.large:
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(work() for _ in range(5)))
        assert memory.own.free_bytes == memory.own.size_bytes

    asyncio.run(story())
    assert most == 1


def test_a_holder_never_waits_for_more_of_the_same():
    """It may hold an answer, and then need the document that the answer is about."""

    async def story():
        memory = MemoryBudget()
        many = memory.holding(10**12), memory.holding(10**12), memory.holding(10**12), memory.holding(10**12)
        large = memory.for_document(20 * MEBIBYTE)
        async with asyncio.timeout(1), many[0], many[1], many[2], many[3], memory.for_document(), large:
            pass
        assert memory.own.free_bytes == memory.own.size_bytes

    asyncio.run(story())


@pytest.mark.parametrize(("large_mb", "max_mb"), [(200, 25), (256, 32), (5000, 32)])
def test_what_cannot_fit_is_refused_with_the_remedy(large_mb, max_mb):
    """The function's memory decides, up to 32 MB."""
    memory = MemoryBudget(large_bytes=large_mb * MEBIBYTE)
    memory.must_fit(max_mb * MEBIBYTE)
    with pytest.raises(JobError, match="raise the functions' memory" if max_mb < 32 else "split it up$") as refused:
        memory.must_fit(max_mb * MEBIBYTE + 1)
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE


@pytest.mark.parametrize(
    ("size", "gets", "has_body"),
    [(SMALL_BYTES, 1, True), (SMALL_BYTES + 1, 2, True), (3 * MEBIBYTE, 2, True), (33 * MEBIBYTE, 1, False)],
)
def test_a_small_document_costs_one_call(size, gets, has_body):
    """A larger one is first asked for its size; one that is too large is never read."""
    world = World()
    bucket, memory = FakeBucket(world), MemoryBudget()
    bucket.upload("inbox/a.txt", b"a" * size)

    async def story():
        async with memory.for_document() as hold:
            stored = await hold.document(bucket, "inbox/a.txt")
            assert bool(stored.body) is has_body
            assert stored.size_bytes == size
            assert memory.own.free_bytes <= memory.own.size_bytes - min(size * FACTOR, SMALL_BYTES * FACTOR)

    world.run(story())
    assert sum(effect.name == "bucket.get" for effect in world.effects) == gets
    assert memory.own.free_bytes == memory.own.size_bytes
