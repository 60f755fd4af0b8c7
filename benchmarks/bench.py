"""How fast the real handlers are, compared with the obvious way and with what one core can do. One table, and JSON.

    bench.py --jobs 1000 --rounds 2          # `make bench` runs it

All three use the same local servers (a store, queues and a provider, in memory, on a core of their own), whose own
speed with a trivial client is in the table. What is compared is the processor time of the measured process, which other
work on the machine disturbs least; each figure is the best of the rounds, and only ratios within one run mean anything.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from benching.report import Figures, shown  # noqa: E402
from benching.stage import Stage, running_stage  # noqa: E402
from tables import console  # noqa: E402

_ENDED = '"response_id"'
"""What every message with a generation's id contains; the others are guards, which become visible two minutes later."""


def main() -> int:
    """Run it and return the exit code."""
    options, out, figures = _options(), console(), Figures()
    with running_stage() as stage:
        _servers(stage, options, figures)
        for number in range(options.rounds):
            out.print(f"[dim]round {number + 1} of {options.rounds}[/]")
            _ours(stage, options, figures)
            for baseline in ("obvious", "ceiling"):
                _baseline(stage, baseline, options, figures)
        for _ in range(options.starts):
            _cold(stage, figures)
    shown(figures, out)
    asked = {"jobs": options.jobs, "lines": options.lines, "rounds": options.rounds}
    told = json.dumps(asked | figures.as_json(), indent=1)
    out.print(told, highlight=False) if options.json is None else options.json.write_text(told + "\n")
    return 0


def _servers(stage: Stage, options: argparse.Namespace, figures: Figures) -> None:
    """How many requests the servers answer when the client is not the limit."""
    stage.seed(100)
    receive = json.dumps({"QueueUrl": f"{stage.url}/000000000000/dead", "MaxNumberOfMessages": 10})
    asked = {
        "store": ("GET", "/documents/recipes/bench.md"),
        "queue": ("POST", "/", receive),
        "provider": ("GET", f"/v1/responses/resp_{0:032x}"),
    }
    for name, request in asked.items():
        figures.note("servers", name, stage.measured("trivial", stage.port, options.seconds, *request))


def _ours(stage: Stage, options: argparse.Namespace, figures: Figures) -> None:
    """The same jobs from start to end: submitted, looked at, collected."""
    stage.fill(options.jobs)
    stage.measured("ours", "look", 1)  # the sweep that is due on a new stack
    stage.ask("counts")
    stage.measured("ours", "submit", 0)
    warm = stage.ask("counts")
    figures.note("submit", "ours", stage.measured("ours", "submit", options.jobs))
    figures.count("submit", _less(stage.ask("counts"), warm), options.jobs)
    stage.ask("show", _ENDED)
    stage.ask("run")
    stage.ask("loop")
    stage.measured("ours", "look", 2)  # the first look by each message, which reads the record
    stage.ask("counts")
    looked = stage.measured("ours", "look", options.seconds)
    counts = stage.ask("counts")
    looks = counts["provider"]["retrieve"]
    figures.note("look", "ours", looked, items=looks)
    figures.count("look", counts, looks)
    stage.ask("line")
    stage.ask("show", _ENDED)
    stage.ask("finish")
    figures.note("check", "ours", stage.measured("ours", "check", 0))
    figures.count("check", stage.ask("counts"), options.jobs)
    _batch(stage, options, figures)


def _batch(stage: Stage, options: argparse.Namespace, figures: Figures) -> None:
    """A batch from start to end; every line must be in the result, in the order of the input."""
    stage.fill_batch(options.lines)
    stage.measured("ours", "look", 1)
    stage.ask("finish")
    stage.ask("counts")
    figures.note("batch", "ours", stage.measured("ours", "batch", options.lines))
    figures.count("batch", stage.ask("counts"), options.lines)
    stage.must_hold_lines(options.lines)


def _baseline(stage: Stage, baseline: str, options: argparse.Namespace, figures: Figures) -> None:
    stage.fill(options.jobs)
    figures.note("submit", baseline, stage.measured(baseline, "submit", options.jobs))
    stage.seed(options.jobs)
    stage.ask("run")
    figures.note("look", baseline, stage.measured(baseline, "look", options.jobs, options.seconds))
    stage.ask("finish")
    figures.note("check", baseline, stage.measured(baseline, "check", options.jobs))
    stage.fill_batch(options.lines)
    stage.ask("finish")
    figures.note("batch", baseline, stage.measured(baseline, "batch", options.lines))
    stage.must_hold_lines(options.lines)


def _cold(stage: Stage, figures: Figures) -> None:
    """Fresh processes, one after the other, so that what disturbs one disturbs all."""
    stage.fill(1)
    stage.started("idle")  # the sweep
    for what, arguments in {"usual": (), "idle": (), "reach": (0,), "submit": (0,)}.items():
        figures.cold(what, stage.started(what, *arguments))


def _less(counts: Any, other: Any) -> Any:
    return {part: dict(Counter(counts[part]) - Counter(other.get(part, {}))) for part in counts}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000, help="documents in each round")
    parser.add_argument("--lines", type=int, default=2000, help="lines of the batch in each round")
    parser.add_argument("--rounds", type=int, default=2, help="rounds, of which the best counts")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of looking at generations that still run")
    parser.add_argument("--starts", type=int, default=5, help="fresh processes of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file instead of printing them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
