"""Replay: one more run and no more, whoever asks and however often."""

import asyncio

import pytest

from backburner.jobs.replay import Outcome
from backburner.ledger.messages import Message, new_ticket
from support.depth import thinned
from support.fakes import Plan
from support.system import System

KEY = "inbox/summary/a.txt"


def failed(attempts=3):
    """A system whose one document failed, each of its attempts with an empty answer."""
    system = System()
    system.upload("recipes/summary.md", "Do it.")
    system.generator.plan(Plan(text=""), times=attempts)
    system.process(KEY, "text")
    assert system.error_record(KEY)["reason"] == "empty_output"
    return system


def replayer(system):
    """What the operator's command has in hand."""
    return system.parts().replayer


def replay(system, key=KEY, **options):
    """One replay."""
    return system.run(replayer(system).replay(key, **options))


def test_a_failed_document_runs_again():
    """The next run of the same job; its result takes the error record away."""
    system = failed()
    assert replay(system) is Outcome.REPLAYED
    system.settle()
    assert system.run_record(KEY)["run"] == 2
    assert system.run_record(KEY)["job_id"] == system.job(KEY)
    assert len(system.generator.made) == 4
    assert system.problems() == []


def test_five_replays_at_once_make_one_run():
    """Five messages for the same run: four are void."""
    system = failed()

    async def all_at_once():
        return await asyncio.gather(*(replayer(system).replay(KEY) for _ in range(5)))

    assert set(system.run(all_at_once())) == {Outcome.REPLAYED}
    assert len(system.pending.messages) == 5
    system.settle()
    assert len(system.generator.made) == 4
    assert system.run_record(KEY)["run"] == 2
    assert system.problems() == []


def test_a_replay_after_the_checker_took_the_first_is_void_or_not_sent():
    """Open: left alone, and what was sent before is deleted. Over: done, nothing sent."""
    system = failed()
    late = Message(job=system.job(KEY), run=2, key=KEY, ticket=new_ticket()).encode()
    replay(system)
    system.generator.default = Plan(runs_s=100)
    system.run(system.tick())
    assert replay(system) is Outcome.RUNNING
    system.run(system.pending.send(late, 0))
    system.settle()
    system.run(system.pending.send(late, 0))
    system.settle()
    assert replay(system) is Outcome.DONE
    assert len(system.generator.made) == 4
    assert system.problems() == []


def replayed_twice(number=None, moment="before"):
    """A failed document that is replayed by an operator who does it again in any case, with a death at one effect."""
    system = failed()
    if number is not None:
        system.world.kill_at(number, moment)
    for _ in range(2):
        system.run(system.world.process(replayer(system).replay(KEY), "replay"))
    system.settle()
    return system


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_anywhere_on_the_way_makes_no_second_run(moment):
    """The operator replays again whenever in doubt."""
    first, last = len(failed().world.effects), len(replayed_twice().world.effects)
    assert last - first > 20
    for number in thinned(range(first, last), one_in=15):
        system = replayed_twice(number, moment)
        assert system.run_record(KEY)["run"] == 2, number
        orphans = system.run_record(KEY)["suspected_orphans"]
        assert len(system.generator.made) - 4 <= orphans <= 1, number
        assert system.problems() == [], number


def test_what_is_done_runs_again_only_on_request():
    """A rerun keeps the old result until the new one is written."""
    system = System()
    system.upload("recipes/summary.md", "Do it.")
    system.process(KEY, "text")
    assert replay(system) is Outcome.DONE
    assert not system.pending.messages
    assert replay(system, rerun=True) is Outcome.REPLAYED
    system.settle()
    assert system.run_record(KEY)["run"] == 2
    assert system.problems() == []


@pytest.mark.parametrize("change", ["bytes", "recipe", "model"])
def test_what_changed_since_the_failure_runs_as_the_new_job(change):
    """The error record names a job that is not current any more: its first run, not the next of the old."""
    system = failed()
    before = system.error_record(KEY)["job_id"]
    if change == "bytes":
        system.upload(KEY, "other text")
    if change == "recipe":
        system.upload("recipes/summary.md", "Do it well.")
    if change == "model":
        system.settings = System({"BACKBURNER_MODEL": "model-2"}).settings
    assert replay(system) is Outcome.NEW_VERSION
    assert replay(system) is Outcome.NEW_VERSION
    system.settle()
    assert system.run_record(KEY)["run"] == 1
    assert system.run_record(KEY)["job_id"] == system.job(KEY) != before
    assert len(system.generator.made) == 4
    assert system.problems() == []


def test_a_document_that_is_gone_is_not_replayed():
    """There is nothing to run."""
    system = failed()
    system.bucket.remove(KEY)
    assert replay(system) is Outcome.SOURCE_MISSING
    assert not system.pending.messages


def test_an_upload_without_any_record_is_started():
    """Its event was lost: a replay does not wait for the sweep."""
    system = System()
    system.upload("inbox/a.txt", "text")
    assert replay(system, "inbox/a.txt") is Outcome.REPLAYED
    system.settle()
    assert system.result("inbox/a.txt")


def test_a_plan_sends_nothing():
    """What a dry run shows is what a replay does."""
    system = failed()
    assert system.run(replayer(system).plan(KEY)).outcome is Outcome.REPLAYED
    assert not system.pending.messages


def test_a_failure_after_a_replay_can_be_replayed_again():
    """Each failure opens the next run."""
    system = failed(attempts=6)
    replay(system)
    system.settle()
    assert system.error_record(KEY)["run"] == 2
    assert replay(system) is Outcome.REPLAYED
    system.settle()
    assert system.run_record(KEY)["run"] == 3
    assert system.problems() == []
