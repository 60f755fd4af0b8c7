"""Alarms are raised in time, and the oldest generations are collected first."""

import pytest

from backburner.maintenance.health import Health, alarms
from backburner.provider.profiles import PROFILES, Provider
from support.system import System

QUIET = {"waiting": 1, "running": 1, "oldest_s": 10.0, "paused": 0, "budget_used": 0.1}
DAY_S = 86_400
KEPT_S = PROFILES[Provider.YANDEX].results_kept_s


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        ({}, []),
        ({"oldest_s": 1.1 * DAY_S}, ["oldest-open-job"]),
        ({"oldest_s": 1.6 * DAY_S}, ["oldest-open-job", "results-end"]),
        ({"paused": 1}, ["provider-paused"]),
        ({"budget_used": 0.8}, ["budget"]),
    ],
)
def test_alarms_have_the_names_of_the_runbooks_sections(change, raised):
    """Each cause has its own."""
    assert alarms(Health(**QUIET | change), deadline_s=DAY_S, results_kept_s=KEPT_S) == raised


def test_half_the_time_is_left_when_results_are_about_to_end():
    """Three days is the shorter of the vendor's two published times; other providers publish none."""
    assert KEPT_S == 3 * DAY_S
    assert alarms(Health(**QUIET | {"oldest_s": 2.9 * DAY_S}), deadline_s=7 * DAY_S, results_kept_s=None) == []
    late = Health(**QUIET | {"oldest_s": KEPT_S / 2 + 1})
    assert alarms(late, deadline_s=7 * DAY_S, results_kept_s=KEPT_S) == ["results-end"]


def test_a_tick_looks_at_the_oldest_first():
    """The queue's order does not matter: the provider forgets the oldest first."""
    system = System()
    for number in range(6):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
        system.world.later(30)
    system.pending.messages.reverse()
    system.run(system.tick())
    assert system.generator.retrieved == list(system.generator.made)
