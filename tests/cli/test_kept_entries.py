"""Pages of `jobs` from the index file are the same as from memory, whatever happens to the file."""

import asyncio
import itertools
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.errors import Reason
from backburner.ledger.keys import JOURNAL, OPEN
from backburner.ledger.records import State
from backburner_cli.operator.job import Job
from backburner_cli.operator.job_index import JobIndex
from backburner_cli.operator.kept_entries import KeptEntries
from backburner_cli.operator.listing import SORTS, Filter, Listed, Page
from backburner_cli.operator.selection import Selection
from support.system import System
from support.three_documents import A, B, C, three_documents

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)
EVERYTHING = Filter(chosen=Selection())
BY_KEY = Page(sort="key", reverse=False, limit=None, number=1)
KEYS = (
    "inbox/a.txt",
    "inbox/notes/b.txt",
    "inbox/notes/Straße.pdf",
    "inbox/notes/ss.pdf",
    "inbox/no\u0308tes/c",
    "inbox/d/",
)
OPEN_STATES = (State.WAITING, State.RUNNING, State.SUBMITTING)
ENDED_STATES = (State.DONE, State.FAILED, State.SUPERSEDED)

texts = st.sampled_from([None, "", "SS", "ß", "b.t", "%", "nosuch"])
filters = st.builds(
    Filter,
    chosen=st.builds(
        Selection,
        recipe=st.sampled_from([None, "notes", "default", "nötes", "no\u0308tes"]),
        prefix=st.sampled_from([None, "inbox/", "inbox/notes/", "inbox/notes/S", "inbox/nö"]),
    ),
    states=st.frozensets(st.sampled_from(["waiting", "running", "done", "failed", "superseded"]), max_size=2),
    reasons=st.frozensets(st.sampled_from([Reason.LOST, Reason.REFUSED]), max_size=2),
    text=texts,
    since=st.none() | st.integers(0, 40).map(lambda number: NOON + timedelta(minutes=number)),
)
pages = st.builds(
    Page,
    sort=st.sampled_from(sorted(SORTS)),
    reverse=st.booleans(),
    limit=st.none() | st.integers(1, 4),
    number=st.integers(1, 3),
)


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[dict[str, tuple[str, list[Job]]], set[str]]]:
    """The objects read in each step, with their ETag and jobs, and those that are gone."""
    numbers = itertools.count()

    def job(*, is_open: bool) -> Job:
        at = NOON + timedelta(minutes=next(numbers))  # no two at one time, since their order is undefined
        return Job(
            key=draw(st.sampled_from(KEYS)),
            state=draw(st.sampled_from(OPEN_STATES if is_open else ENDED_STATES)),
            job_id=draw(st.sampled_from("xy")),
            run=draw(st.integers(1, 3)),
            recipe="notes",
            model="m",
            reason=draw(st.sampled_from([None, Reason.LOST])),
            tokens=draw(st.integers(0, 3)),
            cost=draw(st.sampled_from([None, 0.0, 0.25])),
            uploaded_at=at if is_open else NOON,
            finished_at=None if is_open else at,
        )

    found = []
    for number in range(draw(st.integers(1, 3))):
        names = draw(st.lists(st.sampled_from(["1", "2", "3", "4"]), unique=True))
        changed = {
            f"{prefix}{name}": (f"etag-{number}", [job(is_open=prefix == OPEN) for _ in range(draw(st.integers(0, 3)))])
            for name in names
            for prefix in (OPEN, JOURNAL)
        }
        gone = {f"{OPEN}{name}" for name in draw(st.lists(st.sampled_from("1234"), max_size=2))} - changed.keys()
        found.append((changed, gone))
    return found


@given(steps(), filters, pages)
def test_the_file_lists_what_memory_would(made, wanted: Filter, page: Page) -> None:
    """Every filter, order and page, the latest runs and the totals agree after any change."""
    with tempfile.TemporaryDirectory() as folder:
        kept, entries = KeptEntries(path=Path(folder, "jobs.db")), {}
        for changed, gone in made:
            entries = {key: entry for key, entry in entries.items() if key not in gone} | changed
            assert kept.write(changed, gone)
        listed = kept.page(wanted, page, {key: etag for key, (etag, _) in entries.items()})
        assert kept.read() == entries
    index = JobIndex(bucket=System().bucket, entries=entries)
    assert listed == index.page_in_memory(wanted, page)


@dataclass
class Operator:
    """A system with three documents, and an operator's index file."""

    system: System
    path: Path
    read: int = 0

    def listed(self, wanted: Filter = EVERYTHING, page: Page = BY_KEY, kept: KeptEntries | None = None) -> Listed:
        """What a fresh command lists."""
        index = JobIndex(bucket=self.system.bucket, kept=kept or KeptEntries(path=self.path))
        found = asyncio.run(index.page(wanted, page, lambda _what, _count: None))
        self.read = index.read
        return found

    def states(self, kept: KeptEntries | None = None) -> dict[str, str]:
        """Every job's state."""
        return {job.key: job.shown_state for job in self.listed(kept=kept).jobs}

    def execute(self, statement: str) -> None:
        """Execute a statement on the file directly."""
        db = sqlite3.connect(self.path)
        with db:
            db.execute(statement)
        db.close()


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """One document that is done, one that failed, one whose generation is running; all of them listed once."""
    system = three_documents()
    operator = Operator(system, tmp_path / "cache" / "jobs.db")
    assert operator.states() == {A: "done", B: "failed", C: "running"}
    return operator


def test_the_next_command_reads_nothing_again_and_decodes_only_what_it_shows(operator: Operator) -> None:
    """Rubbish in other rows has no effect."""
    operator.execute("UPDATE jobs SET job = x'00' WHERE id NOT IN (SELECT id FROM runs WHERE state = 'failed')")
    listed = operator.listed(Filter(chosen=Selection(), states=frozenset({"failed"})))
    assert ([job.key for job in listed.jobs], listed.totals["jobs"], operator.read) == ([B], 1, 0)


def test_jobs_that_ended_since_are_listed_as_they_ended(operator: Operator) -> None:
    """The journal line tells, or the record while there is no line yet or ever; later commands agree."""
    journal = set(operator.system.bucket.keys(JOURNAL))
    operator.system.world.later(1e6)
    operator.system.settle()
    (line,) = set(operator.system.bucket.keys(JOURNAL)) - journal
    body = operator.system.bucket.objects[line].body
    operator.system.bucket.remove(line)
    assert operator.states() == {A: "done", B: "failed", C: "done"}
    operator.system.bucket.upload(line, body)
    assert operator.states() == {A: "done", B: "failed", C: "done"}
    assert operator.read == 1
    assert operator.states() == {A: "done", B: "failed", C: "done"}
    assert operator.read == 0


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 7",
        "UPDATE jobs SET job = x'00'",
        "DROP TABLE jobs",
        "DELETE FROM entries",
        "ALTER TABLE runs DROP COLUMN cost",
    ],
)
def test_a_file_of_another_version_or_with_rubbish_is_recreated(operator: Operator, statement: str) -> None:
    """The bucket is read again, once."""
    operator.execute(statement)
    assert operator.states() == {A: "done", B: "failed", C: "running"}
    operator.states()
    assert operator.states() == {A: "done", B: "failed", C: "running"}
    assert operator.read == 0


def test_a_damaged_file_is_recreated(operator: Operator) -> None:
    """It is not a database, or its middle was overwritten."""
    whole = operator.path.read_bytes()
    for damaged in (b"no database", whole[:4096] + b"\xff" * (len(whole) - 4096)):
        operator.path.write_bytes(damaged)
        assert operator.states() == {A: "done", B: "failed", C: "running"}
        operator.states()
        assert operator.states() == {A: "done", B: "failed", C: "running"}
        assert operator.read == 0


def test_without_a_place_for_the_file_everything_is_read(operator: Operator, tmp_path: Path) -> None:
    """It is read each time, and all jobs are listed."""
    (tmp_path / "file").touch()
    kept = KeptEntries(path=tmp_path / "file" / "jobs.db")
    assert operator.states(kept) == {A: "done", B: "failed", C: "running"}
    assert operator.read > 0


class Crowded(KeptEntries):
    """A file that another process writes to just before a page is listed."""

    def page(self, wanted: Filter, page: Page, etags) -> Listed | None:
        """List it, too late."""
        strange = Job(
            key="inbox/strange.txt", state=State.DONE, job_id="s", run=1, recipe="default", model="m",
            uploaded_at=NOON, finished_at=NOON,
        )  # fmt: skip
        assert self.write({f"{JOURNAL}2031-05-17/strange.jsonl": ("etag", [strange])}, ())
        return super().page(wanted, page, etags)


def test_the_bucket_takes_precedence_over_the_file(operator: Operator) -> None:
    """It wins over what the file had before, and over what another process has written since."""
    assert operator.states(Crowded(path=operator.path)) == {A: "done", B: "failed", C: "running"}
    assert operator.states() == {A: "done", B: "failed", C: "running"}


class Vanishing(KeptEntries):
    """A file that is removed just before a page is listed."""

    def page(self, wanted: Filter, page: Page, etags) -> Listed | None:
        """List it, too late."""
        self.path.unlink()
        return super().page(wanted, page, etags)


def test_a_file_removed_meanwhile_loses_no_job(operator: Operator) -> None:
    """Even one whose journal line is old is listed."""
    (first, *_) = operator.system.bucket.keys(JOURNAL)
    body = operator.system.bucket.objects[first].body
    operator.system.bucket.upload(f"{JOURNAL}1999-01-01/000000-a.jsonl", body.replace(A.encode(), b"inbox/old.txt"))
    expected = {A: "done", B: "failed", C: "running", "inbox/old.txt": "done"}
    assert operator.states(Vanishing(path=operator.path)) == expected
    assert operator.states() == expected
