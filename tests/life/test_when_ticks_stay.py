"""A tick stays for a look that the next tick would make much too late, and for no other."""

from backburner.ledger.messenger import Messenger
from backburner.maintenance.health import measure
from backburner.wiring.core import Core
from support.fakes import Plan
from support.system import TICK_S, System

KEY = "inbox/a.txt"


def running(age_s: float, runs_s: float) -> System:
    """A document whose generation has this age, and ends after `runs_s`; how long they usually take is not known."""
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
    """At an age of two minutes: waiting for the next tick would more than double its pause."""
    system = running(age_s=100, runs_s=115)
    ticked(system)
    assert system.result(KEY)


def test_a_look_that_may_as_well_wait_for_the_next_tick_keeps_no_function_running() -> None:
    """After five minutes the next look is due about when the next tick begins."""
    assert ticked(running(age_s=280, runs_s=1000)) <= 2


def test_a_tick_does_not_wait_for_an_old_generation() -> None:
    """Eight seconds of a function for a result that is an hour old: the next tick is soon enough."""
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
    """Its messages are not known here, but the counters say that it is in flight, and that such ones are quick."""
    system = running(age_s=0, runs_s=10)
    system.settle()
    system.upload("inbox/b.txt", "another")
    system.run(system.submit("inbox/b.txt"))
    ticked(system)
    assert system.result("inbox/b.txt")


def test_a_process_that_knows_of_no_work_does_not_wait_for_any() -> None:
    """Waiting would be most of what a month without documents costs. The first tick cannot know, and waits."""
    system = System()
    core = system.parts()
    assert ticked(system, core) == 1
    system.run(measure(core.bucket, core.governor))
    assert ticked(system, core) == 0
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    assert ticked(system, core) >= 1


def test_such_a_process_finds_what_is_there_all_the_same() -> None:
    """The message of a document whose submit died before it wrote anything."""
    system = System()
    core = system.parts()
    system.run(measure(core.bucket, core.governor))
    system.upload(KEY, "text")
    messenger = Messenger(pending=system.pending, backlog=system.backlog, lease_s=120)
    system.run(messenger.open_run(system.job(KEY), 1, KEY))
    ticked(system, core)
    assert len(system.generator.made) == 1


def test_what_has_been_received_is_no_longer_waited_for() -> None:
    """Otherwise a queue from which something comes each second would keep a tick to its end."""
    system = System()
    queue = system.parts().tick.pending
    system.run(queue.send("a message", 5))
    system.world.later(5)
    assert queue.is_worth_staying(50, 60)
    assert len(system.run(queue.receive(10, 1))) == 1
    assert not queue.is_worth_staying(50, 60)
    assert queue.known == 0
