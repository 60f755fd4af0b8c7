"""How fast a backlog is drained, and whether the limit on generations in flight holds meanwhile.

    python benchmarks/backlog.py --documents 10000        # `make bench-backlog` runs it

The documents are uploaded while only one generation may be in flight, so all others wait in the backlog. Then the limit
is raised and one checker runs ticks until every document has its result; a generation ends as soon as it is created.
Exits with 1 if a document is lost, if anything was done twice, or if there were ever more generations than the limit.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benching.documents import WARM  # noqa: E402
from benching.ended_once import problems  # noqa: E402
from benching.stage import Stage, running_stage  # noqa: E402
from tables import console  # noqa: E402


@dataclass(frozen=True)
class _Limited(Stage):
    """Servers whose measured processes may have at most `in_flight` generations in flight."""

    in_flight: int

    @property
    def environment(self) -> dict[str, str]:
        """The usual environment, with the limit."""
        return super().environment | {"BACKBURNER_MAX_IN_FLIGHT": str(self.in_flight)}


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--in-flight", type=int, default=1000, help="how many generations may be in flight at once")
    options, out = parser.parse_args(), console()
    with running_stage() as stage:
        wrong = _drained(stage.port, options.documents, options.in_flight, out)
    for one in wrong:
        out.print(f"[red]{one}[/]", highlight=False)
    return 1 if wrong else 0


def _drained(port: int, documents: int, in_flight: int, out: Console) -> list[str]:
    """Fill the backlog and drain it, and print what that took; returns what went wrong."""
    full, stage = _Limited(port, 1), _Limited(port, in_flight)
    full.fill(documents)
    full.measured("ours", "look", 5)  # long enough for the sweep that is due on a new stack
    out.print(f"[dim]{documents} documents are submitted to a stack that is full[/]")
    full.measured("ours", "submit", documents)
    full.ask("finish")
    created = full.ask("counts")["provider"].get("create", 0)
    out.print("[dim]the backlog is drained[/]")
    told = stage.measured("ours", "drain", documents - created)
    counts = stage.ask("counts")
    calls = {part: sum(counts[part].values()) / told.items for part in ("store", "queue", "provider")}
    most = stage.ask("most")
    table = Table("drained", "per second", "ms of processor time each", "peak MB", *calls, "most in flight")
    row = f"{told.per_second:,.0f}", f"{told.cpu_ms:.2f}", f"{told.peak_mb:.0f}", *(f"{n:.1f}" for n in calls.values())
    table.add_row(f"{told.items:,}", *row, f"{most:,} of {in_flight:,}")
    out.print(table)
    wrong = list(problems(stage, documents + WARM, created + counts["provider"]["create"]))
    return wrong + ([f"{most} generations in flight, {in_flight} allowed"] if most > in_flight else [])


if __name__ == "__main__":
    sys.exit(main())
