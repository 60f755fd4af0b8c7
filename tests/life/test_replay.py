"""A replay opens one more run and no more, whoever requests it and however often."""

import asyncio

import pytest

from backburner.jobs.replay import Outcome
from backburner.ledger.messages import Message, new_ticket
from support.depth import thinned
from support.fakes import Plan
from support.system import System

KEY = "inbox/summary/a.txt"


def failed(attempts=3):
    """A system whose one document has failed after empty answers in every attempt."""
    system = System()
    system.upload("recipes/summary.md", "Do it.")
    system.generator.plan(Plan(text=""), times=attempts)
    system.process(KEY, "text")
    assert system.error_record(KEY)["reason"] == "empty_output"
    return system


def replayer(system):
    """The replayer, as the operator's command builds it."""
    return system.parts().replayer


def replay(system, key=KEY, **options):
    """Replay once."""
    return system.run(replayer(system).replay(key, **options))


def test_a_failed_document_runs_again():
    """It becomes the next run of the same job, and its result removes the error record."""
    system = failed()
    assert replay(system) is Outcome.REPLAYED
    system.settle()
    assert system.run_record(KEY)["run"] == 2
    assert system.run_record(KEY)["job_id"] == system.job(KEY)
    assert len(system.generator.made) == 4
    assert system.problems() == []


def test_five_replays_at_once_make_one_run():
    """Five messages are sent for the same run, and four of them are void."""
    system = failed()

    async def all_at_once():
        return await asyncio.gather(*(replayer(system).replay(KEY) for _ in range(5)))

    assert set(system.run(all_at_once())) == {Outcome.REPLAYED}
    assert len(system.pending.messages) == 5
    system.settle()
    assert len(system.generator.made) == 4
    assert system.run_record(KEY)["run"] == 2
    assert system.problems() == []


def test_a_replay_of_a_run_already_replayed_changes_nothing():
    """An open run is left alone and a late message deleted; once the run is done, nothing is sent."""
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
    """Replay a failed document twice, with a death at one effect of the first or second replay."""
    system = failed()
    if number is not None:
        system.world.kill_at(number, moment)
    for _ in range(2):
        system.run(system.world.process(replayer(system).replay(KEY), "replay"))
    system.settle()
    return system


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_effect_of_a_replay_makes_no_second_run(moment):
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
    """The failed job is not current any more, so the new one's first run starts, not the old one's next."""
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
    """Its outcome is `source_missing`, and no message is sent."""
    system = failed()
    system.bucket.remove(KEY)
    assert replay(system) is Outcome.SOURCE_MISSING
    assert not system.pending.messages


def test_an_upload_without_any_record_is_started():
    """Its event was lost, and the replay does not wait for the sweep."""
    system = System()
    system.upload("inbox/a.txt", "text")
    assert replay(system, "inbox/a.txt") is Outcome.REPLAYED
    system.settle()
    assert system.result("inbox/a.txt")


def test_a_plan_sends_nothing():
    """A dry run shows what a replay would do."""
    system = failed()
    assert system.run(replayer(system).plan(KEY)).outcome is Outcome.REPLAYED
    assert not system.pending.messages


def test_a_failure_after_a_replay_can_be_replayed_again():
    """Each replay of a failure opens the next run."""
    system = failed(attempts=6)
    replay(system)
    system.settle()
    assert system.error_record(KEY)["run"] == 2
    assert replay(system) is Outcome.REPLAYED
    system.settle()
    assert system.run_record(KEY)["run"] == 3
    assert system.problems() == []
