"""The operator's commands over a hundred thousand jobs: seconds to the first paint, seconds for each filter, memory.

    python benchmarks/seat.py --jobs 100000 --open 20000

`backburner run` processes a few documents with the stand-in, some to their end and one that never ends. Their journal
lines and the open record are then copied under other names until there are as many as asked for, and the commands are
run over that folder as a user runs them. The first time there is no index yet. Exits with 1 if a paint takes longer
than 2 s, if a filter takes longer than 1 s with the index, or if a help takes longer than 0.3 s or twelve times as long
as an interpreter that does nothing.
"""

import argparse
import asyncio
import hashlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from backburner.errors import Reason
from backburner.ledger.journal import Line
from backburner.ledger.keys import JOURNAL, OPEN, open_key
from backburner.ledger.records import OpenRecord, State, decode, encode
from backburner.maintenance.snapshot import at_once, each_of
from backburner.ports import ABSENT, Bucket
from backburner_cli.operator.backend import reached
from backburner_cli.operator.deployment import Asked, find
from backburner_cli.operator.profiles import Kind, Target

BACKBURNER = Path(sys.executable).with_name("backburner")
PAINT_S, FILTER_S = 2.0, 1.0
HELP_S, HELP_RATIO = 0.3, 12.0
"""The most processor time that a help may take: in seconds, and in times an interpreter that does nothing."""
HELPS: Final[tuple[list[str], ...]] = ([], ["run"], ["jobs"], ["recipes"], ["recipes", "try"], ["console"])
LINES_OF_A_TICK = 50
RECIPE = "summary"
_LIMIT_S: Final = 120
_TIMES: Final = 5
FILTERS = {
    "jobs": [],
    "jobs --state failed": ["--state", "failed"],
    "jobs --reason": ["--reason", "refused"],
    "jobs --match": ["--match", "0777"],
    "jobs --prefix": ["--prefix", f"inbox/{RECIPE}/00/"],
    "jobs --since --sort cost": ["--since", "1h", "--sort", "cost"],
    "jobs --state waiting --page 9": ["--state", "waiting", "--page", "9"],
}


@dataclass
class Measured:
    """What was measured, and what took too long."""

    lines: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    def note(self, what: str, seconds: float, limit_s: float | None, more: str = "") -> None:
        """Print it, and remember it if it exceeds its limit."""
        is_late = limit_s is not None and seconds > limit_s
        self.lines.append(f"{what:34} {seconds:6.2f} s{' LATE' if is_late else ''}  {more}")
        print(self.lines[-1], flush=True)
        if is_late:
            self.late.append(what)


def real_folder(folder: Path) -> None:
    """Run a few documents for real; the last one never ends."""
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"Contract {number}. The rent is 900 a month. It ends on 2031-05-17.")
    (folder / "bad.bin").write_bytes(bytes(range(256)) * 10)
    command = [str(BACKBURNER), "run", str(folder), "--recipe", RECIPE, "--stand-in"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    (folder / "endless.txt").write_text("This one takes its time. It has two sentences.")
    endless = os.environ | {"BACKBURNER_MODEL": "stand-in/never-ends"}
    with subprocess.Popen(command, env=endless, stdout=subprocess.DEVNULL) as running:
        until = time.monotonic() + _LIMIT_S
        while not any("running" in path.read_text() for path in folder.rglob("open/*.json")):
            if time.monotonic() > until:
                sys.exit("the document that never ends has not begun")
            time.sleep(0.1)
        running.kill()


def measure_helps(measured: Measured) -> None:
    """Processor time of `--help`, the best of a few, so that a busy machine gives the same as an idle one."""
    bare = min(processor_s([sys.executable, "-c", "pass"]) for _ in range(_TIMES))
    measured.note("an interpreter that does nothing", bare, None, "of processor time")
    for words in HELPS:
        took = min(processor_s([str(BACKBURNER), *words, "--help"]) for _ in range(_TIMES))
        limit = min(HELP_S, HELP_RATIO * bare)
        measured.note(
            " ".join((*words, "--help")), took, limit, f"of processor time, {took / bare:.1f} times the interpreter's"
        )


def processor_s(command: list[str]) -> float:
    """The processor time of a command in seconds, user and system."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


async def multiply(folder: Path, jobs: int, opened: int) -> None:
    """Copy the lines and the open record under other names."""
    environment = find(Asked(target=Target(kind=Kind.FOLDER, name=str(folder))), os.environ).environment
    async with reached(environment) as backend:
        lines = [
            msgspec.json.decode(raw, type=Line)
            for key in await _keys(backend.bucket, JOURNAL)
            for raw in (await _body(backend.bucket, key)).splitlines()
        ]
        record = decode(await _body(backend.bucket, (await _keys(backend.bucket, OPEN))[0]), OpenRecord)
        await at_once(each_of(list(_journal(lines, jobs - opened))), lambda one: _put(backend.bucket, *one))
        await at_once(each_of(range(opened)), lambda number: _put(backend.bucket, *_open(record, number)))


def _journal(lines: list[Line], count: int) -> Iterator[tuple[str, bytes]]:
    began = datetime.now(UTC) - timedelta(hours=8)
    for tick in range(-(-count // LINES_OF_A_TICK)):
        ended = began + timedelta(hours=8) * tick * LINES_OF_A_TICK / count
        numbers = range(tick * LINES_OF_A_TICK, min(count, (tick + 1) * LINES_OF_A_TICK))
        made = [_line(lines[number % len(lines)], number, ended) for number in numbers]
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in made)
        yield f"{JOURNAL}{ended:%Y-%m-%d}/{ended:%H%M%S}-{tick:012x}.jsonl", body


def _line(line: Line, number: int, ended: datetime) -> Line:
    is_refused = number % 97 == 0
    return replace(
        line,
        job_id=_job(number),
        key=f"inbox/{RECIPE}/{number % 100:02}/contract {number:06}.pdf",
        state=State.FAILED if is_refused else State.DONE,
        reason=Reason.REFUSED if is_refused else None,
        cost=0.001 * (number % 13),
        uploaded_at=ended - timedelta(seconds=30 + number % 600),
        finished_at=ended,
    )


def _open(record: OpenRecord, number: int) -> tuple[str, bytes]:
    is_waiting = number % 4 > 0
    source = replace(record.source, key=f"inbox/{RECIPE}/new/contract {number:06}.pdf")
    made = replace(
        record,
        job_id=_job(-1 - number),
        source=source,
        state=State.WAITING if is_waiting else State.RUNNING,
        waiting_for="slot" if is_waiting else None,
    )
    return open_key(made.job_id, 1), encode(made)


def _job(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


async def _keys(bucket: Bucket, prefix: str) -> list[str]:
    return [key async for key, _ in bucket.listed(prefix)]


async def _body(bucket: Bucket, key: str) -> bytes:
    stored = await bucket.get(key)
    assert stored is not None, "it was just listed"
    return stored.body


async def _put(bucket: Bucket, key: str, body: bytes) -> None:
    await bucket.put(key, body, match=ABSENT, content_type="application/json")


def run_once(arguments: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Run a command as a user does; returns the seconds, and its processor time and memory."""
    began = time.monotonic()
    with subprocess.Popen([str(BACKBURNER), *arguments], env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode not in (0, 1):  # 1: some have failed
        sys.exit(f"{arguments} ended with {process.returncode}")
    return seconds, f"{used.ru_utime + used.ru_stime:.2f} s of processor time, {used.ru_maxrss / 1024:.0f} MB"


def paint(arguments: list[str], environment: dict[str, str], wanted: bytes) -> float:
    """Seconds until a terminal shows some words; then Ctrl-C."""
    began = time.monotonic()
    master, slave = pty.openpty()
    given = environment | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([str(BACKBURNER), *arguments], env=given, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        said = b""
        while wanted not in said:
            if time.monotonic() - began > _LIMIT_S:
                sys.exit(f"{arguments} showed nothing within {_LIMIT_S} s: {said[-500:]!r}")
            if select.select([master], [], [], 0.05)[0]:
                said += os.read(master, 65536)
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        process.wait(_LIMIT_S)
    return seconds


def main() -> int:
    """Make the folder, measure, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=20_000)
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="backburner-seat-"))
    measured = Measured()
    try:
        folder = root / "documents"
        real_folder(folder)
        began = time.monotonic()
        asyncio.run(multiply(folder, given.jobs, given.open))
        print(f"{given.jobs:,} jobs, {given.open:,} of them open, made in {time.monotonic() - began:.0f} s", flush=True)
        environment = os.environ | {"XDG_CACHE_HOME": str(root / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
        run_once(["jobs", "--help"], environment)  # compiled, as an installed command is
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        measure_helps(measured)
        here = ["--folder", str(folder)]
        measured.note("watch, no index yet: first paint", paint(["watch", *here], environment, b"documents"), PAINT_S)
        shutil.rmtree(root / "cache", ignore_errors=True)
        measured.note("jobs, no index yet", *_with_limit(run_once(["jobs", *here, "--text"], environment), None))
        for name, filters in FILTERS.items():
            measured.note(name, *_with_limit(run_once(["jobs", *here, "--text", *filters], environment), FILTER_S))
        measured.note("watch: first complete table", paint(["watch", *here], environment, b"a minute"), PAINT_S)
        measured.note("watch --once", *_with_limit(run_once(["watch", "--once", *here], environment), PAINT_S))
        print("late: " + (", ".join(measured.late) or "nothing"))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if measured.late else 0


def _with_limit(told: tuple[float, str], limit_s: float | None) -> tuple[float, float | None, str]:
    return told[0], limit_s, told[1]


if __name__ == "__main__":
    sys.exit(main())
