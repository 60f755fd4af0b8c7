"""The index behind the page shows what is in the bucket, and reads only what has changed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backburner.errors import Reason, RetryLaterError, UnreadableError
from backburner.ledger.keys import JOURNAL, OPEN
from backburner.ledger.records import State
from backburner_cli.console.figures import added_up, overview
from backburner_cli.console.index import INBOX_EVERY_S, WATCHED_S, WatchedIndex
from backburner_cli.console.rows import Query
from backburner_cli.operator.job import Job
from backburner_cli.operator.job_index import JobIndex
from backburner_cli.operator.kept_entries import KeptEntries
from backburner_cli.operator.listing import Filter
from backburner_cli.operator.selection import Selection
from support.fakes import Plan
from support.system import System
from support.three_documents import A, B, C, three_documents


@pytest.fixture
def system() -> System:
    """One document that is done, one that failed, and one whose generation is running."""
    return three_documents()


def index_of(system: System, kept: KeptEntries | None = None) -> WatchedIndex:
    """An index with the system's clock."""
    return WatchedIndex(JobIndex(bucket=system.bucket, kept=kept), clock=lambda: system.world.now().timestamp())


def states(index: WatchedIndex) -> dict[str, str]:
    """Every job's state, by key."""
    return {job.key: job.shown_state for job in index.snapshot.jobs}


def refreshed(system: System, index: WatchedIndex) -> int:
    """Refresh the index, and return how many objects it read."""
    before = index.reads
    system.run(index.refresh())
    return index.reads - before


def test_every_document_is_in_the_index_once(system: System) -> None:
    """It comes from the journal, from its open record, or only from the inbox."""
    system.upload("inbox/new.txt", "new")
    index = index_of(system)
    assert not index.is_ready
    refreshed(system, index)
    assert index.is_ready
    assert states(index) == {A: "done", B: "failed", C: "running", "inbox/new.txt": "unclaimed"}


def test_only_what_has_changed_is_read_again(system: System) -> None:
    """An open record with another ETag is; a journal object is read once."""
    index = index_of(system)
    assert refreshed(system, index) == len(system.bucket.keys(OPEN)) + len(system.bucket.keys(JOURNAL))
    version = index.snapshot.version
    assert refreshed(system, index) == 0
    assert index.snapshot.version == version
    (key,) = system.bucket.keys(OPEN)
    system.bucket.upload(key, system.bucket.objects[key].body.replace(b'"polls": 0', b'"polls": 1'))
    assert refreshed(system, index) == 1
    assert index.snapshot.version == version + 1


def test_only_the_last_days_of_the_journal_are_listed_again(system: System) -> None:
    """Late lines of a recent day are found; older ones were read once and for all."""
    index = index_of(system)
    refreshed(system, index)
    day = system.bucket.keys(JOURNAL)[0].removeprefix(JOURNAL).partition("/")[0]
    body = system.bucket.objects[system.bucket.keys(JOURNAL)[0]].body
    system.bucket.upload(f"{JOURNAL}1999-01-01/000000-a.jsonl", body)
    assert refreshed(system, index) == 0
    system.bucket.upload(f"{JOURNAL}{day}/000000-a.jsonl", body)
    assert refreshed(system, index) == 1


def test_a_run_without_a_journal_line_is_read_from_its_record() -> None:
    """A tick died after its commit, or has not written its lines yet."""
    system = System()
    system.upload(A, "a")
    system.run(system.submit(A))
    index = index_of(system)
    refreshed(system, index)
    assert states(index) == {A: "running"}
    system.settle()
    for key in system.bucket.keys(JOURNAL):
        system.bucket.remove(key)
    refreshed(system, index)
    assert states(index) == {A: "done"}


def test_an_open_run_takes_precedence_over_an_ended_one() -> None:
    """A failed document that is replayed is running; when the replay has ended, its line is shown."""
    system = System()
    system.process(B, "b")
    index = index_of(system)
    refreshed(system, index)
    assert states(index) == {B: "failed"}
    system.generator.default = Plan(runs_s=1e3)
    system.upload("recipes/notes.md", "Say it.")
    system.run(system.parts().replayer.replay(B))
    system.run(system.tick())
    refreshed(system, index)
    assert states(index) == {B: "running"}
    system.settle()
    refreshed(system, index)
    assert states(index) == {B: "done"}


def test_the_inbox_is_listed_seldom_unless_there_is_a_hurry(system: System) -> None:
    """It is only needed for documents without a job; one that is claimed is not among them any more."""
    index = index_of(system)
    refreshed(system, index)
    system.upload("inbox/new.txt", "new")
    refreshed(system, index)
    assert "inbox/new.txt" not in states(index)
    index.hurry()
    refreshed(system, index)
    assert states(index)["inbox/new.txt"] == "unclaimed"
    system.run(system.submit("inbox/new.txt"))
    refreshed(system, index)
    assert states(index)["inbox/new.txt"] == "running"
    system.upload("inbox/newer.txt", "new")
    system.world.later(INBOX_EVERY_S)
    refreshed(system, index)
    assert states(index)["inbox/newer.txt"] == "unclaimed"


def test_what_cannot_be_read_stops_nothing_and_is_not_read_again(system: System) -> None:
    """A damaged record and a line of rubbish are skipped."""
    job = "f" * 32
    system.bucket.upload(f"{OPEN}{job}.1.json", b"{")
    system.bucket.upload(f"{OPEN}readme.txt", b"mine")
    system.bucket.upload(f"{JOURNAL}2031-01-01/000000-x.jsonl", b"rubbish\n[[[\n")
    index = index_of(system)
    refreshed(system, index)
    assert states(index) == {A: "done", B: "failed", C: "running"}
    assert refreshed(system, index) == 0


def test_a_store_that_does_not_answer_is_reported_and_asked_again(system: System) -> None:
    """What was known stays on the page."""

    class Refusing:
        """A bucket that fails every call."""

        def listed(self, prefix: str, after: str = ""):
            raise RetryLaterError(f"no answer for {prefix}{after}")

    index = index_of(system)
    refreshed(system, index)
    index.index.bucket = Refusing()
    system.run(index.try_refresh())
    assert "no answer" in (index.problem or "")
    assert states(index)[A] == "done"
    index.index.bucket = system.bucket
    system.run(index.try_refresh())
    assert index.problem is None


def test_the_next_console_starts_from_what_was_kept(system: System, tmp_path: Path) -> None:
    """It reads what has changed since; a run that is no longer open has ended as its record says."""
    kept = KeptEntries(path=tmp_path / "jobs.db")
    first, second, third = (index_of(system, kept) for _ in range(3))
    asyncio.run(first.refresh())
    asyncio.run(second.refresh())
    assert (first.reads > 0, second.reads, states(second)) == (True, 0, states(first))
    system.world.later(1e6)
    system.settle()
    asyncio.run(third.refresh())
    assert third.reads == 1
    assert states(third) == {A: "done", B: "failed", C: "done"}


def test_an_unfinished_refresh_is_completed_by_the_next(system: System) -> None:
    """A run's end is not forgotten if the store refused to return it."""

    class Failing:
        """A bucket that lists, but fails every read."""

        listed = system.bucket.listed

        async def get(self, key: str):
            raise RetryLaterError(f"no answer for {key}")

    index = index_of(system)
    refreshed(system, index)
    system.world.later(1e6)
    system.settle()
    for key in system.bucket.keys(JOURNAL)[-1:]:
        system.bucket.remove(key)
    index.index.bucket = Failing()
    system.run(index.try_refresh())
    index.index.bucket = system.bucket
    system.run(index.try_refresh())
    assert states(index)[C] == "done"


def test_a_forbidden_object_is_not_read_again(system: System) -> None:
    """The bucket bills each request, and `status` names the object."""
    index = index_of(system)
    asked = list[str]()

    class Closed:
        """A bucket that forbids every read."""

        listed = system.bucket.listed

        async def get(self, key: str):
            asked.append(key)
            raise UnreadableError(key, "no right to read it")

    index.index.bucket = Closed()
    refreshed(system, index)
    before = len(asked)
    refreshed(system, index)
    assert (len(asked), before > 0) == (before, True)


def test_a_record_left_open_hides_no_later_run(system: System) -> None:
    """A tick that died between its commit and the record's removal leaves one."""
    (key,) = system.bucket.keys(OPEN)
    left = system.bucket.objects[key].body
    system.world.later(1e6)
    system.settle()
    journal = system.bucket.keys(JOURNAL)[-1]
    line = system.bucket.objects[journal].body
    system.bucket.upload(journal, line.replace(b'"run":1', b'"run":2'))
    system.bucket.upload(key, left)
    index = index_of(system)
    refreshed(system, index)
    assert states(index)[C] == "done"


def test_nothing_is_listed_while_no_page_is_open(system: System) -> None:
    """The bucket bills each listing."""
    index = index_of(system)
    assert index.is_watched is False
    index.watch()
    assert index.is_watched is True
    system.world.later(WATCHED_S + 1)
    assert index.is_watched is False


def job(number: int, state: State = State.DONE, ended: float | None = 0.0, **more) -> Job:
    """One that was uploaded long ago, and ended this many seconds after 1970."""
    return Job(
        **{"key": f"inbox/{number:06}.txt", "state": state, "job_id": "", "run": 1, "recipe": "default", "model": "m"}
        | {"uploaded_at": at(0), "finished_at": None if ended is None else at(ended)}
        | more
    )


def at(seconds: float) -> datetime:
    """A point in time."""
    return datetime.fromtimestamp(seconds, UTC)


def query(states: frozenset[str] = frozenset(), prefix: str | None = None, text: str | None = None, **more) -> Query:
    """A query for a list."""
    return Query(wanted=Filter(chosen=Selection(prefix=prefix), states=states, text=text), **more)


def test_a_filter_on_a_hundred_thousand_rows_keeps_its_order() -> None:
    """It does in each of the orders; a filter without matches gives an empty list."""
    jobs = [
        job(number, State.DONE if number % 10 else State.FAILED, number, cost=number % 7 / 10)
        for number in range(100_000)
    ]
    latest = query(states=frozenset({"failed"})).of(jobs)
    assert (len(latest), latest[0].key, latest[-1].key) == (10_000, "inbox/099990.txt", "inbox/000000.txt")
    dearest = query(sort="cost", text="INBOX/0000").of(jobs)
    assert (len(dearest), dearest[0].cost) == (100, 0.6)
    assert query(prefix="inbox/zz").of(jobs) == []


@pytest.mark.parametrize("span", ["hour", "day", "week", "all"])
def test_bars_hold_each_document_that_ended_in_the_span_once(span: str) -> None:
    """Earlier ones are in none, and the newest is in the last bar."""
    now = 1_900_000_000.0
    jobs = [job(0, ended=now - age_s) for age_s in (0, 59, 3000, 80_000, 500_000, 5_000_000)]
    figures = overview(added_up(jobs), jobs, span, now)
    kept = {"hour": 3, "day": 4, "week": 5, "all": 6}[span]
    assert sum(bar["done"] for bar in figures["bars"]) == kept
    assert figures["bars"][-1]["done"] >= 1
    assert figures["span"]["start"] + figures["span"]["width_s"] * len(figures["bars"]) >= now


def test_pace_and_time_left_follow_from_the_last_five_minutes() -> None:
    """The time left is for open jobs; if none ended, there is neither."""
    now = 1_900_000_000.0
    ended = [job(number, ended=now - 300 + number, result_lag_s=float(number)) for number in range(100)]
    open_ones = [job(number, State.RUNNING, None, key=f"inbox/o{number}") for number in range(40)]
    everything = [*ended, *open_ones]
    figures = overview(added_up(everything), everything, "hour", now)
    assert figures["per_minute"] == pytest.approx(20)
    assert figures["left_s"] == pytest.approx(120)
    assert figures["span"]["lag_s"] == {"median": 50.0, "p95": 95.0}
    nothing = overview(added_up(open_ones), open_ones, "hour", now)
    assert (nothing["per_minute"], nothing["left_s"], nothing["span"]["lag_s"]) == (None, None, None)


def test_the_overview_adds_up_cost_and_what_is_waited_for() -> None:
    """Sums are by recipe and model, by bar, and in all; a job with no named cause waits for its turn."""
    at = datetime(2031, 5, 17, 12, 0, tzinfo=UTC)

    def job(name: str, state: State, **more: Any) -> Job:
        given = {"recipe": "a", "model": "m", "job_id": name, "run": 1, "uploaded_at": at} | more
        return Job(key=f"inbox/{name}", state=state, **given)

    jobs = [
        job("1", State.DONE, cost=0.25, tokens=10, finished_at=at),
        job("2", State.FAILED, cost=0.5, tokens=20, finished_at=at, reason=Reason.REFUSED),
        job("3", State.DONE, recipe="b", cost=None, finished_at=at),
        job("4", State.WAITING, waiting_for="slots"),
        job("5", State.WAITING, waiting_for="slots"),
        job("6", State.WAITING),
        job("7", State.RUNNING, waiting_for="slots"),
    ]
    figures = overview(added_up(jobs), jobs, "hour", at.timestamp())
    assert figures["waiting_for"] == {"slots": 2, "turn": 1}
    assert figures["cost"] == 0.75
    assert {(group["recipe"], group["cost"], group["under_way"]) for group in figures["groups"]} == {
        ("a", 0.75, 4),
        ("b", None, 0),
    }
    assert sum(bar["cost"] or 0.0 for bar in figures["bars"]) == 0.75
    assert {bar["cost"] for bar in figures["bars"]} - {None} == {0.75}  # without prices a bar has no cost, not zero
    unpriced = overview(added_up(jobs[2:]), jobs[2:], "hour", at.timestamp())
    assert unpriced["cost"] is None
