"""What we and others use, and what it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pricing.prices import AWS, SMALL_VM_MONTH, TRANSITION, PriceList

DOCUMENTS = 1000
SUBMIT_MB = CHECKER_MB = 1024
"""The functions' memory by default, in `template.yaml` and the Terraform."""
_CORE_MB = 1769
"""A function with this much memory has a processor core to itself (Lambda)."""
STORE_S, CREATE_S = 0.02, 1.0
"""What is assumed about the cloud: how long a submit waits for a call to the store, and for a create."""
IDLE_READS, IDLE_LISTS, IDLE_CPU_S = 3, 1, 0.0022
IDLE_WAIT_S = 1 / 5  # every fifth idle tick waits a second for messages
"""A tick with nothing to do: its calls to the store, one after the other, and its processor time on a core."""
TICKS_A_MONTH = 30 * 24 * 60
POLLS_A_MINUTE = 5 * 60 / 20
"""How often Lambda polls the ticks queue: five pollers (only two while little comes), each waiting 20 s."""
_SMALL_GB, _SMALL_CALL_S = 0.25, 0.3
"""A function of a few lines, as one would write it for a state machine."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Numbers of calls; `gb_s` is a function's memory times its time."""

    store_writes: float = 0.0
    store_reads: float = 0.0
    queue_requests: float = 0.0
    function_calls: float = 0.0
    gb_s: float = 0.0
    schedules: float = 0.0
    transitions: float = 0.0

    def cost(self, prices: PriceList) -> float:
        """What it costs, leaving out everything for which the list has no price."""
        priced = (
            (self.store_writes, prices.store_write),
            (self.store_reads, prices.store_read),
            (self.queue_requests, prices.queue_request),
            (self.function_calls, prices.function_call),
            (self.gb_s, prices.function_gb_s),
            (self.schedules, prices.schedule),
        )
        return sum(number * price.usd for number, price in priced if price) + self.transitions * TRANSITION.usd


def ours(bench: Mapping[str, Any], *, looks: float, ticks: int, tick_s: float, checker_mb: int = CHECKER_MB) -> Usage:
    """1,000 documents, from what `bench.py` counted: submitted, looked at, collected; and the ticks of the simulation.

    A tick that waits asks both queues each second, and each tick lists the open records once.
    """
    share = {"submit": 1.0, "look": looks - 1, "check": 1.0}
    calls = {what: bench["calls"][what] for what in share}

    def sums(part: str, *names: str) -> float:
        counted = (sum(calls[what][part].get(name, 0.0) for name in names) * share[what] for what in share)
        return float(DOCUMENTS * sum(counted))

    busy = {what: busy_s(bench, what, checker_mb) for what in ("look", "check")}
    checked_s = tick_s + DOCUMENTS * (busy["check"] + busy["look"] * share["look"])
    return Usage(
        store_writes=sums("store", "PUT", "LIST") + ticks * IDLE_LISTS,
        store_reads=sums("store", "GET", "HEAD"),
        queue_requests=sums("queue", *{name for one in calls.values() for name in one["queue"]}) + 2 * tick_s,
        function_calls=DOCUMENTS + ticks,
        gb_s=SUBMIT_MB / 1024 * DOCUMENTS * submit_s(bench) + checker_mb / 1024 * checked_s,
        schedules=ticks,
    )


def submit_s(bench: Mapping[str, Any]) -> float:
    """How long a submit takes: its processor time, and its waiting for the store and the provider."""
    calls: Mapping[str, float] = bench["calls"]["submit"]["store"]
    return busy_s(bench, "submit", SUBMIT_MB) + CREATE_S + STORE_S * sum(calls.values())


def busy_s(bench: Mapping[str, Any], what: str, memory_mb: int) -> float:
    """How long a step keeps a function's share of a core busy."""
    return _slowed(float(bench["rows"][what]["ours"]["cpu_ms_each"]) / 1000, memory_mb)


def _slowed(cpu_s: float, memory_mb: int) -> float:
    return cpu_s / min(1.0, memory_mb / _CORE_MB)


def idle_month(checker_mb: int = CHECKER_MB) -> Usage:
    """A deployment with nothing to do: a tick each minute, which asks both queues at once and seldom waits."""
    return replace(_idle_ticks(TICKS_A_MONTH, checker_mb), schedules=TICKS_A_MONTH)


def further_ticks_month(ticks_per_minute: int, checker_mb: int = CHECKER_MB) -> Usage:
    """What further ticks add to such a month: each minute a call that sends for them, one message deleted for each."""
    further = ticks_per_minute - 1
    idle = _idle_ticks(further * TICKS_A_MONTH, checker_mb)
    return replace(idle, queue_requests=idle.queue_requests + (1 + further + POLLS_A_MINUTE) * TICKS_A_MONTH)


def _idle_ticks(number: int, checker_mb: int) -> Usage:
    tick_s = IDLE_WAIT_S + STORE_S * (IDLE_READS + IDLE_LISTS + 1) + _slowed(IDLE_CPU_S, checker_mb)
    return Usage(
        store_writes=IDLE_LISTS * number,
        store_reads=IDLE_READS * number,
        queue_requests=2 * number,
        function_calls=number,
        gb_s=checker_mb / 1024 * tick_s * number,
    )


def step_functions(looks: float) -> Usage:
    """A state machine for each document: create, then wait a minute, look and choose until it is done, then store."""
    functions = DOCUMENTS * (2 + looks)
    return Usage(
        store_writes=DOCUMENTS,
        store_reads=2 * DOCUMENTS,
        function_calls=functions,
        gb_s=_SMALL_GB * (functions * _SMALL_CALL_S + DOCUMENTS * CREATE_S),
        transitions=DOCUMENTS * (2 + 3 * looks),
    )


def by_hand() -> Usage:
    """A script on a laptop: it reads the document and its prompt, and writes the result."""
    return Usage(store_writes=DOCUMENTS, store_reads=2 * DOCUMENTS)


def small_vm(documents_a_month: float) -> float:
    """The same script on a machine that is always on: dollars for 1,000 documents."""
    return by_hand().cost(AWS) + SMALL_VM_MONTH.usd * DOCUMENTS / documents_a_month


def looks_each_minute(took_s: float) -> int:
    """How often a state machine that waits a minute each time looks."""
    return math.ceil(took_s / 60)
