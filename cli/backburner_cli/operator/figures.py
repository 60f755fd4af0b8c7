"""Figures that several commands show: cost, rate and percentiles of jobs, and how far the limits are used."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from backburner.ledger.records import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from backburner.capacity.limits import Counters
    from backburner.settings import Settings
    from backburner_cli.operator.job import Job

COST_UNKNOWN: Final = "unknown: the recipe names no price (add price: to it)"
_RATE_OVER: Final = timedelta(minutes=5)
_MIN_S: Final = 10.0
"""A rate over less time than this means nothing."""
_MIN_ENDED: Final = 5
"""After fewer documents, the rate says nothing about the others."""


def cost_of(jobs: Iterable[Job]) -> float | None:
    """The total cost; None if no recipe names a price."""
    costs = [job.cost for job in jobs if job.cost is not None]
    return round(sum(costs), 9) if costs else None


def per_minute(jobs: Iterable[Job], now: datetime, first: datetime) -> float | None:
    """Ends per minute, over the last five minutes or since the first upload; None if nothing ended."""
    since = max(first, now - _RATE_OVER)
    recent = sum(
        job.finished_at is not None and job.finished_at >= since and job.state is not State.SUPERSEDED for job in jobs
    )
    return round(recent / max(_MIN_S, (now - since).total_seconds()) * 60, 1) if recent else None


def seconds_left(left: int, rate: float | None, ended: int) -> float | None:
    """The time that `left` documents take at a rate per minute; None if too few have ended to tell."""
    return round(left / rate * 60, 1) if rate and ended >= _MIN_ENDED else None


def at_share(ordered: Sequence[float], share: float) -> float:
    """The figure below which this share of `ordered` lies (a percentile); there must be at least one figure."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def use_of_limits(counters: Counters, settings: Settings) -> dict[str, Any]:
    """How far slots and today's budget are used, as JSON; `cost_today` is None if it is not known."""
    held = counters.held
    return {
        "places_in_use": counters.in_flight,
        "places": settings.max_in_flight,
        "tokens_today": counters.tokens,
        "tokens_reserved": held.tokens,
        "daily_tokens": settings.daily_tokens,
        "cost_today": None if counters.tokens and not counters.cost else round(counters.cost, 6),
        "cost_reserved": round(held.cost, 6),
        "daily_cost": settings.daily_cost,
    }
