"""Status and audit are right at every moment, and documents too young to judge are counted separately."""

import asyncio
from collections import Counter

import pytest

from backburner.maintenance.findings import Kind
from backburner.maintenance.overview import OverviewReader
from life.test_audit import audit, auditor
from support.depth import depth
from support.fakes import DEAD, Killed, Plan
from support.system import System

OLD_S = 1000
STATES = ("waiting", "running", "done", "failed", "unclaimed")


def look(system):
    """The counts above zero, whose sum must be the number of documents."""
    found = system.run(OverviewReader(bucket=system.bucket, sweeper=system.parts().tick.sweeper).read())
    counts = {name: getattr(found, name) for name in STATES if getattr(found, name)}
    assert sum(counts.values()) == found.documents
    return counts, found


def test_every_document_is_counted_once_in_its_state():
    """Done, failed, running, waiting, and unclaimed documents both young and old are counted."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    for number in range(3):
        system.process(f"inbox/{number}.txt", f"text {number}")
    system.process("inbox/nosuch/a.txt", "text")
    system.upload("inbox/old.txt", "an event that was lost")
    system.world.later(OLD_S)
    system.upload("inbox/young.txt", "text")
    system.upload("inbox/folder/", "")
    system.generator.default = Plan(runs_s=1e6)
    for number in range(3):
        system.upload(f"inbox/late {number}.txt", f"late {number}")
        system.run(system.submit(f"inbox/late {number}.txt"))
    counts, found = look(system)
    assert counts == {"done": 3, "failed": 1, "running": 2, "waiting": 1, "unclaimed": 2}
    assert (found.young, found.documents) == (1, 9)
    assert found.waiting_for == Counter({"capacity": 1})


def test_a_changed_document_has_the_state_of_its_current_version():
    """A result of an older version does not count for the new one; a failure after a result does."""
    system = System()
    system.process("inbox/a.txt", "text")
    system.process("inbox/b.txt", "text")
    system.world.later(5)
    system.upload("inbox/a.txt", "another")
    system.process("inbox/b.txt", "")
    assert look(system)[0] == {"unclaimed": 1, "failed": 1}


def test_a_document_in_parts_counts_once_and_its_parts_as_open_records():
    """Parts are jobs but not documents."""
    system = System()
    system.upload("recipes/parts.md", "---\nsplit: {max_input_tokens: 20}\n---\nDo it.")
    system.upload("inbox/parts/a.txt", " ".join(f"word{number}" for number in range(40)))
    system.generator.default = Plan(runs_s=1e6)
    system.run(system.submit("inbox/parts/a.txt"))
    for _ in range(3):
        system.run(system.tick())
        system.world.later(60)
    counts, found = look(system)
    assert counts == {"running": 1}
    assert sum(found.open.values()) > 3


def test_names_whose_order_changes_with_their_suffix_are_found(monkeypatch):
    """Results are listed page by page, and one name may be the beginning of another."""
    monkeypatch.setattr("backburner.ledger.inbox_pages.PAGE", 2)
    system = System()
    keys = [
        "inbox/a",
        "inbox/a.run",
        "inbox/a.run.json",
        "inbox/a!",
        "inbox/a~",
        "inbox/aa",
        "inbox/é",
        "inbox/\U0001f5c4",
    ]
    for key in keys:
        system.process(key, f"text of {key}")
    assert look(system)[0] == {"done": len(keys)}


def test_the_sum_is_right_while_work_continues():
    """Whatever is claimed or ends between two reads, each document is counted once."""
    system = System()
    system.generator.default = Plan(runs_s=3.0)
    keys = [f"inbox/{number}.txt" for number in range(30)]
    for key in keys:
        system.upload(key, key)

    async def hook(*_):
        await asyncio.sleep(0.01)

    system.world.hook = hook

    async def life():
        await asyncio.gather(*map(system.submit, keys))
        for _ in range(2):
            await system.tick()

    async def looks():
        work = asyncio.create_task(life())
        overseer = OverviewReader(bucket=system.bucket, sweeper=system.parts().tick.sweeper)
        seen = []
        while not work.done():
            seen.append(await overseer.read())
            await asyncio.sleep(0.1)
        return seen

    seen = system.run(looks())
    assert len(seen) > 10
    for found in seen:
        assert sum(getattr(found, name) for name in STATES) == found.documents == 30
        assert found.unreadable == {}
    assert seen[-1].unclaimed == 0


def test_an_audit_counts_young_documents_by_their_state():
    """Documents of the last minutes have a state too."""
    system = System()
    for number in range(4):
        system.process(f"inbox/{number}.txt", f"text {number}")
    system.process("inbox/nosuch/a.txt", "text")
    system.upload("inbox/b.txt", "text")
    report = audit(system)
    assert (report.objects, report.young, report.balances) == (0, 6, True)
    assert report.young_states == {"waiting": 0, "running": 0, "done": 4, "failed": 1, "unclaimed": 1}


@pytest.mark.parametrize("seed", range(depth(1, 3)))
def test_an_audit_under_load_reports_no_false_findings(seed):
    """With retries, settlements and claims between its reads, it reports no reservation missing or left over."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "6"})
    system.generator.default = Plan(runs_s=0.5)
    keys = [f"inbox/{number}.txt" for number in range(24)]
    for number, key in enumerate(keys):
        system.upload(key, key)
        if number % 3 == 0:  # goes back to waiting and is reserved again
            system.generator.plan(Plan(text="", runs_s=0.5), document=key, times=2)
    turn = seed

    async def hook(*_):
        nonlocal turn
        turn += 1
        await asyncio.sleep((0.2, 0.0, 0.05, 0.3, 0.01)[turn % 5])

    system.world.hook = hook

    async def life():
        await asyncio.gather(*map(system.submit, keys))
        for _ in range(3):
            await asyncio.gather(system.tick(), system.tick())

    async def audits():
        work = asyncio.create_task(life())
        reports = []
        while not work.done():
            reports.append(await auditor(system).audit())
        return reports

    reports = system.run(audits())
    assert len(reports) > 3
    assert [finding for report in reports for finding in report.findings] == []


def test_a_run_settled_but_not_closed_is_not_a_finding():
    """Its owner died between the two effects, and the guard removes its open record."""
    system = System()
    system.upload("inbox/a.txt", "text")
    system.run(system.submit("inbox/a.txt"))
    system.world.later(60)

    async def kill(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "bucket.delete" and effect.key.startswith("ledger/open/") and moment == "before":
            raise Killed

    system.world.hook = kill
    assert system.run(system.tick()) is DEAD
    assert system.bucket.keys("ledger/open/")
    assert system.bucket.json("ledger/governor.json")["reserved"] == {}
    assert [finding.kind for finding in audit(system).findings] == []


def test_a_missing_reservation_is_still_found():
    """The tolerance for concurrent work hides no real fault."""
    system = System()
    system.generator.default = Plan(runs_s=1e6)
    system.upload("inbox/a.txt", "text")
    system.run(system.submit("inbox/a.txt"))
    system.bucket.upload("ledger/governor.json", "{}")
    assert [finding.kind for finding in audit(system).findings] == [Kind.NOT_RESERVED]
