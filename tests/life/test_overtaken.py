"""Runs of one job that meet: whichever of them ends without a result, its generations are named and booked."""

import asyncio
from typing import Any

import pytest

from backburner.capacity.limits import Totals
from backburner.provider.answers import FailedCall, Generation, Usage
from life.test_massive import KEY as LONG
from life.test_massive import TEXT, recipe
from support.fakes import Effect, Moment, Plan
from support.system import System

KEY = "inbox/contract.txt"
OPEN, SUPERSEDED, GOVERNOR = "ledger/open/", "ledger/superseded/", "ledger/governor.json"
USED = Usage(input_tokens=11, output_tokens=7, total_tokens=18)
FILTERED = Generation(id="", status="incomplete", incomplete_reason="content_filter", usage=USED)
BROKEN = Generation(id="", status="failed", error_code="server_error", usage=USED)
FAILS, SLOW = Plan(ending=FILTERED), Plan(runs_s=3000.0)
OLDER = {
    "done": (SLOW,),
    "failed": (Plan(runs_s=3000.0, ending=FILTERED),),
    "failed once": (Plan(runs_s=3000.0, ending=BROKEN),),
    "not known to have started": (Plan(create=FailedCall(status=500), starts=True), SLOW),
}


def _open_twice(system: System, key: str, text: str) -> None:
    """Open run 1 of a job once more while its run 2 is open. Its run 1 has failed before.

    The document is replaced, and put back just before its error record is cleared up. The event that comes before that
    opens run 2. After that nothing is left of the first run, so the same event, delivered once more, opens run 1.
    """
    is_put_back = asyncio.Event()

    async def hook(effect: Effect, moment: Moment) -> None:
        await asyncio.sleep(0)
        is_cleared_up = (effect.name, moment) == ("bucket.delete", "before") and effect.key.endswith(".error.json")
        if is_cleared_up and effect.key.startswith("failed/") and not is_put_back.is_set():
            is_put_back.set()
            system.upload(key, text)
            await system.submit(key)

    system.world.hook = hook
    system.upload(key, "another")
    system.run(system.submit(key))
    for _ in range(60):
        if not is_put_back.is_set():
            system.world.later(60)
            system.run(system.tick())
    system.run(system.submit(key))
    runs = [f"{OPEN}{system.job(key)}.{run}.json" for run in (1, 2)]
    assert set(runs) <= set(system.bucket.keys(OPEN))


def _ended(system: System) -> list[dict[str, Any]]:
    """The records of all runs that are over, apart from those that others have replaced."""
    keys = [key for key in system.bucket.keys("") if key.endswith((".run.json", ".error.json"))]
    return [system.bucket.json(key) for key in keys + system.bucket.keys(SUPERSEDED)]


def _responses(records: list[dict[str, Any]]) -> set[str]:
    """The ids of all generations that they name."""
    named = {response["id"] for record in records for response in record["responses"]}
    return named | {name for record in records for end in record.get("parts") or () for name in end["responses"]}


@pytest.mark.parametrize("older", OLDER.values(), ids=OLDER)
@pytest.mark.parametrize("later", [Plan(), FAILS], ids=["later done", "later failed"])
def test_a_run_that_a_later_one_overtakes_is_superseded(later: Plan, older: tuple[Plan, ...]) -> None:
    """The record at the output location is the later run's, and names only what that one has generated."""
    system = System()
    for plan in (FAILS, later, *older):
        system.generator.plan(plan, document="first")
    system.process(KEY, "first")
    _open_twice(system, KEY, "first")
    before = system.bucket.json(GOVERNOR)["tokens"]
    system.settle(max_ticks=200)
    ours = {record["run"]: record for record in _ended(system) if record["job_id"] == system.job(KEY)}
    assert ours[1]["state"] == "superseded"
    assert ours[2]["state"] == ("failed" if later is FAILS else "done")
    _, *made = [made.id for made in system.generator.made.values() if made.request["input"] == "first"]
    unnamed = set(made) - _responses(list(ours.values()))
    assert len(unnamed) == sum(record["suspected_orphans"] for record in ours.values()) == len(older) - 1
    used = sum(record["usage"]["total_tokens"] for record in ours.values())
    assert system.bucket.json(GOVERNOR)["tokens"] - before == used
    assert (system.held(), system.problems()) == (Totals(), [])


@pytest.mark.parametrize("ending", [None, FILTERED], ids=["later done", "later failed"])
def test_so_is_a_run_in_parts(ending: Generation | None) -> None:
    """Its parts are stopped first, and their ends are read. The later run's parts are kept if a replay needs them."""
    system = System()
    system.bucket.upload("recipes/long.md", recipe())
    system.generator.plan(FAILS)
    system.process(LONG, TEXT)
    for key in system.bucket.keys("ledger/work/"):  # otherwise both runs would work on the same parts
        del system.bucket.objects[key]
    system.generator.plan(Plan())  # of the document that replaces it
    system.generator.plan(Plan(runs_s=400.0, ending=ending), times=5)
    system.generator.plan(Plan(runs_s=100.0), times=2)
    system.generator.plan(SLOW, times=3)
    _open_twice(system, LONG, TEXT)
    before = system.bucket.json(GOVERNOR)["tokens"]
    system.settle(max_ticks=200)
    records = _ended(system)
    ours = {record["run"]: record for record in records if record["source"]["key"] == LONG}
    assert (ours[1]["state"], ours[2]["state"]) == ("superseded", "failed" if ending else "done")
    assert set(list(system.generator.made)[6:]) <= _responses(records)
    assert len(ours[1]["parts"]) == 5
    used = sum(record["usage"]["total_tokens"] for record in ours.values())
    assert system.bucket.json(GOVERNOR)["tokens"] - before == used
    assert bool(system.bucket.keys("ledger/work/")) == bool(ending)
    assert (system.held(), system.problems()) == (Totals(), [])


def test_a_run_that_is_superseded_twice_names_both_generations() -> None:
    """Its first superseded record is still there when the job is run under the same numbers again."""
    system = System()
    used = 0
    for replacement in ("second", "third"):
        for plan in (FAILS, SLOW):
            system.generator.plan(plan, document="first")
        system.process(KEY, "first")
        assert system.error_record(KEY)["run"] == 1
        system.world.later(60)
        system.upload(KEY, "first")
        system.run(system.submit(KEY))
        assert system.bucket.keys(OPEN) == [f"{OPEN}{system.job(KEY)}.2.json"]
        name = f"{SUPERSEDED}{system.job(KEY)}.2.json"
        system.process(KEY, replacement)
        used += USED.total_tokens + system.run_record(KEY)["usage"]["total_tokens"]
    record = system.bucket.json(name)
    assert [response["id"] for response in record["responses"]] == ["resp_2", "resp_5"]
    assert system.bucket.json(GOVERNOR)["tokens"] - used == record["usage"]["total_tokens"] == 2 * 22
    assert (system.held(), system.problems()) == (Totals(), [])
