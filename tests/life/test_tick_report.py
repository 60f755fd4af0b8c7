"""A tick returns its report: what it handled, what it ended and why it stopped, and nothing of the previous tick."""

import asyncio

from backburner.errors import Reason, RetryLaterError
from backburner.ledger.journal import EndedRuns, Line, lines_in
from support.fakes import Plan
from support.system import TICK_S, System

KEYS = ["inbox/a.txt", "inbox/b.txt"]


def submitted() -> System:
    """A system with two documents under way."""
    system = System()
    for key in KEYS:
        system.upload(key, f"text of {key}")
        system.run(system.submit(key))
    system.world.later(60)
    return system


def test_a_report_has_the_runs_that_this_tick_ended_and_no_others() -> None:
    """That holds when one process runs tick after tick, as a function's environment does."""
    system = submitted()
    tick = system.parts().tick
    first = system.run(tick.run(TICK_S))
    assert (first.ended.runs, first.ended.done) == (len(KEYS), len(KEYS))
    assert first.handled >= 2
    assert first.counts == {"handled": first.handled}
    second = system.run(tick.run(TICK_S))
    assert (second.ended, second.left, second.stopped_by, second.is_cut_short) == (EndedRuns(), 0, None, False)
    assert len(system.bucket.keys("ledger/journal/")) == 1


def test_totals_are_those_of_the_journal() -> None:
    """Metrics are made from them: what ended how, tokens, cost, and how late the last result was."""
    system = submitted()
    system.upload("recipes/unsuited.md", "---\nno-such-key: 1\n---\n")
    system.upload("inbox/unsuited/c.txt", "text")
    parts = system.parts()
    system.run(parts.submitter.submit("inbox/unsuited/c.txt"))
    ended = system.run(parts.tick.run(TICK_S)).ended
    (journal,) = system.bucket.keys("ledger/journal/")
    lines = list(lines_in(system.bucket.body(journal).encode(), Line))
    assert (ended.done, ended.failed, ended.superseded) == (2, {Reason.INVALID_RECIPE: 1}, 0)
    assert ended.usage.total_tokens == sum(line.usage.total_tokens for line in lines) > 0
    assert ended.polls == sum(line.polls for line in lines) > 0
    assert ended.longest_lag_s == max(line.result_lag_s or 0.0 for line in lines) > 0


def test_what_has_ended_is_in_the_journal_at_the_next_pause_of_a_tick() -> None:
    """It is not left to the end of the tick, so whoever waited for a document can list it at once."""
    system, written = System(), []
    system.upload(KEYS[0], "a document")
    system.run(system.submit(KEYS[0]))
    system.world.later(40)
    system.generator.plan(Plan(runs_s=12))
    system.upload(KEYS[1], "another, whose generation is due soon")
    system.run(system.submit(KEYS[1]))

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "pending.receive" and moment == "before" and system.bucket.keys("results/"):
            written.append(len(system.bucket.keys("ledger/journal/")))

    system.world.hook = hook
    report = system.run(system.parts().tick.run(TICK_S))
    assert report.ended.runs == 2
    assert written[-1] == 2


def test_a_queue_that_cannot_be_read_stops_a_tick_and_is_reported() -> None:
    """What the tick had ended before that is still in the report."""
    system = submitted()

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name == "pending.receive" and moment == "before" and system.bucket.keys("results/"):
            raise RetryLaterError("the queue refuses")

    system.world.hook = hook
    report = system.run(system.parts().tick.run(TICK_S))
    assert "the queue refuses" in str(report.stopped_by)
    assert report.ended.runs
    assert not report.is_cut_short


def test_a_tick_that_runs_out_of_time_says_so_and_loses_nothing() -> None:
    """What it had received shows again when its visibility ends."""
    system = System()
    system.generator.default = Plan(runs_s=1.0)
    system.process("inbox/before.txt", "text")
    system.upload(KEYS[0], "text of a")
    system.run(system.submit(KEYS[0]))
    system.world.later(60)

    async def slow(effect, moment):
        await asyncio.sleep(100.0 if (effect.name, moment) == ("generator.retrieve", "before") else 0.0)

    system.world.hook = slow
    report = system.run(system.parts().tick.run(TICK_S, system.world.seconds + 20.0))
    assert report.is_cut_short
    assert report.counts == {}

    async def quick(effect, moment):  # noqa: ARG001
        await asyncio.sleep(0)

    system.world.hook = quick
    system.world.later(120)
    system.settle()
    assert system.problems() == []
