"""Every end is notified at least once, under one id, whatever dies, and no job depends on it."""

import asyncio
import json
from typing import Any

import pytest

from backburner.errors import RetryLaterError
from backburner.notifications.delivery import KEPT_S, RETRY_S, SEND_S
from backburner.notifications.notifier import NOTIFY_S, VOID_S
from support.depth import thinned
from support.fakes import DEAD, Effect, FakeChannel, Moment, Plan, World
from support.fakes.world import let_others_go
from support.system import MINUTE_S, System

KEY, BAD = "inbox/contract.txt", "inbox/nosuch/contract.txt"
SECRET_TEXT, ANSWER = "a confidential contract", "a confidential summary"
PRICED = "---\nprice: {input: 1000, output: 1000}\n---\nDo it."
DOCUMENTS = {"BACKBURNER_NOTIFY": "documents"}


def new_system(*names: str, notify: str = "documents", **environment: str) -> System:
    """A system that notifies channels with these names."""
    world = World()
    channels = [FakeChannel(world, name) for name in names or ("fake",)]
    return System(environment={"BACKBURNER_NOTIFY": notify, **environment}, world=world, channels=channels)


@pytest.fixture
def system() -> System:
    """A system with one channel that is notified of documents."""
    return new_system()


def delivered(system: System, channel: int = 0) -> list[Any]:
    """What was sent, in order, including repetitions."""
    return [body for _, body in system.channels[channel].delivered]


def tick(system: System, times: int = 1, after_s: float = MINUTE_S) -> None:
    """Run `times` ticks, each after `after_s`."""
    for _ in range(times):
        system.world.later(after_s)
        system.run(system.tick())


def left(system: System) -> list[str]:
    """The notifications still to be sent."""
    return system.bucket.keys("ledger/notices/")


def test_a_done_document_is_notified_once_with_its_usage(system: System) -> None:
    """The tick that ended the document sends it, with the figures of the record."""
    system.upload("recipes/default.md", PRICED)
    system.process(KEY, SECRET_TEXT)
    record = system.run_record(KEY)
    assert len(delivered(system)) == 1
    body = delivered(system)[0]
    assert body["id"] == f"document_{record['job_id']}_1"
    assert body["type"] == "document.done"
    assert body["timestamp"] == record["finished_at"]
    assert body["data"]["usage"] == record["usage"]
    assert body["data"]["cost"] == record["cost"] > 0
    assert body["data"]["record_key"] == "results/contract.txt.run.json"
    assert body["data"]["result_key"] == record["result_key"]
    tick(system, 3)
    assert len(delivered(system)) == 1
    assert left(system) == []


def test_a_document_that_submit_failed_is_notified_by_the_next_tick(system: System) -> None:
    """It has the reason and the key of the error record."""
    system.upload(BAD, SECRET_TEXT)
    system.run(system.submit(BAD))
    assert delivered(system) == []
    tick(system)
    (body,) = delivered(system)
    assert (body["type"], body["data"]["reason"]) == ("document.failed", "unknown_recipe")
    assert body["data"]["record_key"] == "failed/nosuch/contract.txt.error.json"
    assert left(system) == []


def test_notifications_have_no_content() -> None:
    """They contain neither text, partial text nor provider messages: only the documented fields."""
    system = new_system(notify="documents,folders")
    system.generator.plan(Plan(text=ANSWER))
    system.process("inbox/default/a.txt", SECRET_TEXT)
    system.upload(BAD, SECRET_TEXT)
    system.run(system.submit(BAD))
    tick(system, 5)
    assert "nosuch" in system.error_record(BAD)["message"]
    all_told = json.dumps(delivered(system))
    assert {body["type"] for body in delivered(system)} == {"document.done", "document.failed", "folder.ended"}
    for word in ("confidential", "summary", system.error_record(BAD)["message"]):
        assert word not in all_told


def test_without_channels_no_notice_is_written() -> None:
    """If notifications are off, no notice is written, listed or removed."""
    system = System()
    system.process(KEY, SECRET_TEXT)
    tick(system, 3)
    assert not [effect for effect in system.world.effects if effect.key.startswith("ledger/notices")]


def test_a_document_in_parts_is_notified_once(system: System) -> None:
    """Its parts are jobs but not documents, and their figures are included."""
    system.upload("recipes/parts.md", "---\nsplit: {max_input_tokens: 20}\n---\nDo it.")
    key = "inbox/parts/contract.txt"
    system.process(key, " ".join(f"word{number}" for number in range(40)))
    assert len(system.generator.made) > 1
    (body,) = delivered(system)
    assert body["data"]["usage"] == system.run_record(key)["usage"]


def test_a_superseded_run_is_not_notified(system: System) -> None:
    """It was neither done nor failed; the document that replaced it is notified."""
    system.upload(KEY, "version 1")
    system.run(system.submit(KEY))
    system.world.later(5)
    system.upload(KEY, "version 2")
    system.run(system.submit(KEY))
    system.settle()
    assert [body["data"]["job_id"] for body in delivered(system)] == [system.job(KEY)]
    tick(system, 2)
    assert left(system) == []


def effects_of(prepare: Any, notify: str) -> int:
    """The number of effects of a tick that ends what `prepare` set up."""
    system = new_system(notify=notify)
    prepare(system)
    first = len(system.world.effects)
    system.run(system.tick())
    return len(system.world.effects) - first


def _brought_to_its_end(system: System) -> None:
    """One document whose generation is ready, and one that submit has failed."""
    system.upload("recipes/default.md", PRICED)
    for key, text in (("inbox/default/a.txt", SECRET_TEXT), (BAD, SECRET_TEXT)):
        system.upload(key, text)
    system.world.later(1)
    for key in ("inbox/default/a.txt", BAD):
        system.run(system.submit(key))
    system.world.later(150)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_crash_at_any_effect_of_a_tick_everything_is_notified(moment: Moment) -> None:
    """Each end is notified under one id, each folder is counted once, and nothing remains to be sent."""
    number = effects_of(_brought_to_its_end, "documents,folders")
    assert number > 30
    for effect in thinned(range(number), one_in=6):
        system = new_system(notify="documents,folders")
        _brought_to_its_end(system)
        system.world.kill_at(len(system.world.effects) + effect, moment)
        system.run(system.tick())
        system.world.hook = let_others_go
        system.settle()
        tick(system, 8, 150)
        assert system.problems() == [], (effect, moment)
        channel = system.channels[0]
        assert len(channel.of_type("document.done")) == len(channel.of_type("document.failed")) == 1, (effect, moment)
        counts = {
            body["data"]["folder"]: (body["data"]["runs"]["done"], body["data"]["runs"]["failed"])
            for body in channel.of_type("folder")
        }
        assert counts == {"inbox/default/": (1, 0), "inbox/nosuch/": (0, 1)}, (effect, moment)
        assert left(system) == [], (effect, moment)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_crash_at_any_effect_of_submit_a_failed_document_is_notified(moment: Moment) -> None:
    """Whichever step submit dies at, the event or the guard arrives again and the failure is notified once."""
    for effect in range(40):
        system = new_system()
        system.upload(BAD, SECRET_TEXT)
        system.world.kill_at(len(system.world.effects) + effect, moment)
        was_killed = system.run(system.submit(BAD)) is DEAD
        system.world.hook = let_others_go
        if was_killed:
            system.run(system.submit(BAD))
        system.settle()
        tick(system, 3)
        assert len(system.channels[0].by_id) == 1, (effect, moment)
        assert left(system) == [], (effect, moment)
        if not was_killed:
            assert effect > 8
            return


def test_a_channel_that_refuses_a_notification_gets_it_later(system: System) -> None:
    """It is tried every five minutes until it succeeds, long after the job is done."""
    system.channels[0].refuses = True
    system.process(KEY, SECRET_TEXT)
    assert system.problems() == []
    assert delivered(system) == []
    tick(system, 2)
    assert len(system.channels[0].tries) == 1
    tick(system, 1, RETRY_S)
    assert len(system.channels[0].tries) == 2
    system.channels[0].refuses = False
    tick(system, 1, RETRY_S)
    assert len(delivered(system)) == 1
    assert left(system) == []


def test_after_a_day_a_notification_is_given_up_and_counted(system: System) -> None:
    """That tick's report counts it as lost, and nothing is left."""
    system.channels[0].refuses = True
    system.process(KEY, SECRET_TEXT)
    system.world.later(KEPT_S + 1)
    report = system.run(system.tick())
    assert report.notifications.lost == 1
    assert left(system) == []


def test_only_channels_that_refused_are_tried_again() -> None:
    """The other channel already has it."""
    system = new_system("first", "second")
    system.channels[1].refuses = True
    system.process(KEY, SECRET_TEXT)
    system.channels[1].refuses = False
    tick(system, 1, RETRY_S)
    assert (len(delivered(system, 0)), len(delivered(system, 1))) == (1, 1)


def test_a_silent_channel_costs_a_tick_a_bounded_time(system: System) -> None:
    """With fifty documents and no answer, all are done after a few tries, each limited in time."""
    system.channels[0].takes_s = 3600.0
    keys = [f"inbox/{number}.txt" for number in range(50)]
    for key in keys:
        system.upload(key, f"text of {key}")
        system.run(system.submit(key))
    system.settle()
    assert system.problems() == []
    began = system.world.seconds
    system.run(system.tick())
    assert system.world.seconds - began < NOTIFY_S + SEND_S + 12
    assert 3 <= len(system.channels[0].tries) < 50


def test_a_channel_that_refuses_everything_is_tried_a_few_times_per_tick(system: System) -> None:
    """Notifications that were not tried wait, and are sent once the channel accepts them again."""
    channel = system.channels[0]
    channel.refuses = True
    for number in range(100):
        system.upload(f"inbox/nosuch/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/nosuch/{number}.txt"))
    tick(system)
    assert 3 <= len(channel.tries) <= 16
    channel.refuses = False
    tick(system, 2, RETRY_S)
    assert len(channel.by_id) == 100
    assert left(system) == []


def test_an_outage_of_one_channel_costs_a_handful_of_calls_a_tick() -> None:
    """The other channel gets everything, and a hundred stored notifications are not read each minute but sent later."""
    system = new_system("first", "second")
    system.channels[1].refuses = True
    for number in range(100):
        system.upload(f"inbox/nosuch/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/nosuch/{number}.txt"))
    tick(system)
    assert len(system.channels[0].by_id) == 100
    first = len(system.world.effects)
    tick(system, 1, RETRY_S)
    assert len([effect for effect in system.world.effects[first:] if effect.key.startswith("ledger/notices/")]) < 60
    system.channels[1].refuses = False
    tick(system, 3, RETRY_S)
    assert len(system.channels[1].by_id) == len(system.channels[0].delivered) == 100
    assert left(system) == []


def test_notifying_costs_four_calls_per_document_and_a_listing_per_tick(system: System) -> None:
    """Its notice is put, read and removed, and its record is read."""
    system.upload(KEY, SECRET_TEXT)
    system.world.later(1)
    system.run(system.submit(KEY))
    plain = System()
    plain.upload(KEY, SECRET_TEXT)
    plain.world.later(1)
    plain.run(plain.submit(KEY))
    counts = []
    for one in (system, plain):
        one.world.later(60)
        first = len(one.world.effects)
        one.run(one.tick())
        counts.append(sum(effect.name.startswith("bucket.") for effect in one.world.effects[first:]))
    assert counts[0] - counts[1] == 5


def test_a_notification_that_is_never_accepted_does_not_delay_the_others(system: System) -> None:
    """A receiver that rejects one document's notification gets all the others."""
    system.process(KEY, SECRET_TEXT)
    (identity,) = system.channels[0].by_id
    other = new_system()
    other.channels[0].refuses_ids = {identity}
    other.process(KEY, SECRET_TEXT)
    for number in range(5):
        other.process(f"inbox/{number}.txt", f"text {number}")
    assert len(other.channels[0].by_id) == 5


def test_a_store_that_refuses_the_notice_fails_no_job(system: System) -> None:
    """The document is done, and the log says that its notification is lost."""

    async def hook(effect: Effect, moment: Moment) -> None:
        if effect.key.startswith("ledger/notices/new/") and (effect.name, moment) == ("bucket.put", "before"):
            raise RetryLaterError("no")

    system.world.hook = hook
    system.process(KEY, SECRET_TEXT)
    assert system.problems() == []
    assert len(system.generator.made) == 1
    assert delivered(system) == []


def test_a_store_that_refuses_for_a_while_stops_no_tick(system: System) -> None:
    """Every call about notices fails for a while: the tick still reports, and everything is notified afterwards."""

    async def hook(effect: Effect, moment: Moment) -> None:
        about_notices = effect.key.startswith("ledger/notices/")
        if about_notices and moment == "before" and effect.name != "bucket.put":
            raise RetryLaterError("no")

    system.world.hook = hook
    system.process(KEY, SECRET_TEXT)
    assert system.problems() == []
    system.world.hook = let_others_go
    tick(system)
    assert len(delivered(system)) == 1


def test_an_unreadable_notice_delays_no_other(system: System) -> None:
    """It is skipped, and removed after a day."""
    system.bucket.upload("ledger/notices/new/damaged.json", "{")
    system.bucket.upload("ledger/notices/owed/damaged.json", "{")
    system.process(KEY, SECRET_TEXT)
    assert len(delivered(system)) == 1
    system.world.later(KEPT_S + 1)
    report = system.run(system.tick())
    assert left(system) == []
    assert report.notifications.lost == 2


def test_a_notice_of_a_run_that_never_ended_is_removed(system: System) -> None:
    """A process died before its commit, and the run was superseded."""
    notice = {"job_id": "0" * 32, "run": 1, "key": KEY}
    system.bucket.upload(f"ledger/notices/new/{'0' * 32}.1.json", json.dumps(notice))
    tick(system)
    assert len(left(system)) == 1
    tick(system, 1, VOID_S)
    assert left(system) == []
    assert delivered(system) == []


def test_two_ticks_at_once_notify_under_one_id(system: System) -> None:
    """It may be sent twice; a receiver that compares ids has it once."""
    system.upload(KEY, SECRET_TEXT)
    system.run(system.submit(KEY))
    system.world.later(60)

    async def both() -> None:
        await asyncio.gather(system.tick(), system.tick())

    system.run(both())
    system.settle()
    tick(system)
    assert len(system.channels[0].by_id) == 1
    assert left(system) == []
