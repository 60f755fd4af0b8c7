"""Several checkers on the same queues at once: nothing lost, nothing double, and how much faster it goes.

    python benchmarks/checkers.py --jobs 1000 --checkers 1 4

For each number of checkers: so many documents are submitted, their generations end, and that many processes run ticks
until nothing is left. Then the bucket is counted. The time runs from when all processes are warm until the last run's
open record is gone. Exit code 1 where a document is lost, or anything was done twice.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from rich.table import Table  # noqa: E402

from benching.documents import WARM  # noqa: E402
from benching.ended_once import problems  # noqa: E402
from benching.stage import Stage, running_stage  # noqa: E402
from tables import console  # noqa: E402

_CALLS = {
    "swaps": "PUT ledger/governor.json 200",
    "refused": "PUT ledger/governor.json 412",
    "records read": "GET ledger/open 200",
    "or missed": "GET ledger/open 404",
}
"""What is counted for each document, and how the store names it."""


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--checkers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--ms", type=int, default=0, help="how long each call of a service takes")
    options, out = parser.parse_args(), console()
    table = Table("checkers", "documents a second", "ms of processor for each", "peak MB of one", *_CALLS, "wrong")
    wrong: list[str] = []
    with running_stage() as stage:
        for number in options.checkers:
            found, row = _run(stage, options.jobs, number, options.ms)
            table.add_row(str(number), *row, "; ".join(found) or "nothing")
            wrong += found
    out.print(table)
    return 1 if wrong else 0


def _run(stage: Stage, jobs: int, checkers: int, wait_ms: int) -> tuple[list[str], list[str]]:
    """What went wrong, and what it took from the moment when all checkers are warm."""
    stage.ask("slow", "0")
    stage.fill(jobs)
    stage.measured("ours", "look", 5)  # long enough for the sweep that is due on a new stack
    stage.measured("ours", "submit", jobs)
    stage.ask("show", "nothing until all checkers have met")
    stage.ask("finish")
    created = stage.ask("counts")["provider"].get("create", 0)
    stage.ask("slow", str(wait_ms))
    with ThreadPoolExecutor(checkers) as pool:
        told = list(pool.map(lambda _: stage.measured("ours", "check", checkers), range(checkers)))
    work = stage.ask("work")
    stage.ask("slow", "0")
    cpu_ms, peak_mb = 1000 * sum(one.cpu_s for one in told) / jobs, max(one.peak_mb for one in told)
    calls = [f"{work['store'].get(call, 0) / jobs:.2f}" for call in _CALLS.values()]
    row = [f"{jobs / work['seconds']:,.0f}", f"{cpu_ms:.2f}", f"{peak_mb:.0f}", *calls]
    return list(problems(stage, jobs + WARM, created)), row


if __name__ == "__main__":
    sys.exit(main())
