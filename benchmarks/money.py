"""What 1,000 documents cost besides the model, compared with a state machine, a small machine and a laptop.

    bench.py --json figures.json && money.py --figures figures.json

Calls and processor time are those that `bench.py` counted; looks and ticks are simulated (generations with a
median of two minutes, all uploaded within an hour). The assumptions about a cloud are in `pricing/bill.py`.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from looking.report import summary  # noqa: E402
from looking.simulated import Simulation  # noqa: E402
from looking.times import KINDS  # noqa: E402
from pricing.bill import (  # noqa: E402
    DOCUMENTS,
    Usage,
    by_hand,
    further_ticks_month,
    idle_month,
    looks_each_minute,
    ours,
    small_vm,
    step_functions,
)
from pricing.prices import AWS, YANDEX  # noqa: E402
from pricing.scale import Month, month  # noqa: E402
from tables import console  # noqa: E402

_MONTHS = (1_000_000, 10_000_000, 100_000_000)
_MEMORIES_MB = (512, 768, 1024, 1769)
_TICKS_PER_MINUTE = (2, 3, 4)
_VOLUMES = (1_000, 10_000, 100_000)
"""Documents per month."""


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, required=True, help="what bench.py wrote with --json")
    options, out = parser.parse_args(), console()
    logging.getLogger("backburner").addHandler(logging.NullHandler())
    (kind,) = (one for one in KINDS if one.name == "median 2 min")
    documents = kind.drawn(DOCUMENTS)
    simulation = Simulation(documents)
    looked = summary(simulation.run())
    looks = looked.looks
    bench: Any = json.loads(options.figures.read_bytes())
    usual = partial(ours, bench, looks=looks, ticks=simulation.ticks, tick_s=simulation.tick_s)
    used = usual()
    waited = step_functions(mean(looks_each_minute(took_s) for _, took_s in documents))
    ticks = f"{simulation.ticks} ticks taking {simulation.tick_s:.0f} s in total"
    out.print(f"{looks:.1f} looks per document, median lag {looked.lag_s:.0f} s, prompt {looked.prompt:.0%}, {ticks}")
    _show(out, {"Backburner": used, "a state machine's wait loop": waited, "a script on a laptop": by_hand()})
    for memory_mb in _MEMORIES_MB:
        costs = f"{usual(checker_mb=memory_mb).cost(AWS):.4f}, an idle month {idle_month(memory_mb).cost(AWS):.2f}"
        out.print(f"With a checker of {memory_mb} MB: {costs}", highlight=False)
    idle = idle_month().cost(AWS)
    for volume in _VOLUMES:
        whole = used.cost(AWS) + idle * DOCUMENTS / volume
        machine = small_vm(volume)
        told = f"{volume:,} per month: {whole:.3f} with the idle ticks of the month; a small machine {machine:.3f}"
        out.print(told, highlight=False)
    took_s = mean(took_s for _, took_s in documents)
    _show_months(out, [month(number, bench, used, looks=looks, took_s=took_s) for number in _MONTHS])
    out.print(f"A month with nothing to do: {idle:.2f} on AWS", highlight=False)
    further = ", ".join(f"{number}: {further_ticks_month(number).cost(AWS):.2f}" for number in _TICKS_PER_MINUTE)
    out.print(f"What further ticks add to it, by TicksPerMinute: {further}", highlight=False)
    return 0


def _show(out: Console, rows: dict[str, Usage]) -> None:
    table = Table(
        "1,000 documents", "writes", "reads", "queue", "functions", "GB s", "transitions", "USD, AWS", "store"
    )
    for name, one in rows.items():
        store = Usage(store_writes=one.store_writes, store_reads=one.store_reads).cost(AWS)
        numbers = one.store_writes, one.store_reads, one.queue_requests, one.function_calls, one.gb_s, one.transitions
        table.add_row(name, *(f"{number:,.0f}" for number in numbers), f"{one.cost(AWS):.4f}", f"{store:.4f}")
    out.print(table)
    out.print(f"Yandex Cloud, functions alone: {rows['Backburner'].cost(YANDEX):.4f} USD", highlight=False)


def _show_months(out: Console, months: Sequence[Month]) -> None:
    columns = (
        "per second",
        "submits at once",
        "in flight",
        "looks per second",
        "checkers' processors",
        "store calls per second",
    )
    table = Table("documents per month", *columns)
    for one in months:
        needs = one.submits_at_once, one.in_flight, one.looks_per_second, one.checkers, one.store_calls_per_second
        table.add_row(f"{one.documents:,.0f}", f"{one.per_second:.2f}", *(f"{need:,.2f}" for need in needs))
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
