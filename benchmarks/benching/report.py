"""What was measured, the best of all rounds, as a table and as JSON."""

from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from benching.told import Told

_NAMES = {"ours": "Backburner", "obvious": "the obvious way", "ceiling": "one core's limit"}
_ROWS = {
    "check": "finished generations collected",
    "look": "running generations looked at",
    "submit": "uploads submitted, one after the other",
    "batch": "lines of a batch, from the upload to the result",
}

_STARTS = {
    "idle": "checker, nothing to do",
    "reach": "submit, up to its first connection",
    "submit": "submit, one upload with its create",
}


@dataclass
class Figures:
    """The best measurements so far, and the calls that each step made."""

    best: dict[str, dict[str, Told]] = field(default_factory=dict)
    calls: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)

    def note(self, row: str, who: str, told: Told, items: int | None = None) -> None:
        """Keep a measurement if it is the best."""
        told = told if items is None else replace(told, items=items)
        kept = self.best.setdefault(row, {})
        if who not in kept or told.cpu_ms < kept[who].cpu_ms:
            kept[who] = told

    def count(self, row: str, counts: dict[str, dict[str, int]], items: int) -> None:
        """Keep how many calls were made per item."""
        each = {part: {name: n / items for name, n in sorted(calls.items())} for part, calls in counts.items()}
        self.calls[row] = each

    def cold(self, what: str, seconds: float) -> None:
        """Keep a start if it is the quickest."""
        self.starts[what] = min(seconds, self.starts.get(what, seconds))

    def ratio(self, row: str, other: str) -> float:
        """How many times as fast as another we are, by processor time."""
        return self.best[row][other].cpu_ms / self.best[row]["ours"].cpu_ms

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        rows = {row: {who: told.as_json() for who, told in kept.items()} for row, kept in self.best.items()}
        return {"rows": rows, "calls": self.calls, "cold_start_s": self.starts}


def shown(figures: Figures, out: Console) -> None:
    """Print the table."""
    table = Table(
        "ms of processor time each (per second, by the wall clock)",
        *_NAMES.values(),
        "of the obvious",
        "of the limit",
        "peak MB",
    )
    for row, name in _ROWS.items():
        kept = figures.best[row]
        costs = [f"{kept[who].cpu_ms:.2f} ({kept[who].per_second:,.0f})" for who in _NAMES]
        ratios = [f"{figures.ratio(row, who):.2f}" for who in ("obvious", "ceiling")]
        table.add_row(name, *costs, *ratios, f"{kept['ours'].peak_mb:.0f}")
    out.print(table)
    if figures.starts:
        out.print(_starts(figures.starts))
    table = Table("calls for each", *_ROWS)
    for part, name in sorted({(p, n) for each in figures.calls.values() for p, calls in each.items() for n in calls}):
        table.add_row(f"{part} {name}", *(f"{figures.calls[row].get(part, {}).get(name, 0):.2f}" for row in _ROWS))
    for part in ("store", "queue", "provider"):
        sums = [sum(figures.calls[row].get(part, {}).values()) for row in _ROWS]
        table.add_row(f"[bold]{part} total", *(f"[bold]{one:.2f}" for one in sums))
    out.print(table)
    rates = (f"{name} {told.per_second:,.0f}" for name, told in figures.best["servers"].items())
    out.print("The servers alone, with a trivial client, requests per second: " + ", ".join(rates))


def _starts(starts: dict[str, float]) -> Table:
    """The cold starts, compared with that of the two SDKs."""
    usual = starts["usual"]
    table = Table("cold start: fresh process to the end of its first call", "processor, s", "of both SDKs alone")
    table.add_row("import openai, boto3 and a client of each", f"{usual:.2f}", "1.00")
    for what, name in _STARTS.items():
        table.add_row(name, f"{starts[what]:.2f}", f"{starts[what] / usual:.2f}")
    return table
