"""A tick stays for a look that the next tick would make much too late, and for no other."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from backburner.ledger.messenger import Messenger
from backburner.maintenance.health import measure
from backburner.ports import Received
from backburner.wiring.core import Core
from support.fakes import Effect, Moment, Plan
from support.system import TICK_S, System

KEY = "inbox/a.txt"


def running(age_s: float, runs_s: float) -> System:
    """A document with a generation of age `age_s` that ends after `runs_s`; the usual duration is unknown."""
    system = System()
    system.generator.default = Plan(runs_s=runs_s)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.world.later(age_s)
    return system


def ticked(system: System, core: Core | None = None) -> float:
    """How long a tick takes."""
    began_s = system.world.seconds
    system.run((core or system.parts()).tick.run(TICK_S))
    return system.world.seconds - began_s


def test_a_look_due_in_half_a_minute_is_not_left_to_the_next_tick() -> None:
    """At an age of two minutes, waiting for the next tick would more than double the pause between looks."""
    system = running(age_s=100, runs_s=115)
    ticked(system)
    assert system.result(KEY)


def test_a_tick_does_not_stay_for_a_look_that_can_wait_for_the_next() -> None:
    """After five minutes the next look is due about when the next tick starts."""
    assert ticked(running(age_s=280, runs_s=1000)) <= 2


def test_a_tick_does_not_wait_for_an_old_generation() -> None:
    """Eight seconds of waiting are not worth it for a result that is an hour old."""
    system = running(age_s=3600, runs_s=3700)
    core = system.parts()
    ticked(system, core)
    (shows_s,) = (message.shows_s for message in system.pending.messages)
    system.world.later(shows_s - 8 - system.world.seconds)
    assert ticked(system, core) <= 2
    system.world.later(60)
    ticked(system, core)
    assert system.result(KEY)


def test_a_tick_stays_for_what_another_process_has_just_started() -> None:
    """Its messages are not known here, but the counters show that it is in flight and that such ones are quick."""
    system = running(age_s=0, runs_s=10)
    system.settle()
    system.upload("inbox/b.txt", "another")
    system.run(system.submit("inbox/b.txt"))
    ticked(system)
    assert system.result("inbox/b.txt")


def test_a_process_that_knows_of_no_work_does_not_wait_for_any() -> None:
    """Waiting would be most of the cost of a month without documents; only the first tick, which cannot know, waits."""
    system = System()
    core = system.parts()
    assert ticked(system, core) == 1
    system.run(measure(core.bucket, core.governor))
    assert ticked(system, core) == 0
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    assert ticked(system, core) >= 1


def test_a_process_that_knows_of_no_work_still_finds_a_message() -> None:
    """It finds the message of a document whose submit died before it wrote anything."""
    system = System()
    core = system.parts()
    system.run(measure(core.bucket, core.governor))
    system.upload(KEY, "text")
    messenger = Messenger(pending=system.pending, backlog=system.backlog, lease_s=120)
    system.run(messenger.open_run(system.job(KEY), 1, KEY))
    ticked(system, core)
    assert len(system.generator.made) == 1


@pytest.mark.parametrize("answer_s", [0.0, 0.02])
def test_what_has_been_received_is_no_longer_waited_for(answer_s: float) -> None:
    """Otherwise a queue that delivers something each second would keep a tick to its end.

    A message may show and be received a moment before the time that its sender noted once the queue had answered.
    """
    system = System()
    queue = system.parts().tick.pending

    async def hook(effect: Effect, moment: Moment) -> None:
        is_slow = moment == "after" and effect.name == "pending.send"
        await asyncio.sleep(answer_s if is_slow else 0)

    async def story() -> None:
        await queue.send("a message", 5)
        assert queue.known == 1
        assert queue.is_worth_staying(50, 60)
        assert [len(await queue.receive(10, 1)) for _ in range(5)] == [0, 0, 0, 0, 1]

    system.world.hook = hook
    system.run(story())
    assert not queue.is_worth_staying(50, 60)
    assert queue.known == 0


def test_a_process_that_only_sends_keeps_only_what_has_yet_to_show() -> None:
    """A hundred thousand uploads through one submit once took 18 MB."""
    system = System()
    queue = system.parts().tick.pending
    for _ in range(100):
        system.run(queue.send("a message", 5))
        system.world.later(1)
    assert len(queue.due) <= 8


def ticks_of(system: System, *cores: Core, minutes: int) -> list[float]:
    """How long each tick takes when these processes take turns, one tick a minute."""
    taken = []
    for minute in range(minutes):
        taken.append(ticked(system, cores[minute % len(cores)]))
        system.world.later(60 - taken[-1])
    return taken


def lines(number: int) -> str:
    """A batch of `number` lines."""
    url, method = "/v1/responses", "POST"
    bodies = ({"model": "model-1", "input": f"line {each}"} for each in range(number))
    return "".join(
        json.dumps({"custom_id": str(each), "method": method, "url": url, "body": body}) + "\n"
        for each, body in enumerate(bodies)
    )


def test_the_many_lines_of_a_batch_are_no_reason_to_stay() -> None:
    """They hold many slots but have one message, and run for hours."""
    system = System()
    core = system.parts()
    ticked(system, core)
    system.generator.default = Plan(runs_s=7200)
    system.upload("inbox/batch.jsonl", lines(10))
    system.run(system.submit("inbox/batch.jsonl"))
    assert max(ticks_of(system, core, minutes=15)[6:]) <= 2
    assert core.governor.in_flight == 10


def test_what_another_process_started_long_ago_is_no_reason_to_stay() -> None:
    """Of two processes that take turns, the one that ticks does not know the message that the other postponed."""
    system = System()
    cores = system.parts(), system.parts()
    for core in cores:
        ticked(system, core)
    system.generator.default = Plan(runs_s=7200)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    assert max(ticks_of(system, *cores, minutes=20)[7:]) <= 2
    assert cores[0].governor.in_flight == 1


def test_a_tick_stays_for_another_process_even_after_its_own_burst_of_work() -> None:
    """The guards of its own work are known for two more minutes, but say nothing about what is in flight."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    core = system.parts()
    system.generator.default = Plan(runs_s=8)
    for number in range(6):
        system.upload(f"inbox/{number}.txt", "text")
        system.run(system.submit(f"inbox/{number}.txt"))
    while system.bucket.keys("ledger/open/"):
        ticked(system, core)
        system.world.later(5)
    assert core.tick.pending.known > 1
    system.upload(KEY, "another")
    system.run(system.submit(KEY))
    ticked(system, core)
    assert system.result(KEY)


def test_what_is_remembered_of_new_generations_is_forgotten_once_they_have_ended() -> None:
    """A process may live for hours, so this must not accumulate."""
    system = running(age_s=0, runs_s=10)
    core = system.parts()
    system.run(core.tick.run(0.5))
    assert list(core.tick.first_polls.seen) == [f"{system.job(KEY)}.1"]
    ticked(system, core)
    core.tick.first_polls.note_new()
    assert not core.tick.first_polls.seen


def test_a_short_poll_that_misses_a_message_is_not_repeated_for_ever() -> None:
    """Every fifth poll waits for a second, and so asks all servers of the queue."""
    system = System()
    core = system.parts()
    system.run(measure(core.bucket, core.governor))
    long_poll = system.pending.receive

    async def receive(most: int, wait_s: int) -> Sequence[Received]:
        return await long_poll(most, wait_s) if wait_s else []

    system.pending.receive = receive  # type: ignore[method-assign]
    assert ticks_of(system, core, minutes=10) == [0, 0, 0, 0, 1] * 2
