"""The audit: the books balance whatever a document has been through, and every kind of imbalance is found and named."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger
from backburner.maintenance.audit import Auditor, Kind
from support.fakes import FakeQueue, Plan
from support.system import System

OLD_S = 1000
DAY_S = 86_400
KEY = "inbox/a.txt"


@dataclass(frozen=True)
class Counted:
    """A queue as the audit sees it: only the number of its messages."""

    queue: FakeQueue

    async def count(self):
        """Count all messages, shown or hidden."""
        return len(self.queue.messages)


def auditor(system, **more):
    """The auditor, as the operator's command builds it."""
    parts = system.parts()
    return Auditor(
        bucket=system.bucket,
        ledger=Ledger(system.bucket),
        governor=parts.governor,
        sweeper=parts.tick.sweeper,
        journal=parts.journal,
        pending=Counted(system.pending),
        backlog=Counted(system.backlog),
        **more,
    )


def audit(system):
    """Audit once."""
    return system.run(auditor(system).audit())


def repair(system):
    """Audit, and repair what was found."""

    async def both():
        here = auditor(system)
        return await here.repair(await here.audit())

    return system.run(both())


def kinds(report):
    """The kinds of the findings."""
    return [finding.kind for finding in report.findings]


def edit(system, key, **changes):
    """Change fields of a record by hand."""
    system.bucket.upload(key, json.dumps(system.bucket.json(key) | changes))


def at_rest():
    """A system with one document, done an hour ago."""
    system = System()
    system.process(KEY, "text")
    system.world.later(OLD_S)
    assert audit(system).balances
    return system


def under_way(runs_s=1e6):
    """A system with one document, whose generation is running."""
    system = System()
    system.generator.default = Plan(runs_s=runs_s)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.world.later(OLD_S)
    assert audit(system).balances
    return system


def test_every_document_is_in_exactly_one_state():
    """Done, failed, running and waiting documents are counted by state, young ones separately."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    for number in range(5):
        system.process(f"inbox/{number}.txt", f"text {number}")
    for number in range(3):
        system.process(f"inbox/nosuch/{number}.txt", "text")
    system.generator.default = Plan(runs_s=1e6)
    for number in range(3):
        system.upload(f"inbox/late/{number}.txt", f"late {number}")
        system.upload("recipes/late.md", "Do it.")
        system.run(system.submit(f"inbox/late/{number}.txt"))
    system.world.later(OLD_S)
    system.upload("inbox/young.txt", "text")
    system.upload("inbox/folder/", "")
    report = audit(system)
    assert report.findings == []
    assert (report.objects, report.done, report.failed, report.running, report.waiting) == (11, 5, 3, 1, 2)
    assert (report.young, report.open_records) == (1, 3)
    assert report.balances


def test_a_failure_after_a_result_counts_as_failed():
    """If both records exist, the later one gives the state."""
    system = at_rest()
    system.upload("recipes/default.md", "---\nno: such field\n---\nDo it.")
    system.run(system.submit(KEY))
    system.settle()
    system.world.later(OLD_S)
    report = audit(system)
    assert report.balances
    assert (report.done, report.failed) == (0, 1)


def test_it_reads_the_same_while_work_continues():
    """What ends, starts or is replaced between two reads is not reported as a finding."""
    system = System()
    system.generator.default = Plan(runs_s=20.0)
    keys = [f"inbox/{number}.txt" for number in range(40)]
    for key in keys:
        system.upload(key, f"text {key}")
    system.world.later(OLD_S)
    turn = 0

    async def hook(*_):
        nonlocal turn
        turn += 1
        await asyncio.sleep(0.05 if turn % 3 else 0)

    system.world.hook = hook

    async def life():
        for key in keys:
            await system.submit(key)
        for _ in range(4):
            await system.tick()

    async def audits():
        work = asyncio.create_task(life())
        await asyncio.sleep(30)
        reports = []
        while not work.done():
            reports.append(await auditor(system).audit())
            await asyncio.sleep(1)
        return reports

    reports = system.run(audits())
    assert len(reports) > 3
    assert any(report.running for report in reports)
    wrong = [finding for report in reports for finding in report.findings]
    assert [finding for finding in wrong if finding.kind is not Kind.LOST] == []
    assert {finding.key for finding in wrong} <= set(keys)  # those whose event is still to come
    assert audit(system).findings == []


def test_a_lost_upload_is_found_and_repaired():
    """The repair's sweep treats it as if its event had just arrived."""
    system = System()
    system.upload(KEY, "text")
    assert audit(system).balances
    system.world.later(OLD_S)
    report = audit(system)
    assert (kinds(report), report.findings[0].key, report.balances) == ([Kind.LOST], KEY, False)
    report = repair(system)
    assert report.balances
    assert report.running == 1
    system.settle()
    assert system.result(KEY)


def test_a_document_that_changed_without_an_event_is_lost():
    """A record of an older version does not count for the new one."""
    system = at_rest()
    system.upload(KEY, "other text")
    system.world.later(OLD_S)
    assert kinds(audit(system)) == [Kind.LOST]
    assert repair(system).balances


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (lambda bucket, location: bucket.remove(location.result_key("md")), Kind.RECORD_WITHOUT_RESULT),
        (lambda bucket, location: bucket.upload(location.result_key("md"), "mine"), Kind.RESULT_CHANGED),
        (lambda bucket, _: bucket.upload("results/stray.txt.md", "mine"), Kind.RESULT_WITHOUT_RECORD),
        (lambda bucket, _: bucket.upload("failed/b.txt.error.json", "{}"), Kind.UNREADABLE),
        (
            lambda bucket, location: bucket.upload("results/b.txt.run.json", bucket.body(location.run_record_key)),
            Kind.UNREADABLE,
        ),
    ],
)
def test_results_and_records_must_match(wrong, kind):
    """Results and records that somebody removed, changed, added or edited are found."""
    system = at_rest()
    wrong(system.bucket, output_location(KEY))
    report = audit(system)
    assert kinds(report) == [kind]
    assert report.done == 1
    assert not report.balances


def test_a_result_whose_record_is_gone_leaves_its_document_lost():
    """Both are reported, and the sweep runs the document again, since only a run record proves that a text is whole."""
    system = at_rest()
    system.bucket.remove(output_location(KEY).run_record_key)
    assert sorted(kinds(audit(system))) == [Kind.LOST, Kind.RESULT_WITHOUT_RECORD]
    repair(system)
    system.settle()
    system.world.later(OLD_S)
    assert audit(system).balances


def test_an_error_record_beside_a_later_result_is_found():
    """A crash can leave both if the message that would have cleared up is purged."""
    system = System()
    system.generator.plan(Plan(text=""), times=3)
    system.process(KEY, "text")
    error = system.error_record(KEY)
    system.world.later(5)
    system.process(KEY, "text")
    system.bucket.upload(output_location(KEY).error_record_key, json.dumps(error))
    edit(system, output_location(KEY).error_record_key, run=1)
    edit(system, output_location(KEY).run_record_key, run=2)
    system.world.later(OLD_S)
    report = audit(system)
    assert kinds(report) == [Kind.ERROR_BESIDE_RESULT]
    assert report.done == 1


def test_an_open_record_of_a_run_that_is_over_is_a_leftover():
    """After a day the repair sends it a new message, and whoever handles that removes the record."""
    system = System()
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    (key,) = system.bucket.keys("ledger/open/")
    record = system.bucket.body(key)
    system.settle()
    system.bucket.upload(key, record)
    system.pending.messages.clear()
    system.world.later(DAY_S + 1)
    assert {Kind.LEFTOVER, Kind.MESSAGES_MISSING} <= set(kinds(audit(system)))
    repair(system)
    system.settle()
    assert audit(system).balances


def test_a_silent_record_and_missing_messages_are_found_and_woken():
    """A purged queue shows at once in the number of messages, and after a day in the record's silence."""
    system = under_way()
    system.pending.messages.clear()
    report = audit(system)
    assert kinds(report) == [Kind.MESSAGES_MISSING]
    assert (report.open_records, report.messages) == (1, 0)
    system.world.later(DAY_S)
    assert set(kinds(audit(system))) == {Kind.SILENT, Kind.MESSAGES_MISSING}
    assert repair(system).balances


def test_reservations_and_open_records_must_match():
    """The second sweep in a row releases a reservation without a record; a missing reservation is named."""
    system = under_way()
    state = system.bucket.json("ledger/governor.json")
    kept = state["reserved"]
    system.bucket.upload("ledger/governor.json", json.dumps(state | {"reserved": {}}))
    assert kinds(audit(system)) == [Kind.NOT_RESERVED]
    others = {"0" * 32 + ".1": {"model": "m"}}
    system.bucket.upload("ledger/governor.json", json.dumps(state | {"reserved": kept | others}))
    assert kinds(audit(system)) == [Kind.RESERVED_FOR_NOTHING]
    repair(system)
    assert repair(system).balances


def test_lines_that_the_journal_lacks_are_rebuilt():
    """Lines that a tick left out when it died are rebuilt, whether the run was done, failed or superseded."""
    system = System()
    for number in range(3):
        system.process(f"inbox/{number}.txt", f"text {number}")
    system.process("inbox/nosuch/a.txt", "text")
    system.generator.default = Plan(runs_s=100)
    system.upload("inbox/s.txt", "one")
    system.run(system.submit("inbox/s.txt"))
    system.process("inbox/s.txt", "two")
    assert system.bucket.keys("ledger/superseded/")
    system.world.later(OLD_S)
    assert audit(system).balances
    written = lines(system)
    for key in system.bucket.keys("ledger/journal/")[1:]:
        system.bucket.remove(key)
    report = audit(system)
    assert len(report.findings) == len(written) - 1
    assert set(kinds(report)) == {Kind.JOURNAL_LINE_MISSING}
    assert repair(system).balances
    assert lines(system) == written


def lines(system):
    """All lines of the journal."""
    bodies = (system.bucket.body(key) for key in system.bucket.keys("ledger/journal/"))
    return sorted((json.loads(line) for body in bodies for line in body.splitlines()), key=str)


def test_without_a_journal_no_line_is_missed():
    """A bucket that is older than the journal has none, and that is not a finding."""
    system = at_rest()
    for key in system.bucket.keys("ledger/journal/"):
        system.bucket.remove(key)
    assert audit(system).balances


def test_the_audit_of_a_large_bucket_makes_few_calls_at_once_and_reports_progress():
    """Concurrency is bounded, each record is read once, and progress is reported."""
    system = at_rest()
    record = system.run_record(KEY)
    for number in range(1500):
        key = f"inbox/{number}.txt"
        system.upload(key, "text")
        name = output_location(key).result_key("md")
        etag = system.upload(name, "result")
        changes = {"source": record["source"] | {"key": key}, "result_key": name, "result_etag": etag, "run": 1}
        system.bucket.upload(
            output_location(key).run_record_key, json.dumps(record | changes | {"job_id": f"{number:032}"})
        )
    for key in system.bucket.keys("ledger/journal/"):
        system.bucket.remove(key)
    at_once = most = 0
    progress_seen = []

    async def hook(effect, moment):
        nonlocal at_once, most
        if effect.name == "bucket.get":
            at_once += 1 if moment == "before" else -1
            most = max(most, at_once)
        await asyncio.sleep(0.01 if effect.name == "bucket.get" and moment == "before" else 0)

    system.world.hook = hook
    before = len(system.world.effects)
    system.world.later(OLD_S)
    report = system.run(auditor(system, progress=lambda what, count: progress_seen.append((what, count))).audit())
    assert report.balances
    assert report.done == 1501
    assert 16 <= most <= 32
    assert len(system.world.effects) - before < 1501 + 30
    assert ("results", 1000) in progress_seen
    assert ("inbox", 1501) in progress_seen
