"""Looks and lags of each policy, kind by kind: as a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from backburner.capacity.timing import RANDOM
from looking.policies import BY_HAND, Looked
from looking.simulated import Simulation
from looking.times import KINDS, Kind

OURS = {"Backburner": 1, "Backburner, TicksPerMinute: 2": 2}
"""How many ticks a minute each of our rows has."""


@dataclass(frozen=True)
class Summary:
    """One policy over one kind of generation; `prompt` is the share of results within a tenth of the time and 2 s."""

    looks: float
    lag_s: float
    p95_lag_s: float
    prompt: float


def summary(looked: Sequence[Looked]) -> Summary:
    """The figures of all generations of one kind."""
    lags = sorted(one.lag_s for one in looked)
    return Summary(
        looks=mean(one.looks for one in looked),
        lag_s=median(lags),
        p95_lag_s=lags[int(0.95 * (len(lags) - 1))],
        prompt=mean(one.is_prompt for one in looked),
    )


def is_beaten(name: str, rows: Mapping[str, Summary]) -> bool:
    """Whether another row gets its results sooner (by the median) and polls no more often."""
    mine = rows[name]
    return any(
        one.looks <= mine.looks and one.lag_s <= mine.lag_s and (one.looks, one.lag_s) != (mine.looks, mine.lag_s)
        for other, one in rows.items()
        if other != name
    )


def simulated(number: int, seeds: int) -> dict[str, dict[str, Summary]]:
    """Each policy over the same generations of each kind, so many for each seed."""
    return {kind.name: _rows(kind, number, seeds) for kind in KINDS}


def _rows(kind: Kind, number: int, seeds: int) -> dict[str, Summary]:
    RANDOM.seed(0)  # the same jitter in each run
    drawn = [kind.drawn(number, seed) for seed in range(seeds)]
    ours = {
        name: summary([one for documents in drawn for one in Simulation(documents, ticks).run()])
        for name, ticks in OURS.items()
    }
    by_hand = {
        name: summary([policy(*one) for documents in drawn for one in documents]) for name, policy in BY_HAND.items()
    }
    return ours | by_hand


def shown(kinds: Mapping[str, Mapping[str, Summary]], out: Console) -> None:
    """Print a table for each kind."""
    for kind, rows in kinds.items():
        table = Table(kind, "looks", "median lag, s", "95 %, s", "prompt", "beaten")
        for name, one in rows.items():
            lags = f"{one.lag_s:.0f}", f"{one.p95_lag_s:.0f}"
            table.add_row(name, f"{one.looks:.1f}", *lags, f"{one.prompt:.0%}", "yes" if is_beaten(name, rows) else "")
        out.print(table)


def as_json(kinds: Mapping[str, Mapping[str, Summary]]) -> dict[str, Any]:
    """All of it."""
    return {kind: {name: asdict(one) for name, one in rows.items()} for kind, rows in kinds.items()}
