"""`watch` follows a run until everything has ended."""

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from backburner.errors import Reason
from backburner.ledger.records import State
from backburner_cli.operator.job import Job
from backburner_cli.operator.job_index import JobIndex
from backburner_cli.operator.kept_entries import KeptEntries
from backburner_cli.operator.watch import look_at
from backburner_cli.operator.watch_screen import LineScreen, drawn
from support import commands
from support.command_deployment import OPEN
from support.system import BUCKET, System

NOW = datetime(2031, 5, 17, 12, tzinfo=UTC)
LIMIT_S = 60


def job(number: int, state: State, ended_s: float | None = None, **more) -> Job:
    """One that was uploaded an hour ago."""
    finished = None if ended_s is None else NOW - timedelta(seconds=ended_s)
    return Job(
        **{
            "key": f"inbox/{number}.txt",
            "state": state,
            "job_id": f"{number:032x}",
            "run": 1,
            "recipe": "default",
            "model": "m",
            "uploaded_at": NOW - timedelta(hours=1),
            "finished_at": finished,
        }
        | more
    )


def test_a_look_counts_and_says_how_long_it_takes() -> None:
    """The rate is that of the last five minutes; what earlier runs have used counts too."""
    earlier = job(0, State.FAILED, 3000, tokens=7, cost=0.5, reason=Reason.LOST)
    ended = [job(number, State.DONE, 10.0 * number, tokens=10, cost=0.25) for number in range(20)]
    waiting = [job(100 + number, State.WAITING, waiting_for="budget") for number in range(8)]
    latest = [*ended, *waiting, job(200, State.SUBMITTING), job(201, State.RUNNING, tokens=3)]
    look = look_at(latest, [earlier, *ended], NOW)
    assert (look.documents, look.done, look.failed, look.running, look.waiting) == (30, 20, 0, 2, 8)
    assert look.waiting_for == {"budget": 8}
    assert (look.tokens, look.cost) == (210, 5.5)
    assert (look.per_minute, look.seconds_left) == (4.0, 150.0)


def test_without_a_rate_no_time_left_is_shown() -> None:
    """If all have ended, no time is left."""
    look = look_at([job(1, State.RUNNING)], [], NOW)
    assert (look.per_minute, look.seconds_left) == (None, None)
    assert look_at([job(1, State.DONE, 3000)], [], NOW).seconds_left == 0.0


def test_one_ended_document_gives_no_time_left_and_an_ended_run_no_rate() -> None:
    """After a single end it is too early for a forecast; the last look shows no pace."""
    early = look_at([job(1, State.DONE, 1), job(2, State.RUNNING)], [job(1, State.DONE, 1)], NOW)
    assert (early.per_minute, early.seconds_left) == (0.2, None)
    done = [job(number, State.DONE, 1) for number in range(9)]
    over = look_at(done, done, NOW)
    for look, screen, unsaid in ((early, "too early to tell", "left 5"), (over, "0 tokens", "a minute")):
        shown = Console(file=StringIO(), width=100)
        shown.print(drawn(look))
        assert (screen in shown.file.getvalue(), unsaid in shown.file.getvalue()) == (True, False), (
            shown.file.getvalue()
        )


def test_a_line_of_the_last_look_has_no_time_left(capsys) -> None:
    """It does not show "0.0 s"."""
    LineScreen().show(look_at([job(1, State.DONE, 3000)], [], NOW))
    assert capsys.readouterr().out.strip().endswith("1 document: 1 done, 0 failed, 0 running, 0 waiting")


def test_the_table_shows_what_it_waits_for_and_why_it_is_paused() -> None:
    """It does at any width."""
    look = look_at([job(1, State.WAITING, waiting_for="budget")], [], NOW)
    shown = Console(file=StringIO(), width=100)
    shown.print(drawn(replace(look, pauses={"the provider": "429: slow down"}, reading=(1, 2000))))
    text = shown.file.getvalue()
    for screen in ("1 for budget", "paused: the provider: 429: slow down", "1 of 2,000", "no end in sight"):
        assert screen in text, text


def test_each_look_prints_a_line_of_json_into_a_pipe(cloud) -> None:
    """Only the selected documents count."""
    (line,) = cloud.run("watch", "--once", "--json").stdout.splitlines()
    look = json.loads(line)
    counts = {name: look[name] for name in ("documents", "done", "failed", "running", "waiting", "unclaimed")}
    assert counts == {"documents": 3, "done": 1, "failed": 1, "running": 1, "waiting": 0, "unclaimed": 0}
    assert json.loads(cloud.call("watch", "--once", "--recipe", "nosuch").stdout)["documents"] == 1


def test_it_ends_by_itself_and_its_exit_code_shows_failures(cloud) -> None:
    """It is 1 if a selected document failed; one without a job keeps it from ending."""
    open_key = cloud.keys("ledger/open/")[0]
    cloud.s3.delete_object(Bucket=BUCKET, Key=open_key)
    assert json.loads(cloud.call("watch", "--once").stdout)["unclaimed"] == 1
    cloud.s3.delete_object(Bucket=BUCKET, Key=OPEN)
    failed = cloud.call("watch")
    assert (failed.exit_code, json.loads(failed.stdout)["failed"]) == (1, 1)
    for key in cloud.keys("ledger/journal/"):  # without the index, the records tell
        cloud.s3.delete_object(Bucket=BUCKET, Key=key)
    done = cloud.call("watch", "--prefix", "inbox/done")
    assert (done.exit_code, json.loads(done.stdout)["done"]) == (0, 1)


def test_the_bucket_takes_precedence_over_what_was_kept(cloud, tmp_path) -> None:
    """A job that is no longer open ended as its record says, even before its journal line."""
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    assert json.loads(cloud.call("watch", "--once", **cache).stdout)["running"] == 1
    (kept,) = (tmp_path / "backburner").glob("jobs-*.db")
    assert kept.stat().st_mode & 0o077 == 0
    record = cloud.json("results/done.txt.run.json")
    open_key = cloud.keys("ledger/open/")[0]
    opened = cloud.json(open_key)
    changed = {"job_id": opened["job_id"], "run": opened["run"], "source": opened["source"]}
    body = json.dumps(record | changed).encode()
    cloud.s3.put_object(Bucket=BUCKET, Key="results/open.txt.run.json", Body=body)
    cloud.s3.delete_object(Bucket=BUCKET, Key=open_key)
    look = json.loads(cloud.call("watch", "--once", **cache).stdout)
    assert (look["done"], look["running"], look["unclaimed"]) == (2, 0, 0)
    kept.write_bytes(b"no database")
    assert json.loads(cloud.call("watch", "--once", **cache).stdout)["documents"] == 3


def test_nothing_is_read_twice(tmp_path) -> None:
    """The next command does not read it again either."""
    system = System()
    system.process("inbox/a.txt", "text")
    system.process("inbox/b.txt", "text")
    first, again = (JobIndex(bucket=system.bucket, kept=KeptEntries(path=tmp_path / "jobs.db")) for _ in range(2))
    for index in (first, again):
        asyncio.run(index.refresh(lambda _what, _count: None))
    assert (first.read > 0, again.read) == (True, 0)
    assert {job.key for job in again.latest()} == {"inbox/a.txt", "inbox/b.txt"}
    assert sorted(again.latest(), key=str) == sorted(first.latest(), key=str)


def test_ctrl_c_detaches_and_says_how_to_come_back(cloud) -> None:
    """A table is drawn on a terminal, and the exit code is 0."""
    given = commands.environment(cloud.environment | {"TERM": "xterm"})
    master, slave = pty.openpty()
    process = subprocess.Popen([commands.INSTALLED, "watch"], env=given, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    screen = until(master, b"Ctrl-C detaches")
    assert b"documents" in screen
    process.send_signal(signal.SIGINT)
    screen += until(master, b"Detached.")
    assert process.wait(LIMIT_S) == 0, screen
    assert b"Traceback" not in screen


def until(descriptor: int, wanted: bytes) -> bytes:
    """What a terminal shows, up to these words."""
    screen, end = b"", time.monotonic() + LIMIT_S
    while wanted not in screen:
        assert time.monotonic() < end, screen
        if select.select([descriptor], [], [], 0.2)[0]:
            screen += os.read(descriptor, 65536)
    return screen
