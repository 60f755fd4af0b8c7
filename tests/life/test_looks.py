"""Looks that do not read the record (ADR 21), and what they must notice all the same."""

import json
from collections import Counter

import pytest

from backburner.jobs.check import READ_EVERY
from backburner.ledger.messages import Message, decode
from backburner.provider.answers import FailedCall, Generation
from support.depth import depth
from support.fakes.provider import Made, Plan
from support.system import System

MANY = depth(100, 250)
KEY = "inbox/a.txt"
ALIVE, GONE = Generation(id="", status="in_progress"), FailedCall(status=404)


def running(plan: Plan, environment: dict[str, str] | None = None, *, looks: int = 1) -> System:
    """A document whose generation has had `looks` looks, so that its message contains what further looks need."""
    system = System(environment or {})
    system.process("inbox/earlier.txt", "and the sweep of that hour is done")
    system.generator.default = plan
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    before = len(system.generator.retrieved)
    while len(system.generator.retrieved) - before < looks:
        look(system)
    return system


def made(system: System) -> list[Made]:
    """The generations of the document under test."""
    return list(system.generator.made.values())[1:]


def looks_at(system: System, one: Made) -> int:
    """How often a generation was polled."""
    return system.generator.retrieved.count(one.id)


def look(system: System) -> None:
    """Run one tick as soon as the message shows."""
    shows_s = min(message.shows_s for message in system.pending.messages if "response_id" in message.body)
    system.world.later(max(0.0, shows_s - system.world.seconds))
    system.run(system.parts().tick.run(0.1))


def messages(system: System) -> list[Message]:
    """The messages about a generation on the pending queue."""
    return [one for message in system.pending.messages if (one := decode(message.body)).response_id]


def reads(system: System) -> Counter[str]:
    """The reads and writes of open records so far."""
    return Counter(
        effect.name for effect in system.world.effects if "bucket" in effect.name and "ledger/open/" in effect.key
    )


def test_only_the_first_look_and_every_tenth_read_the_record() -> None:
    """Only reading the record validates a new message; after that, one look in ten reads it."""
    system = running(Plan(runs_s=36_000), {"BACKBURNER_DEADLINE_S": "86400"})
    system.pending.messages = [one for one in system.pending.messages if "response_id" in one.body]  # not the guard
    before = reads(system)
    for _ in range(2 * READ_EVERY):
        look(system)
    assert reads(system) - before == Counter({"bucket.get": 2})
    assert looks_at(system, made(system)[0]) == 1 + 2 * READ_EVERY
    assert len(messages(system)) == 1


def test_a_first_look_reads_the_record_however_late_it_comes() -> None:
    """Only reading the record shows that a message is early, to be adopted, or not the record's, to be dropped."""
    system = System()
    system.generator.default = Plan(runs_s=36_000)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    (message,) = messages(system)
    assert message.look is None
    look(system)
    (next_message,) = messages(system)
    assert (next_message.ticket, next_message.response_id, next_message.follows) == (
        message.ticket,
        message.response_id,
        None,
    )
    assert next_message.look is not None


def test_polls_count_every_look() -> None:
    """It makes no difference which message a look was made by."""
    system = running(Plan(runs_s=600))
    system.settle()
    assert system.run_record(KEY)["polls"] == looks_at(system, made(system)[0]) > 5


def test_a_cancel_takes_effect_at_the_next_tick() -> None:
    """The request sends its own message, since the next look's message may be hidden for minutes."""
    system = running(Plan(runs_s=36_000), looks=READ_EVERY + 5)
    asked_s = system.world.seconds
    system.run(system.parts().canceller.cancel(system.job(KEY), 1))
    system.run(system.tick())
    assert system.error_record(KEY)["reason"] == "cancelled"
    (one,) = made(system)
    assert one.cancelled_s is not None
    assert one.cancelled_s - asked_s < 2
    system.settle()
    assert system.problems() == []


def test_a_cancel_written_into_the_record_is_seen_within_ten_looks() -> None:
    """It was written by hand and without a message; no change in a record goes unseen for longer."""
    system = running(Plan(runs_s=36_000), looks=READ_EVERY // 2)
    (key,) = system.bucket.keys("ledger/open/")
    system.bucket.upload(key, json.dumps(system.bucket.json(key) | {"cancelled_for": "cancelled"}))
    looked = len(system.generator.retrieved)
    while not system.generator.cancelled:
        look(system)
    assert len(system.generator.retrieved) - looked <= READ_EVERY
    system.settle()
    assert system.error_record(KEY)["reason"] == "cancelled"


@pytest.mark.parametrize("noted_at", [1, 2, 4])
def test_an_absence_that_was_noted_is_not_forgotten_by_looks_without_the_record(noted_at: int) -> None:
    """Absent, then found for minutes, then absent: that is no loss, since the answer in between was noted."""
    slowly = Generation(id="", status="in_progress", poll_after_s=30.0)
    answers = (ALIVE,) * noted_at + (GONE,) + (slowly,) * 4 + (GONE,)
    system = running(Plan(runs_s=2000, retrieves=answers), looks=noted_at + 1)
    system.settle()
    assert system.result(KEY)
    assert len(made(system)) == 1
    assert system.run_record(KEY)["suspected_orphans"] == 0


def test_a_generation_that_is_gone_is_lost_after_two_minutes() -> None:
    """Its first looks found it running without reading the record."""
    system = running(Plan(runs_s=36_000, retrieves=(ALIVE,) * 4 + (GONE,) * 99), looks=4)
    system.generator.default = Plan()
    system.settle()
    first, second = made(system)
    assert first.cancelled_s is None
    assert system.run_record(KEY)["suspected_orphans"] == 1
    assert [response["status"] for response in system.run_record(KEY)["responses"]] == ["lost", "completed"]
    assert second.plan.runs_s == Plan().runs_s


@pytest.mark.parametrize("lag_s", [0.0, 3600.0])
def test_a_deadline_is_kept_if_the_queue_reports_no_age(lag_s: float) -> None:
    """The record has the time of its start, so that it may end late without an age, but never early."""
    system = running(Plan(runs_s=36_000), {"BACKBURNER_DEADLINE_S": "1800"})
    for _ in range(200):
        if not system.bucket.keys("ledger/open/"):
            break
        for message in system.pending.messages:
            message.sent_s += lag_s  # ahead of the receiver's clock: no age
        look(system)
    assert system.error_record(KEY)["reason"] == "deadline_exceeded"
    (one,) = made(system)
    assert one.cancelled_s is not None
    ran_s = one.cancelled_s - one.created_s
    assert 1800 <= ran_s < (1810 if not lag_s else 2 * 1800)


def test_two_messages_about_one_generation_end_it_once() -> None:
    """A process died after sending one and before deleting the other."""
    system = running(Plan(runs_s=300))
    (one,) = [message for message in system.pending.messages if "look" in message.body]
    system.run(system.pending.send(one.body, 0))
    system.settle()
    assert system.result(KEY)
    assert system.problems() == []
    assert len(made(system)) == 1


def test_an_empty_backlog_does_not_delay_the_pending_queue() -> None:
    """An empty queue is polled once a second, and the other one continues meanwhile."""
    system = System({"BACKBURNER_POLLS_PER_SECOND": "1000"})
    system.generator.default = Plan(runs_s=36_000)
    for number in range(MANY):
        system.upload(f"inbox/{number}.txt", "text")
        system.run(system.submit(f"inbox/{number}.txt"))
    system.world.later(60)
    system.run(system.parts().tick.run(2))
    assert len(set(system.generator.retrieved)) == MANY


def test_until_one_has_ended_the_oldest_seen_running_decides_when_to_look() -> None:
    """The first look still comes after 2 s; a process that has seen one run for 10 minutes then waits 2 minutes."""
    system = System()
    system.generator.default = Plan(runs_s=3000)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.world.later(600)
    core = system.parts()
    system.run(core.tick.run(0.1))
    (old,) = [message for message in system.pending.messages if "response_id" in message.body]
    assert 95 <= old.shows_s - system.world.seconds <= 145  # a fifth of its age, ± 20 %
    system.upload("inbox/b.txt", "another text")
    system.run(system.submit("inbox/b.txt"))
    system.world.later(2)
    system.run(core.tick.run(0.1))
    young = [message for message in system.pending.messages if "response_id" in message.body and message is not old]
    assert [95 <= message.shows_s - system.world.seconds <= 145 for message in young] == [True]
