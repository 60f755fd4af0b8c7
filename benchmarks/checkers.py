"""Several checkers on the same queues at once: nothing lost, nothing done twice, and how much faster it is.

    python benchmarks/checkers.py --jobs 1000 --checkers 1 4
    python benchmarks/checkers.py --jobs 10000 100000 --checkers 1

For each number of documents and of checkers: the documents are submitted by two processes, their generations end, and
that many processes run ticks until nothing is left. Then the bucket is counted. The time runs from when all processes
are warm until the last run's open record is gone. Exits with 1 if a document is lost, if anything was done twice, or
if many documents take more than few: 1.2 times the processor time for each, or 1.1 times the memory.
"""

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
"""What is counted per document, and what the store calls it."""
_SLOWER, _LARGER = 1.2, 1.1
"""How much more processor time a document may take if there are many, and how much more memory a checker."""
_PROGRESS_S = 15.0


@dataclass(frozen=True)
class _Run:
    """What one run took, and what went wrong in it."""

    jobs: int
    checkers: int
    per_second: float
    cpu_ms: float
    peak_mb: float
    calls: list[float]
    """Per document, as in `_CALLS`."""
    wrong: list[str]

    def row(self, smallest: "_Run") -> list[str]:
        """Its row of the table."""
        figures = [f"{self.per_second:,.0f}", f"{self.cpu_ms:.2f}", f"{self.peak_mb:.0f}"]
        calls = [f"{number:.2f}" for number in self.calls]
        return [f"{self.jobs:,}", str(self.checkers), *figures, *calls, "; ".join(self.problems(smallest)) or "nothing"]

    def problems(self, smallest: "_Run") -> list[str]:
        """What went wrong, and what grew compared with the run that had the fewest documents and as many checkers."""
        grown = []
        if self.cpu_ms > _SLOWER * smallest.cpu_ms:
            grown.append(f"{self.cpu_ms / smallest.cpu_ms:.2f} times the processor time that {smallest.jobs:,} take")
        if self.peak_mb > _LARGER * smallest.peak_mb:
            grown.append(f"{self.peak_mb / smallest.peak_mb:.2f} times the memory that {smallest.jobs:,} take")
        return [*self.wrong, *grown]


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000])
    parser.add_argument("--checkers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--ms", type=int, default=0, help="how long each call to a service takes")
    options, out = parser.parse_args(), console()
    figures = ("documents per second", "ms of processor time each", "peak MB of one")
    table = Table("documents", "checkers", *figures, *_CALLS, "wrong")
    smallest, is_wrong = dict[int, _Run](), False
    with running_stage() as stage:
        for jobs in sorted(options.jobs):
            for number in options.checkers:
                with _progress(stage, jobs):
                    run = _run(stage, jobs, number, options.ms)
                least = smallest.setdefault(number, run)
                table.add_row(*run.row(least))
                is_wrong = is_wrong or bool(run.problems(least))
    out.print(table)
    return 1 if is_wrong else 0


def _run(stage: Stage, jobs: int, checkers: int, wait_ms: int) -> _Run:
    """One run, timed from the moment when all checkers are warm."""
    stage.ask("slow", "0")
    stage.fill(0)
    stage.measured("ours", "look", 5)  # long enough for the sweep that is due on a new stack
    stage.upload(jobs)
    stage.open(jobs)
    stage.ask("show", "nothing until all checkers have met")
    stage.ask("finish")
    created = stage.ask("counts")["provider"].get("create", 0)
    stage.ask("slow", str(wait_ms))
    with ThreadPoolExecutor(checkers) as pool:
        told = list(pool.map(lambda _: stage.measured("ours", "check", checkers), range(checkers)))
    work = stage.ask("work")
    stage.ask("slow", "0")
    return _Run(
        jobs=jobs,
        checkers=checkers,
        per_second=jobs / work["seconds"],
        cpu_ms=1000 * sum(one.cpu_s for one in told) / jobs,
        peak_mb=max(one.peak_mb for one in told),
        calls=[work["store"].get(call, 0) / jobs for call in _CALLS.values()],
        wrong=list(problems(stage, jobs + WARM, created)),
    )


@contextlib.contextmanager
def _progress(stage: Stage, jobs: int) -> Iterator[None]:
    """Report the progress of a run on standard error now and then."""
    is_over, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not is_over.wait(_PROGRESS_S):
            far = stage.ask("far")
            seconds = time.monotonic() - began
            told = f"{far['created']:,} of {jobs + WARM:,} begun, {far['ended']:,} ended"
            print(f"{seconds:5.0f} s: {told}", file=sys.stderr)

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()


if __name__ == "__main__":
    sys.exit(main())
