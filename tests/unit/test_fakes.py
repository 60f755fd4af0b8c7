"""The fakes keep what tests rely on: virtual time, effects, and processes that can be killed at each of them."""

import asyncio

import pytest

from backburner.ports import ABSENT
from backburner.provider.answers import FailedCall, Generation
from support.fakes import DEAD, FakeBucket, FakeClock, FakeGenerator, FakeQueue, Killed, Plan, World


def test_a_whole_day_takes_no_real_time() -> None:
    """Sleeping, limits and waiting for messages all take virtual time."""
    world = World()
    clock, queue = FakeClock(world), FakeQueue(world)

    async def story() -> int:
        await clock.sleep(86_400)
        await queue.send("late", 7)
        return len(await queue.receive(10, 20))

    assert world.run(story()) == 1
    assert world.seconds == pytest.approx(86_407)


def test_a_story_in_which_nothing_can_happen_fails() -> None:
    """A test that would hang reports it."""
    with pytest.raises(AssertionError, match="nothing will ever happen"):
        World().run(asyncio.Event().wait())


@pytest.mark.parametrize(("moment", "stands"), [("before", []), ("after", ["a"])])
def test_a_killed_process_does_nothing_more(moment: str, stands: list[str]) -> None:
    """The effect at which it dies happens or not, as the test says; none of its tasks continues."""
    world = World()
    bucket = FakeBucket(world)
    world.kill_at(0, moment)

    async def put(key: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await bucket.put(key, b"x", match=ABSENT, content_type="text/plain")

    async def work() -> None:
        await asyncio.gather(put("a", 0), put("b", 1))

    async def story() -> object:
        ended = await world.process(work())
        await asyncio.sleep(5)
        return ended

    assert world.run(story()) is DEAD
    assert bucket.keys() == stands


def test_killed_is_not_caught_by_except_exception() -> None:
    """Otherwise a dying process would clean up."""
    assert not issubclass(Killed, Exception)


def test_a_generator_follows_its_plans() -> None:
    """Each create has one plan; what starts can be cancelled, and what ended is read as planned."""
    world = World()
    generator = FakeGenerator(world)
    generator.plan(Plan(create=FailedCall(status=500), starts=True))
    generator.plan(Plan(ending=Generation(id="", status="failed", error_code="server_error")), document="b")

    async def story() -> list[str]:
        lost = await generator.create({"input": "a"}, 10)
        assert lost == FailedCall(status=500)
        await generator.create({"input": "b"}, 10)
        await generator.create({"input": "c"}, 10)
        await generator.cancel("resp_3")
        await asyncio.sleep(30)
        return [answer.status for answer in [await generator.retrieve(f"resp_{n}") for n in (1, 2, 3, 4)]]

    assert world.run(story()) == ["completed", "failed", "cancelled", 404]
