"""A folder's notification is sent once everything in it has ended, and covers what ended since the previous one."""

import asyncio
from typing import Any

import pytest

from backburner.notifications.folders import QUIET_S
from support.depth import depth
from support.fakes import Effect, FakeChannel, Moment, Plan, World
from support.system import MINUTE_S, System

RECIPE = "---\nprice: {input: 1000, output: 1000}\n---\nDo it."


@pytest.fixture
def system() -> System:
    """A system with one channel that is notified of folders."""
    world = World()
    system = System(environment={"BACKBURNER_NOTIFY": "folders"}, world=world, channels=[FakeChannel(world)])
    system.upload("recipes/r.md", RECIPE)
    return system


def submit(system: System, *keys: str) -> None:
    """Upload documents and submit them."""
    for key in keys:
        system.upload(key, f"text of {key}")
        system.run(system.submit(key))


def tick(system: System, times: int = 1, after_s: float = MINUTE_S) -> None:
    """Run `times` ticks, each after `after_s`."""
    for _ in range(times):
        system.world.later(after_s)
        system.run(system.tick())


def delivered(system: System) -> list[Any]:
    """What was sent, in order, including repetitions."""
    return [body["data"] for _, body in system.channels[0].delivered]


def folders(system: System) -> list[str]:
    """The folders of the notifications sent."""
    return sorted(data["folder"] for data in delivered(system))


def test_a_folder_is_notified_with_counts_reasons_tokens_and_cost(system: System) -> None:
    """Two documents are done and one failed, some of them in subfolders."""
    keys = ["inbox/r/may/a.txt", "inbox/r/may/b/c.txt", "inbox/r/may/d.txt"]
    system.generator.plan(Plan(text=""), document=f"text of {keys[2]}", times=3)
    submit(system, *keys)
    tick(system, 15)
    may = next(data for data in delivered(system) if data["folder"] == "inbox/r/may/")
    records = [system.run_record(keys[0]), system.run_record(keys[1]), system.error_record(keys[2])]
    assert may["documents"] == {"total": 3, "done": 2, "failed": 1}
    assert (may["runs"]["done"], may["runs"]["failed"]) == (2, 1)
    assert may["runs"]["reasons"] == {"empty_output": 1}
    assert may["runs"]["usage"]["total_tokens"] == sum(record["usage"]["total_tokens"] for record in records)
    assert may["runs"]["cost"] == pytest.approx(sum(record["cost"] for record in records))
    assert folders(system) == ["inbox/r/", "inbox/r/may/"]
    assert system.bucket.keys("ledger/notices/") == []


def test_it_is_notified_within_minutes_after_its_last_document_ended(system: System) -> None:
    """The quiet time counts from the upload and has long passed, so it takes at most two ticks."""
    system.generator.default = Plan(runs_s=600.0)
    submit(system, "inbox/r/a.txt", "inbox/r/b.txt")
    while len(system.bucket.keys("results/r/")) < 4:
        assert delivered(system) == []
        tick(system)
    tick(system, 2)
    assert folders(system) == ["inbox/r/"]


def test_it_is_not_notified_while_a_document_in_it_is_open(system: System) -> None:
    """One document ends at once, the other takes an hour."""
    system.generator.plan(Plan(runs_s=3600.0), document="text of inbox/r/slow.txt")
    submit(system, "inbox/r/a.txt", "inbox/r/slow.txt", "inbox/r/z.txt")
    tick(system, 30)
    assert delivered(system) == []
    assert len(system.bucket.keys("results/r/")) == 4
    tick(system, 40)
    (data,) = delivered(system)
    assert data["runs"]["done"] == data["documents"]["total"] == 3


def test_a_folder_with_continuing_uploads_is_notified_once(system: System) -> None:
    """A document arrives each minute and is done before the next: one upload, one notification."""
    for number in range(6):
        submit(system, f"inbox/r/{number}.txt")
        tick(system)
    assert delivered(system) == []
    tick(system, 5)
    (data,) = delivered(system)
    assert data["runs"]["done"] == data["documents"]["done"] == 6


def test_later_documents_are_notified_under_another_id_with_their_own_counts(system: System) -> None:
    """`runs` counts those since the previous notification, `documents` everything in the folder."""
    submit(system, "inbox/r/a.txt", "inbox/r/b.txt")
    tick(system, 8)
    submit(system, "inbox/r/c.txt")
    tick(system, 8)
    first, second = delivered(system)
    assert (first["runs"]["done"], first["documents"]["total"]) == (2, 2)
    assert (second["runs"]["done"], second["documents"]["total"]) == (1, 3)
    assert len(system.channels[0].by_id) == 2


def test_uploading_the_same_bytes_again_does_not_keep_a_folder_open(system: System) -> None:
    """They make no new job, so none of their records will ever be newer than the upload."""
    submit(system, "inbox/r/a.txt")
    tick(system, 2)
    system.world.later(QUIET_S)
    submit(system, "inbox/r/a.txt", "inbox/r/b.txt")
    tick(system, 8)
    assert delivered(system)[-1]["documents"] == {"total": 2, "done": 2, "failed": 0}


def test_a_whole_folder_uploaded_again_is_checked_in_one_tick(system: System) -> None:
    """Records are read many at once, so that the pass finishes even with a slow store."""
    submit(system, *(f"inbox/r/{number:03d}.txt" for number in range(60)))
    tick(system, 8)
    system.world.later(QUIET_S)
    submit(system, *(f"inbox/r/{number:03d}.txt" for number in range(60)), "inbox/r/new.txt")

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0.4 if (effect.name, moment) == ("bucket.get", "before") else 0)

    system.world.hook = hook
    tick(system, 8)
    assert delivered(system)[-1]["documents"] == {"total": 61, "done": 61, "failed": 0}


def test_a_document_replaced_behind_the_pass_is_waited_for(system: System) -> None:
    """While the pass waits at the last document, the first is replaced and then takes an hour."""
    system.generator.plan(Plan(runs_s=1200.0), document="text of inbox/r/z.txt")
    submit(system, "inbox/r/a.txt", "inbox/r/z.txt")
    tick(system, 5)
    system.generator.plan(Plan(runs_s=3600.0), document="a new version")
    system.upload("inbox/r/a.txt", "a new version")
    system.run(system.submit("inbox/r/a.txt"))
    tick(system, 30)
    assert delivered(system) == []
    tick(system, 45)
    (data,) = delivered(system)
    assert (data["runs"]["done"], data["documents"]["done"]) == (3, 2)


def test_an_emptied_folder_is_still_notified(system: System) -> None:
    """Its runs ended, and it has no document any more."""
    submit(system, "inbox/r/a.txt")
    tick(system)
    system.bucket.remove("inbox/r/a.txt")
    tick(system, 4)
    (data,) = delivered(system)
    assert (data["runs"]["done"], data["documents"]["total"]) == (1, 0)


def test_a_file_directly_in_the_inbox_is_in_no_folder(system: System) -> None:
    """It belongs to no folder, and its own notification was not requested."""
    submit(system, "inbox/a.txt")
    tick(system, 6)
    assert delivered(system) == []
    assert system.bucket.keys("ledger/notices/") == []


def test_each_of_many_documents_is_counted_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are more of them than are counted at a time and than fit a page of the pass."""
    monkeypatch.setattr("backburner.ledger.inbox_pages.PAGE", depth(50, 1000))
    many = depth(120, 1100)
    for number in range(many):
        system.upload(f"inbox/none/{number:04d}.txt", f"text {number}")
        system.run(system.submit(f"inbox/none/{number:04d}.txt"))
    tick(system, 6)
    (data,) = delivered(system)
    assert data["documents"] == {"total": many, "done": 0, "failed": many}
    assert data["runs"]["reasons"] == {"unknown_recipe": many}


def test_a_waiting_folder_costs_a_handful_of_calls_a_tick(system: System) -> None:
    """Hundreds of documents have ended and one has not: the pass waits at that one."""
    system.generator.plan(Plan(runs_s=7200.0), document="text of inbox/r/zzz.txt")
    submit(system, *(f"inbox/r/{number:03d}.txt" for number in range(300)), "inbox/r/zzz.txt")
    tick(system, 12)
    first = len(system.world.effects)
    tick(system)
    about = [effect.name for effect in system.world.effects[first:] if effect.process == "tick"]
    about_folders = [name for name in about if name.startswith("bucket.")]
    assert len(about_folders) < 25, about_folders


def test_concurrent_ticks_notify_with_every_run_counted_once(system: System) -> None:
    """Three ticks at a time end ten runs and notify under one id."""
    submit(system, *(f"inbox/r/{number}.txt" for number in range(10)))

    async def at_once() -> None:
        await asyncio.gather(*(system.tick() for _ in range(3)))

    for _ in range(8):
        system.world.later(MINUTE_S)
        system.run(at_once())
    (body,) = system.channels[0].by_id.values()
    assert body["data"]["runs"]["done"] == body["data"]["documents"]["done"] == 10
    assert system.bucket.keys("ledger/notices/") == []


def test_a_folder_whose_notification_is_refused_is_notified_later(system: System) -> None:
    """The refused notification is sent later with the counts it had."""
    system.channels[0].refuses = True
    submit(system, "inbox/r/a.txt")
    tick(system, 6)
    system.channels[0].refuses = False
    tick(system, 6)
    (data,) = delivered(system)
    assert data["runs"]["done"] == 1
    assert system.bucket.keys("ledger/notices/") == []
