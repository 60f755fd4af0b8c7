"""An object that cannot be read stops nothing else: it is reported once, and everything else continues."""

import contextlib
import json
import logging

import pytest

from backburner.adapters.metrics import report
from backburner.capacity.limits import Totals
from backburner.errors import UnreadableError
from backburner.ledger.keys import output_location
from backburner.maintenance.findings import Kind
from life.test_audit import auditor, kinds
from support.fakes import Plan
from support.system import System

OLD_S = 1000
DAY_S = 86_400
STRAYS = ["ledger/open/readme.txt", "ledger/open/0.1.json", f"ledger/open/{'0' * 32}.x.json", "ledger/open/sub/a.json"]
FOLDERS = ["ledger/open/", "inbox/", "inbox/folder/"]


def forbid(system, *keys):
    """Let the store refuse objects, as it does if they are archived or access is denied."""

    async def hook(effect, moment):
        if effect.name in ("bucket.get", "bucket.head") and effect.key in keys and moment == "before":
            raise UnreadableError(effect.key, f"cannot read {effect.key}: 403 AccessDenied")

    system.world.hook = hook


def named(system):
    """The unreadable objects that the governor lists."""
    return set(system.bucket.json("ledger/governor.json").get("unreadable", {}))


def audited(system):
    """Audit once."""
    return system.run(auditor(system).audit())


def logged(caplog):
    """The unreadable objects in the log, with repetitions."""
    return sorted(record.key for record in caplog.records if record.message == "object cannot be read")


def tick_later(system, seconds=0.0):
    """Run a tick of the handler with its health and alarms, after a while."""
    system.world.later(seconds)
    parts = system.parts()

    async def tick():
        await report(parts, await parts.tick.run(50.0), system.settings, logging.getLogger("backburner.test"))

    system.run(tick())


def test_forbidden_documents_and_stray_objects_stop_no_sweep(caplog):
    """Documents before and after them are recovered, and each is reported once, however many sweeps meet it."""
    system = System()
    keys = [f"inbox/{number}.txt" for number in range(6)]
    for key in keys:
        system.upload(key, f"text of {key}")
    for key in [*STRAYS, *FOLDERS]:
        system.bucket.upload(key, "" if key.endswith("/") else "{")
    forbid(system, keys[0], keys[3])
    system.world.later(OLD_S)
    with caplog.at_level(logging.INFO, "backburner"):
        for _ in range(3):
            tick_later(system, 3601)
            system.settle()
    assert [key for key in keys if f"results/{key[6:]}.run.json" not in system.bucket.objects] == [keys[0], keys[3]]
    assert logged(caplog) == sorted([keys[0], keys[3], *STRAYS])
    assert named(system) == {keys[0], keys[3], *STRAYS}
    raised = [record.alarm for record in caplog.records if record.message == "alarm"]
    assert raised == ["unreadable-objects"] * 3  # and not that a job is too old
    report = audited(system)
    unreadable = [finding.key for finding in report.findings if finding.kind is Kind.UNREADABLE]
    assert set(unreadable) == {keys[0], keys[3], *STRAYS}
    assert (report.done, len(report.findings)) == (4, len(unreadable))


def test_an_object_that_can_be_read_again_is_no_longer_named():
    """The next sweep processes it and forgets its name; a removed object is forgotten too."""
    system = System()
    system.upload("inbox/a.txt", "text")
    system.bucket.upload(STRAYS[0], "hello")
    forbid(system, "inbox/a.txt")
    tick_later(system, OLD_S)
    assert named(system) == {"inbox/a.txt", STRAYS[0]}
    forbid(system)
    system.bucket.remove(STRAYS[0])
    system.sweep(2)
    assert named(system) == set()
    assert system.result("inbox/a.txt")


def test_a_damaged_open_record_is_named_with_its_document(caplog):
    """Its document is not reported lost or paid again, others end, and it runs again once the record is deleted."""
    system = System()
    system.generator.default = Plan(runs_s=20)
    for key in ("inbox/a.txt", "inbox/b.txt"):
        system.upload(key, key)
        system.run(system.submit(key))
    key = f"ledger/open/{system.job('inbox/a.txt')}.1.json"
    system.bucket.upload(key, '{"job_id": ')
    with caplog.at_level(logging.INFO, "backburner"):
        for _ in range(40):
            tick_later(system, 60)
    assert system.result("inbox/b.txt")
    assert logged(caplog) == [key]
    assert len(system.generator.made) == 2
    (finding,) = audited(system).findings
    assert (finding.kind, finding.key) == (Kind.UNREADABLE, key)
    assert finding.what.endswith("it is the record of inbox/a.txt")
    system.bucket.remove(key)
    system.sweep(2)
    system.settle()
    assert system.result("inbox/a.txt")
    assert named(system) == set()


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"job_id": 1}', ""])
def test_a_damaged_record_at_an_output_location_stops_only_its_document(body):
    """Whatever the record holds, its document is neither lost nor paid again until somebody has looked."""
    system = System()
    system.process("inbox/a.txt", "text")
    record = output_location("inbox/a.txt").run_record_key
    system.bucket.upload(record, body)
    system.upload("inbox/a.txt", "another text")
    system.upload("inbox/b.txt", "text")
    system.world.later(OLD_S)
    tick_later(system, 3601)
    for _ in range(10):
        tick_later(system, 60)
    assert system.result("inbox/b.txt")
    assert named(system) == {record}
    assert len(system.generator.made) == 2
    assert [(finding.kind, finding.key) for finding in audited(system).findings] == [(Kind.UNREADABLE, record)]
    assert system.bucket.keys("ledger/open/") == []
    assert system.held() == Totals()
    system.bucket.remove(record)  # somebody has looked
    tick_later(system, 3601)
    system.settle()
    assert system.run_record("inbox/a.txt")["source"]["etag"] == system.bucket.objects["inbox/a.txt"].etag
    assert len(system.generator.made) == 3


def beside_a_damaged_record():
    """A done document whose run record was damaged before it was uploaded again, and the key of that record."""
    system = System()
    system.process("inbox/a.txt", "text")
    record = output_location("inbox/a.txt").run_record_key
    system.bucket.upload(record, "{")
    system.upload("inbox/a.txt", "another text")
    return system, record


def test_an_event_beside_a_damaged_record_waits_for_somebody_to_look():
    """The claim made before the record was read is withdrawn, nothing stays reserved, and the guard continues."""
    system, record = beside_a_damaged_record()
    with pytest.raises(UnreadableError):
        system.run(system.submit("inbox/a.txt"))
    assert system.bucket.keys("ledger/open/") == []
    assert system.held() == Totals()
    assert len(system.generator.made) == 1
    system.bucket.remove(record)
    system.world.later(301)
    system.settle()
    assert system.run_record("inbox/a.txt")["source"]["etag"] == system.bucket.objects["inbox/a.txt"].etag
    assert len(system.generator.made) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_beside_a_damaged_record_loses_nothing(moment):
    """Wherever the submit dies, the document is paid once, nothing stays reserved, and nothing is left over."""
    whole, _ = beside_a_damaged_record()
    first = len(whole.world.effects)
    with pytest.raises(UnreadableError):
        whole.run(whole.submit("inbox/a.txt"))
    last = len(whole.world.effects)
    assert last - first > 10
    for number in range(first, last):
        system, record = beside_a_damaged_record()
        system.world.kill_at(number, moment)
        with contextlib.suppress(UnreadableError):
            system.run(system.submit("inbox/a.txt"))
        tick_later(system, 60)
        system.bucket.remove(record)
        system.run(system.submit("inbox/a.txt"))  # the trigger delivers the event again
        system.world.later(OLD_S)
        tick_later(system, 3601)
        system.settle()
        tick_later(system, 3601)
        where = f"{moment} {system.world.effects[number]}"
        assert system.run_record("inbox/a.txt")["source"]["etag"] == system.bucket.objects["inbox/a.txt"].etag, where
        assert len(system.generator.made) == 2, where
        assert system.bucket.keys("ledger/open/") == [], where
        assert system.held() == Totals(), where


def test_a_forbidden_record_or_journal_does_not_stop_an_audit():
    """They are named in the report, and everything else is counted."""
    system = System()
    for key in ("inbox/a.txt", "inbox/b.txt"):
        system.process(key, key)
    (journal, *_) = system.bucket.keys("ledger/journal/")
    record = output_location("inbox/a.txt").run_record_key
    system.world.later(OLD_S)
    forbid(system, record, journal)
    report = audited(system)
    assert {finding.key for finding in report.findings if finding.kind is Kind.UNREADABLE} == {record, journal}
    assert report.done == 1
    assert Kind.LOST not in kinds(report)


def test_a_silent_damaged_record_does_not_keep_the_others_asleep():
    """After a day without a message, the next record still gets one."""
    system = System()
    system.generator.default = Plan(runs_s=20)
    for key in ("inbox/a.txt", "inbox/b.txt"):
        system.upload(key, key)
        system.run(system.submit(key))
    first, _ = system.bucket.keys("ledger/open/")
    document = system.bucket.json(first)["source"]["key"]
    system.bucket.upload(first, json.dumps({"version": 1}))
    system.pending.messages.clear()
    system.world.later(DAY_S + 100)
    tick_later(system)
    other = ({"inbox/a.txt", "inbox/b.txt"} - {document}).pop()
    for _ in range(3):
        tick_later(system, 60)
    assert system.result(other)
    assert named(system) == {first}


def test_a_sweep_whose_list_is_refused_does_not_stop_its_tick(caplog):
    """A refused list ends only that sweep: tick, health and alarms are completed, and the next sweep works."""
    system = System()
    system.process("inbox/a.txt", "text")
    system.upload("inbox/b.txt", "text")
    refused = 0

    async def hook(effect, moment):
        nonlocal refused
        if effect.name == "bucket.list" and effect.key == "inbox/" and moment == "before":
            refused += 1
            raise UnreadableError(effect.key, "cannot list inbox/: 403")

    system.world.hook = hook
    with caplog.at_level(logging.INFO, "backburner"):
        tick_later(system, 3601)
    assert refused == 1
    assert [record.message for record in caplog.records].count("health") == 1
    forbid(system)
    system.sweep(1)
    assert system.result("inbox/b.txt")
