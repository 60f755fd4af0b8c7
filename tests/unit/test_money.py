"""The bill for 1,000 documents has each counted call once, at the price of its type."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from pricing.bill import (  # noqa: E402
    CHECKER_MB,
    CREATE_S,
    STORE_S,
    SUBMIT_MB,
    Usage,
    further_ticks_month,
    idle_month,
    looks_each_minute,
    ours,
    step_functions,
)
from pricing.prices import AWS, YANDEX  # noqa: E402
from pricing.scale import month  # noqa: E402

CORE_SHARE = 1024 / 1769
BENCH = {
    "calls": {
        "submit": {"store": {"GET": 3.0, "HEAD": 1.0, "PUT": 2.0}, "queue": {"SendMessageBatch": 2.0}},
        "look": {"store": {"GET": 1.0}, "queue": {"ReceiveMessage": 0.2}},
        "check": {"store": {"GET": 1.0, "PUT": 2.0, "DELETE": 1.0, "LIST": 0.5}, "queue": {"DeleteMessageBatch": 0.5}},
    },
    "rows": {what: {"ours": {"cpu_ms_each": 10.0}} for what in ("submit", "look", "check")},
}


def test_our_usage_is_what_was_counted() -> None:
    """A document is submitted once, looked at, and collected by its last look; deletes are free."""
    used = ours(BENCH, looks=5.0, ticks=60, tick_s=600.0)
    assert used.store_writes == pytest.approx(1000 * (2 + 2.5) + 60)
    assert used.store_reads == pytest.approx(1000 * (4 + 4 * 1 + 1))
    assert used.queue_requests == pytest.approx(1000 * (2 + 4 * 0.2 + 0.5) + 2 * 600)
    assert (used.function_calls, used.schedules) == (1060, 60)
    busy_s = 1000 * 6 * 0.010 / CORE_SHARE
    assert used.gb_s == pytest.approx(busy_s + 1000 * (CREATE_S + 6 * STORE_S) + 600)


def test_a_bill_is_the_sum_of_its_items() -> None:
    """Each item has its list price."""
    assert Usage(store_writes=1000).cost(AWS) == pytest.approx(0.005)
    assert Usage(store_reads=10_000).cost(AWS) == pytest.approx(0.004)
    assert Usage(queue_requests=1e6, function_calls=1e6, schedules=1e6).cost(AWS) == pytest.approx(1.6)
    assert Usage(gb_s=3600).cost(YANDEX) == pytest.approx(0.0531147456)
    assert Usage(transitions=1000).cost(AWS) == pytest.approx(0.025)


def test_a_wait_loop_pays_three_transitions_for_each_look() -> None:
    """They are wait, look, choose."""
    assert [looks_each_minute(took_s) for took_s in (10, 60, 61)] == [1, 1, 2]
    assert step_functions(3).transitions == 1000 * 11


def test_a_months_capacity_is_its_rate_times_the_measured_time() -> None:
    """This is Little's law, with the share of a core that each document takes of a checker."""
    used = ours(BENCH, looks=5.0, ticks=60, tick_s=600.0)
    needs = month(2_592_000, BENCH, used, looks=5.0, took_s=150.0)
    assert (needs.per_second, needs.in_flight, needs.looks_per_second) == (1.0, 150.0, 5.0)
    assert needs.submits_at_once == pytest.approx(CREATE_S + 6 * STORE_S + 0.010 / CORE_SHARE)
    assert needs.checkers == pytest.approx(5 * 0.010 / CORE_SHARE / (50 / 60))
    assert needs.store_calls_per_second == pytest.approx(2 + 2.5 + 4 + 4 * 1 + 1 + 0.06)


def test_each_function_is_charged_with_its_own_memory() -> None:
    """Half the memory halves the price of waiting, and doubles the time that work takes."""
    full, half = (ours(BENCH, looks=5.0, ticks=60, tick_s=600.0, checker_mb=memory_mb) for memory_mb in (1024, 512))
    assert full.gb_s - half.gb_s == pytest.approx(600 / 2)
    assert idle_month(512).gb_s < idle_month().gb_s


def test_further_ticks_are_charged_as_idle_ticks_without_a_schedule_but_with_their_queue() -> None:
    """One call a minute sends for all of them; each message is deleted, and the queue is polled all the time."""
    idle, one, three = idle_month(), further_ticks_month(2), further_ticks_month(4)
    minutes = idle.schedules
    assert (one.store_writes, one.function_calls, one.schedules) == (idle.store_writes, minutes, 0)
    assert one.gb_s == pytest.approx(idle.gb_s)
    assert one.queue_requests == pytest.approx(minutes * (2 + 1 + 1 + 15))
    assert three.queue_requests == pytest.approx(minutes * (6 + 1 + 3 + 15))


def test_the_memory_charged_is_the_default_of_template_and_terraform() -> None:
    """Both have the same default."""
    template, terraform = (ROOT / "template.yaml").read_text(), (ROOT / "deploy/yandex/variables.tf").read_text()
    for name, memory_mb in (("Submit", SUBMIT_MB), ("Checker", CHECKER_MB)):
        assert f"  {name}Memory:\n    Type: Number\n    Default: {memory_mb}\n" in template
        variable = terraform.partition(f'variable "{name.lower()}_memory"')[2]
        assert variable.partition("default")[2].split()[1] == str(memory_mb)
