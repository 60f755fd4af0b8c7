"""Flow control: how many generations are open, how fast they start, what a day may cost, and what a pause does."""

import asyncio
from operator import itemgetter

import msgspec
import pytest

from backburner.provider.answers import FailedCall, Generation, Usage
from support.depth import thinned
from support.fakes import Plan, kind_of
from support.system import System

DAY_S = 86_400


def governor(system):
    """The governor's current state."""
    return system.bucket.json("ledger/governor.json")


def upload_all(system, count, text="a document"):
    """Upload documents and deliver all their events at once."""
    keys = [f"inbox/{number}.txt" for number in range(count)]
    for key in keys:
        system.upload(key, f"{text} {key}")

    async def events():
        await asyncio.gather(*(system.submit(key) for key in keys))

    system.run(events())
    return keys


@pytest.mark.parametrize("runs_s", [1.0, 45.0, 200.0])
def test_never_more_open_than_allowed_and_all_finish(runs_s):
    """With thirty uploads at once and five slots, the provider never sees a sixth open generation."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "5"})
    system.generator.default = Plan(runs_s=runs_s)
    most = 0

    async def hook(*_):
        nonlocal most
        await asyncio.sleep(0)
        most = max(most, len(system.generator.open))

    system.world.hook = hook
    keys = upload_all(system, 30)
    system.settle(max_ticks=200)
    assert most <= 5
    assert all(system.result(key) for key in keys)
    assert len(system.generator.made) == 30
    assert system.problems() == []


def test_no_more_are_started_in_a_minute_than_allowed():
    """Whatever exceeds the rate waits for the next minute."""
    system = System({"BACKBURNER_SUBMITS_PER_MINUTE": "7"})
    keys = upload_all(system, 30)
    system.settle()
    minutes = [int(made.created_s // 60) for made in system.generator.made.values()]
    assert max(minutes.count(minute) for minute in minutes) <= 7
    assert all(system.result(key) for key in keys)


def test_a_new_upload_queues_behind_waiting_jobs():
    """It does not overtake the backlog."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    upload_all(system, 6)
    system.upload("inbox/late.txt", "late")
    system.generator.default = Plan(runs_s=1.0)
    system.world.later(3)
    system.run(system.submit("inbox/late.txt"))
    assert [made.request["input"] for made in system.generator.made.values()].count("late") == 0
    system.settle()
    assert system.result("inbox/late.txt")


def test_a_daily_budget_of_tokens_is_kept_and_the_rest_continues_tomorrow():
    """Tokens are reserved before and booked after; what does not fit today waits for tomorrow."""
    system = System({"BACKBURNER_DAILY_TOKENS": "9000"})
    usage = Usage(input_tokens=100, output_tokens=4000, total_tokens=4100)
    system.generator.default = Plan(ending=Generation(id="", status="completed", text="long", usage=usage))
    keys = upload_all(system, 4)
    for _ in range(30):
        system.run(system.tick())
        system.world.later(60)
    done = [key for key in keys if f"results/{key[6:]}.run.json" in system.bucket.objects]
    assert 2 <= len(done) < 4
    waiting = [system.bucket.json(key) for key in system.bucket.keys("ledger/open/")]
    assert {record["waiting_for"] for record in waiting} == {"budget"}
    assert governor(system)["tokens"] <= 9000
    system.world.later(DAY_S)
    system.settle(max_ticks=1500)
    assert all(system.result(key) for key in keys)


def test_a_document_over_a_whole_days_budget_fails_at_once():
    """It would otherwise wait for ever."""
    system = System({"BACKBURNER_DAILY_TOKENS": "5000"})
    system.process("inbox/a.txt", "word " * 4000)
    assert system.error_record("inbox/a.txt")["reason"] == "over_budget"
    assert system.generator.requests == []


def test_a_cost_budget_needs_a_price():
    """Without a price, a cost budget cannot be kept."""
    system = System({"BACKBURNER_DAILY_COST": "1.5"})
    system.process("inbox/a.txt", "text")
    assert system.error_record("inbox/a.txt")["reason"] == "invalid_recipe"
    system.upload("recipes/default.md", "---\nprice: {input: 1000, output: 100}\n---\nDo it.")
    system.process("inbox/a.txt", "text")
    assert system.run_record("inbox/a.txt")["cost"] == governor(system)["cost"] > 0


@pytest.mark.parametrize("trouble", [FailedCall(status=401), FailedCall(status=429, code="insufficient_quota")])
def test_a_provider_that_refuses_everybody_is_probed_once_a_minute(trouble):
    """Nothing fails, one create a minute goes out, the pause says why, and work resumes by itself."""
    system = System()
    system.generator.default = Plan(create=trouble)
    keys = upload_all(system, 1) + upload_all(system, 20)
    asked = len(system.generator.requests)
    for _ in range(10):
        system.run(system.tick())
        system.world.later(60)
    assert len(system.generator.requests) - asked <= 11
    assert governor(system)["pauses"]["*"]["why"]
    assert not system.bucket.keys("failed/")
    system.generator.default = Plan()
    system.settle(max_ticks=100)
    assert governor(system)["pauses"] == {}
    assert all(system.result(key) for key in keys)
    assert len(system.generator.made) == 20


def test_a_forbidden_model_pauses_only_itself():
    """A 403 pauses that model only, and the others continue."""
    system = System()
    system.upload("recipes/dear.md", "---\nmodel: dear\n---\nDo it.")
    system.upload("inbox/dear/a.txt", "dear")
    system.generator.plan(Plan(create=FailedCall(status=403)), document="dear", times=3)
    system.run(system.submit("inbox/dear/a.txt"))
    assert list(governor(system)["pauses"]) == ["dear"]
    system.upload("inbox/b.txt", "cheap")
    system.run(system.submit("inbox/b.txt"))
    assert [request["input"] for request in system.generator.requests] == ["dear", "cheap"]
    system.settle(max_ticks=100)
    assert system.bucket.body("results/dear/a.txt.md")
    assert governor(system)["pauses"] == {}


def test_five_failed_creates_in_a_row_pause_the_provider():
    """Then one probe a minute goes out, each time for another job, until one succeeds."""
    system = System({"BACKBURNER_MAX_ATTEMPTS": "3"})
    system.generator.default = Plan(create=FailedCall(status=500, message="down"))
    keys = upload_all(system, 40)
    for _ in range(6):
        system.run(system.tick())
        system.world.later(60)
    assert "5" in governor(system)["pauses"]["*"]["why"] or governor(system)["bad_creates"] >= 5
    before = len(system.generator.requests)
    probed = []
    for _ in range(8):
        system.run(system.tick())
        system.world.later(60)
        probed += [request["input"] for request in system.generator.requests[before:]]
        assert len(system.generator.requests) - before <= 1
        before = len(system.generator.requests)
    assert len(set(probed)) == len(probed) >= 6
    system.generator.default = Plan()
    system.settle(max_ticks=300)
    ended = [key for key in keys if f"results/{key[6:]}.run.json" in system.bucket.objects]
    assert len(ended) >= 30
    assert system.problems() == []


def test_settling_twice_books_once():
    """A crash after the settlement does not book the run again."""

    def lived(number=None):
        system = System()
        system.upload("inbox/a.txt", "text")
        system.world.kill_at(number, "after")
        system.run(system.submit("inbox/a.txt"))
        system.run(system.submit("inbox/a.txt"))
        system.settle()
        return system

    effects = [(effect.number, kind_of(effect), effect.key) for effect in lived().world.effects]
    settlements = [each for each in effects if each[1:] == ("bucket.put", "ledger/governor.json")]
    assert len(settlements) > 1
    for number, *_ in dict.fromkeys([*settlements, *thinned(effects, one_in=8, kind=itemgetter(1))]):
        system = lived(number)
        assert governor(system)["tokens"] == system.run_record("inbox/a.txt")["usage"]["total_tokens"], number


def test_the_sweep_releases_what_a_crash_left_reserved():
    """A slot is released only after two sweeps in a row agree."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    system.process("inbox/a.txt", "text")
    state = governor(system)
    state["reserved"]["0" * 32 + ".1"] = {"model": "m"}
    system.bucket.upload("ledger/governor.json", msgspec.json.encode(state))
    system.sweep(1)
    assert governor(system)["reserved"]
    system.sweep(1)
    assert governor(system)["reserved"] == {}


def test_an_upload_whose_event_was_lost_is_found():
    """An object older than fifteen minutes without any record is treated as if its event had just arrived."""
    system = System()
    system.upload("inbox/a.txt", "text")
    system.run(system.tick())
    assert not system.bucket.keys("ledger/open/")
    system.world.later(1000)
    system.sweep(1)
    assert system.result("inbox/a.txt")


def test_a_record_without_a_message_is_woken_after_a_day():
    """The jobs of a purged queue are found again."""
    system = System()
    system.upload("inbox/a.txt", "text")
    system.run(system.submit("inbox/a.txt"))
    system.pending.messages.clear()
    system.world.later(DAY_S + 10)
    system.run(system.tick())
    system.settle()
    assert system.result("inbox/a.txt")
