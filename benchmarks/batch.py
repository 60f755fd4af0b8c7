"""One batch of very many lines through the real handlers: how fast, in how much memory, and with how many calls.

    batch.py --lines 50000                   # `make bench-batch` runs it

The bucket and the queues are MiniStack's, the provider is the stand-in, each in a process of its own; so are the two
handlers, whose calls and memory are measured. Exits with 1 if anything does not hold.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from batching.lines import planned, problems  # noqa: E402
from batching.measured import Measured, Told  # noqa: E402
from soaking.cloud import Cloud, running_cloud  # noqa: E402
from soaking.driver import TIMER, event_of  # noqa: E402
from soaking.provider import running_provider  # noqa: E402

MINISTACK = ROOT / ".tools/ministack/bin/python"
KEY = "inbox/batch.jsonl"
RUN_RECORD, ERROR_RECORD = "results/batch.jsonl.run.json", "failed/batch.jsonl.error.json"
RESULT, ERRORS = "results/batch.jsonl.jsonl", "failed/batch.jsonl.errors.jsonl"
SETTINGS = {
    "BACKBURNER_PROVIDER": "openai",
    "BACKBURNER_MODEL": "stand-in",
    "BACKBURNER_LEASE_S": "120",
    "BACKBURNER_MAX_IN_FLIGHT": "1000",
    "BACKBURNER_SUBMITS_PER_MINUTE": "1000000",
    "BACKBURNER_POLLS_PER_SECOND": "200",
    "OPENAI_API_KEY": "key-of-a-benchmark",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
}
LEASE_S = int(SETTINGS["BACKBURNER_LEASE_S"])
TICK_S = 50.0
VISIBILITY_S = 120
"""As in the template."""
MAX_MB = 256
MAX_S3_CALLS, _CALLS_OF_A_BATCH = 0.15, 250
"""The bounds for both handlers: per line, and for the whole batch, whose segments are visited many times."""
_MAX_SHOWN = 20


def main() -> int:
    """Run it and return the exit code."""
    options, out = _options(), Console(soft_wrap=True)
    logs = Path(tempfile.mkdtemp(prefix="batch-logs-"))
    try:
        with running_cloud(MINISTACK, VISIBILITY_S) as cloud, running_provider() as urls:
            wrong = _bench(options, out, cloud, urls, logs)
    except KeyboardInterrupt:
        out.print("stopped")
        return 130
    if wrong:
        out.print(f"The handlers' warnings are in {logs}")
        return 1
    shutil.rmtree(logs)
    return 0


def _bench(options: argparse.Namespace, out: Console, cloud: Cloud, urls: tuple[str, str], logs: Path) -> list[str]:
    base_url, control_url = urls
    environment = {**cloud.environment, **SETTINGS, "OPENAI_BASE_URL": base_url}
    cloud.put(KEY, "".join(line.written() for line in planned(options.lines)))
    functions = {name: Measured(name, environment, str(logs / f"{name}.log")) for name in ("submit", "checker")}
    began = datetime.now(UTC)
    try:
        told = _run(functions, cloud, began + timedelta(minutes=options.minutes), out)
        _drain(functions["checker"], cloud)
    finally:
        for function in functions.values():
            function.end()
    record: Any = json.loads(cloud.get(RUN_RECORD) or "null")
    ended = datetime.fromisoformat(record["finished_at"]) if record else datetime.now(UTC)
    asked = json.load(urllib.request.urlopen(f"{control_url}/state"))["requests"]  # noqa: S310 - our own server
    calls = told["submit"].calls + told["checker"].calls
    calls += Counter({f"provider {request}": number for request, number in asked.items()})
    _report(out, options.lines, (ended - began).total_seconds(), told, calls)
    out.print(f"processor time of MiniStack: {_cpu_s(cloud.pid):.1f} s")
    wrong = _wrong(options.lines, record, cloud, logs)
    wrong += [f"{name} took {one.peak_mb:.0f} MB" for name, one in told.items() if one.peak_mb >= MAX_MB]
    s3_calls = sum(number for name, number in calls.items() if name.startswith("s3 "))
    if s3_calls > MAX_S3_CALLS * options.lines + _CALLS_OF_A_BATCH:
        told_calls = f"{s3_calls / options.lines:.3f} S3 calls per line"
        wrong.append(f"{told_calls}, more than {MAX_S3_CALLS} and {_CALLS_OF_A_BATCH} for the batch")
    for problem in wrong[:_MAX_SHOWN]:
        out.print(f"[red]{problem}[/]", highlight=False)
    out.print(f"[red]{len(wrong)} things do not hold[/]" if wrong else "[green]everything holds[/]")
    return wrong


def _run(functions: Mapping[str, Measured], cloud: Cloud, end: datetime, out: Console) -> dict[str, Told]:
    """The event, then ticks back to back until there is a record. Returns what the processes report then."""
    told = {"submit": functions["submit"].invoke(event_of(KEY))}
    while datetime.now(UTC) < end and not (cloud.get(RUN_RECORD) or cloud.get(ERROR_RECORD)):
        told["checker"] = functions["checker"].invoke(TIMER, TICK_S)
        for name, one in told.items():
            if one.error:
                out.print(f"{name} raised: {one.error}", highlight=False)
        memory = f"{told['checker'].peak_mb:.0f} MB in the checker"
        out.print(f"[dim]{datetime.now(UTC):%H:%M:%S}  {cloud.count_open(())} open, {memory}[/]", highlight=False)
    return told


def _drain(checker: Measured, cloud: Cloud) -> None:
    """Ticks until the guards of the last creates have become visible and are gone; a little over a lease at most."""
    end = time.monotonic() + LEASE_S + TICK_S
    while time.monotonic() < end and any(map(cloud.count_messages, cloud.queues)):
        checker.invoke(TIMER)


def _wrong(lines: int, record: Any, cloud: Cloud, folder: Path) -> list[str]:
    """What contradicts the promise."""
    if record is None:
        return [f"no run record; {cloud.count_open(())} open records"]
    outputs, errors = folder / "outputs", folder / "errors"
    outputs.write_bytes(cloud.get(RESULT) or b"")
    errors.write_bytes(cloud.get(ERRORS) or b"")
    failed = sum(bool(line.code) for line in planned(lines))
    wrong = problems(lines, outputs, errors)
    if record["lines"] != {"total": lines, "completed": lines - failed, "failed": failed}:
        wrong.append(f"the record counts {record['lines']}")
    if record["suspected_orphans"]:
        wrong.append(f"{record['suspected_orphans']} suspected orphans, and nobody died")
    wrong += [f"left open: {key}" for key in cloud.listed("ledger/open/")]
    return wrong + [f"{number} messages in {name}" for name in cloud.queues if (number := cloud.count_messages(name))]


def _report(out: Console, lines: int, took_s: float, told: dict[str, Told], calls: Counter[str]) -> None:
    table = Table("", "total", "per line", title=f"{lines} lines")
    table.add_row("seconds", f"{took_s:.0f}", f"{took_s / lines:.4f}")
    table.add_row("lines per second", f"{lines / took_s:.1f}", "")
    for name, one in told.items():
        table.add_row(f"peak memory of {name}, MB", f"{one.peak_mb:.0f}", "")
        table.add_row(f"processor time of {name}, s", f"{one.cpu_s:.1f}", f"{one.cpu_s / lines:.4f}")
    for whom in ("s3", "sqs", "provider"):
        table.add_section()
        theirs = {name: number for name, number in calls.items() if name.startswith(f"{whom} ")}
        for name, number in [*sorted(theirs.items()), (f"[bold]{whom} total", sum(theirs.values()))]:
            table.add_row(name, str(number), f"{number / lines:.4f}")
    out.print(table)


def _cpu_s(pid: int) -> float:
    """The processor time that a process has used; 0 if the system does not report it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=50_000, help="lines of the batch")
    parser.add_argument("--minutes", type=float, default=60, help="give up after this many minutes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
