"""Health: the figures behind the alarms at the end of a tick, from one listing and the governor."""

from dataclasses import dataclass

from backburner.capacity.governor import Governor
from backburner.ledger.keys import OPEN, open_run
from backburner.ports import Bucket

_BUDGET_SHARE = 0.8
_MAX = 20_000
"""Counting stops at this many open records; the true number may be larger."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Counts of open jobs; `oldest_s` is the longest time since an open record was written, by the store's clock."""

    waiting: int
    running: int
    oldest_s: float
    paused: int
    budget_used: float
    """The share of the day's budget that is spent or reserved, the larger of tokens and cost; 0 without a budget."""
    unreadable: int = 0
    """Objects that a person must look at."""


def alarms(health: Health, *, deadline_s: int, results_kept_s: int | None) -> list[str]:
    """The raised alarms, named like the sections of the runbook.

    "results-end" is raised when half the time that the provider keeps results has passed, before any of them is lost.
    """
    raised = {
        "oldest-open-job": health.oldest_s > deadline_s,
        "results-end": results_kept_s is not None and health.oldest_s > results_kept_s / 2,
        "provider-paused": health.paused > 0,
        "unreadable-objects": health.unreadable > 0,
        "budget": health.budget_used >= _BUDGET_SHARE,
    }
    return [name for name, is_raised in raised.items() if is_raised]


async def measure(bucket: Bucket, governor: Governor) -> Health:
    """Measure the health now. The governor is told how many runs are open."""
    count, oldest_s = 0, 0.0
    async for key, stored in bucket.listed(OPEN):
        if open_run(key) is None:
            continue
        count, oldest_s = count + 1, max(oldest_s, stored.age_s)
        if count >= _MAX:
            break
    governor.open_runs = count
    counters, now = await governor.counters()
    return Health(
        waiting=max(0, count - counters.held.runs),
        running=counters.in_flight,
        oldest_s=oldest_s,
        paused=len(counters.pauses),
        unreadable=len(counters.unreadable),
        budget_used=governor.budget_used(counters, now),
    )
