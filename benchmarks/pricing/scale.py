"""What a month with a given number of documents needs, from what was measured, if they are spread evenly over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pricing.bill import CHECKER_MB, DOCUMENTS, Usage, busy_s, submit_s

_MONTH_S = 30 * 86_400.0
_TICK_SHARE = 50 / 60
"""How many seconds of a minute a checker works."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """Averages; `checkers` are one-minute schedules whose processor is busy all the time."""

    documents: float
    per_second: float
    submits_at_once: float
    in_flight: float
    looks_per_second: float
    checkers: float
    store_calls_per_second: float


def month(documents: float, bench: Mapping[str, Any], used: Usage, *, looks: float, took_s: float) -> Month:
    """`used` is what 1,000 documents use; `took_s` is how long a generation takes on average."""
    per_second = documents / _MONTH_S
    checked_s = busy_s(bench, "check", CHECKER_MB) + (looks - 1) * busy_s(bench, "look", CHECKER_MB)
    return Month(
        documents=documents,
        per_second=per_second,
        submits_at_once=per_second * submit_s(bench),
        in_flight=per_second * took_s,
        looks_per_second=per_second * looks,
        checkers=per_second * checked_s / _TICK_SHARE,
        store_calls_per_second=per_second * (used.store_reads + used.store_writes) / DOCUMENTS,
    )
