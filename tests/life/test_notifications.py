"""What has ended is notified at least once, under one id, whatever dies; and no job depends on that."""

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
    """One channel, notified of documents."""
    return new_system()


def told(system: System, channel: int = 0) -> list[Any]:
    """What was sent, in order, including repetitions."""
    return [body for _, body in system.channels[channel].told]


def tick(system: System, times: int = 1, after_s: float = MINUTE_S) -> None:
    """As many ticks, each after a while."""
    for _ in range(times):
        system.world.later(after_s)
        system.run(system.tick())


def left(system: System) -> list[str]:
    """Notifications that are still to be sent."""
    return system.bucket.keys("ledger/notices/")


def test_a_done_document_is_notified_once_with_its_usage(system: System) -> None:
    """By the tick that ended it, with the figures of its record."""
    system.upload("recipes/default.md", PRICED)
    system.process(KEY, SECRET_TEXT)
    record = system.run_record(KEY)
    assert len(told(system)) == 1
    body = told(system)[0]
    assert body["id"] == f"document_{record['job_id']}_1"
    assert body["type"] == "document.done"
    assert body["timestamp"] == record["finished_at"]
    assert body["data"]["usage"] == record["usage"]
    assert body["data"]["cost"] == record["cost"] > 0
    assert body["data"]["record_key"] == "results/contract.txt.run.json"
    assert body["data"]["result_key"] == record["result_key"]
    tick(system, 3)
    assert len(told(system)) == 1
    assert left(system) == []


def test_a_document_that_submit_failed_is_notified_by_the_next_tick(system: System) -> None:
    """With its reason and the key of its error record."""
    system.upload(BAD, SECRET_TEXT)
    system.run(system.submit(BAD))
    assert told(system) == []
    tick(system)
    (body,) = told(system)
    assert (body["type"], body["data"]["reason"]) == ("document.failed", "unknown_recipe")
    assert body["data"]["record_key"] == "failed/nosuch/contract.txt.error.json"
    assert left(system) == []


def test_notifications_have_no_content() -> None:
    """Neither text nor partial text nor a provider's message: nothing but what the page names."""
    system = new_system(notify="documents,folders")
    system.generator.plan(Plan(text=ANSWER))
    system.process("inbox/default/a.txt", SECRET_TEXT)
    system.upload(BAD, SECRET_TEXT)
    system.run(system.submit(BAD))
    tick(system, 5)
    assert "nosuch" in system.error_record(BAD)["message"]
    all_told = json.dumps(told(system))
    assert {body["type"] for body in told(system)} == {"document.done", "document.failed", "folder.ended"}
    for word in ("confidential", "summary", system.error_record(BAD)["message"]):
        assert word not in all_told


def test_without_channels_no_notice_is_written() -> None:
    """Off: no notice is written, listed or removed."""
    system = System()
    system.process(KEY, SECRET_TEXT)
    tick(system, 3)
    assert not [effect for effect in system.world.effects if effect.key.startswith("ledger/notices")]


def test_a_document_in_parts_is_notified_once(system: System) -> None:
    """Its parts are jobs, and no documents; its figures count them."""
    system.upload("recipes/parts.md", "---\nsplit: {max_input_tokens: 20}\n---\nDo it.")
    key = "inbox/parts/contract.txt"
    system.process(key, " ".join(f"word{number}" for number in range(40)))
    assert len(system.generator.made) > 1
    (body,) = told(system)
    assert body["data"]["usage"] == system.run_record(key)["usage"]


def test_a_superseded_run_is_not_notified(system: System) -> None:
    """It was neither done nor failed; the document that replaced it is notified."""
    system.upload(KEY, "version 1")
    system.run(system.submit(KEY))
    system.world.later(5)
    system.upload(KEY, "version 2")
    system.run(system.submit(KEY))
    system.settle()
    assert [body["data"]["job_id"] for body in told(system)] == [system.job(KEY)]
    tick(system, 2)
    assert left(system) == []


def effects_of(prepare: Any, notify: str) -> int:
    """How many effects a tick has that ends what was prepared."""
    system = new_system(notify=notify)
    prepare(system)
    first = len(system.world.effects)
    system.run(system.tick())
    return len(system.world.effects) - first


def _brought_to_its_end(system: System) -> None:
    """One document whose generation is ready, one that submit has failed."""
    system.upload("recipes/default.md", PRICED)
    for key, text in (("inbox/default/a.txt", SECRET_TEXT), (BAD, SECRET_TEXT)):
        system.upload(key, text)
    system.world.later(1)
    for key in ("inbox/default/a.txt", BAD):
        system.run(system.submit(key))
    system.world.later(150)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_crash_at_any_effect_of_a_tick_everything_is_notified(moment: Moment) -> None:
    """Each end is notified under one id, each folder is counted once, and no notification remains."""
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
    """From the guard to the end: the event or the guard comes again, and its end is notified once."""
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


def test_a_channel_that_does_not_accept_it_now_gets_it_later(system: System) -> None:
    """Every five minutes, until it is taken: the job has long been done."""
    system.channels[0].refuses = True
    system.process(KEY, SECRET_TEXT)
    assert system.problems() == []
    assert told(system) == []
    tick(system, 2)
    assert len(system.channels[0].tries) == 1
    tick(system, 1, RETRY_S)
    assert len(system.channels[0].tries) == 2
    system.channels[0].refuses = False
    tick(system, 1, RETRY_S)
    assert len(told(system)) == 1
    assert left(system) == []


def test_after_a_day_it_is_given_up_and_counted(system: System) -> None:
    """The report of that tick says so, and nothing is left."""
    system.channels[0].refuses = True
    system.process(KEY, SECRET_TEXT)
    system.world.later(KEPT_S + 1)
    report = system.run(system.tick())
    assert report.notifications.lost == 1
    assert left(system) == []


def test_only_channels_that_refused_are_tried_again() -> None:
    """The other has it already."""
    system = new_system("first", "second")
    system.channels[1].refuses = True
    system.process(KEY, SECRET_TEXT)
    system.channels[1].refuses = False
    tick(system, 1, RETRY_S)
    assert (len(told(system, 0)), len(told(system, 1))) == (1, 1)


def test_a_silent_channel_costs_a_tick_a_bounded_time(system: System) -> None:
    """Fifty documents, and nobody there: all are done, a few tries were made, each of them bounded."""
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


def test_a_channel_that_refuses_everything_is_tried_a_few_times_a_tick(system: System) -> None:
    """What was not asked for waits as it is, and goes out when it is taken again."""
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
    """The other receives everything; a hundred kept notifications are not read each minute; afterwards all go out."""
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
    assert len(system.channels[1].by_id) == len(system.channels[0].told) == 100
    assert left(system) == []


def test_a_document_costs_four_calls_more_and_a_tick_a_listing(system: System) -> None:
    """A notice is put, read and removed, and its record is read."""
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


def test_one_that_is_never_taken_does_not_hold_up_the_others(system: System) -> None:
    """A receiver that rejects one document's notification gets all others."""
    system.process(KEY, SECRET_TEXT)
    (identity,) = system.channels[0].by_id
    other = new_system()
    other.channels[0].refuses_ids = {identity}
    other.process(KEY, SECRET_TEXT)
    for number in range(5):
        other.process(f"inbox/{number}.txt", f"text {number}")
    assert len(other.channels[0].by_id) == 5


def test_a_store_that_refuses_the_notice_costs_no_job(system: System) -> None:
    """The document is done; that its notification is lost is in the log."""

    async def hook(effect: Effect, moment: Moment) -> None:
        if effect.key.startswith("ledger/notices/new/") and (effect.name, moment) == ("bucket.put", "before"):
            raise RetryLaterError("no")

    system.world.hook = hook
    system.process(KEY, SECRET_TEXT)
    assert system.problems() == []
    assert len(system.generator.made) == 1
    assert told(system) == []


def test_a_store_that_refuses_in_between_stops_no_tick(system: System) -> None:
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
    assert len(told(system)) == 1


def test_a_notice_that_cannot_be_read_holds_up_nobody(system: System) -> None:
    """It is passed over, and goes after a day."""
    system.bucket.upload("ledger/notices/new/damaged.json", "{")
    system.bucket.upload("ledger/notices/owed/damaged.json", "{")
    system.process(KEY, SECRET_TEXT)
    assert len(told(system)) == 1
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
    assert told(system) == []


def test_two_ticks_at_once_notify_under_one_id(system: System) -> None:
    """Perhaps twice; a receiver that looks at ids has it once."""
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
