"""The simulation of when to look computes the other policies correctly, and runs ours unchanged."""

import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from looking.policies import Looked, Policy, doubling, loop, timer  # noqa: E402
from looking.report import Summary, is_beaten  # noqa: E402
from looking.simulated import Simulation  # noqa: E402
from looking.times import KINDS, MAX_S, MIN_S  # noqa: E402


@pytest.mark.parametrize(
    ("policy", "began_s", "took_s", "looks", "lag_s"),
    [
        (loop(2), 7, 9, 5, 1),  # at 2, 4, 6, 8 and 10
        (loop(2), 7, 8, 4, 0),
        (timer(60), 50, 20, 2, 50),  # at 60 it runs, at 120 it is done
        (timer(60), 60, 60, 1, 0),
        (doubling(2, math.inf), 0, 20, 4, 10),  # at 2, 6, 14 and 30
        (doubling(2, 5), 0, 20, 5, 1),  # at 2, 6, 11, 16 and 21
    ],
)
def test_hand_written_policies_look_at_their_own_times(
    policy: Policy, began_s: float, took_s: float, looks: int, lag_s: float
) -> None:
    """The expected times were counted by hand."""
    assert policy(began_s, took_s) == Looked(took_s, looks, lag_s)


def test_our_policy_is_simulated_with_its_ticks() -> None:
    """A generation that ends between two ticks gets its result in one of the next, and each look is a call."""
    looked = Simulation([(5.0, 100.0), (200.0, 20.0)]).run()
    assert [one.took_s for one in looked] == [100.0, 20.0]
    assert all(1 <= one.looks <= 20 for one in looked)
    assert all(0 <= one.lag_s <= 120 for one in looked)
    sooner = Simulation([(5.0, 100.0), (200.0, 20.0)], ticks_per_minute=4).run()
    assert sum(one.lag_s for one in sooner) < sum(one.lag_s for one in looked)


def test_documents_are_the_same_in_each_run_and_within_their_bounds() -> None:
    """Otherwise runs could not be compared."""
    for kind in KINDS:
        drawn = kind.drawn(200)
        assert drawn == kind.drawn(200)
        assert all(MIN_S <= took_s <= MAX_S and at_s <= kind.span_s for at_s, took_s in drawn)
        assert sorted(took_s for _, took_s in drawn)[100] == pytest.approx(kind.median_s, rel=0.35)


def test_a_row_is_beaten_by_one_that_is_better_in_both() -> None:
    """One that pays for its promptness does not beat it."""
    rows = {"a": Summary(4, 30, 60, 0.5), "b": Summary(3, 30, 60, 0.5), "c": Summary(90, 1, 2, 1.0)}
    assert [name for name in rows if is_beaten(name, rows)] == ["a"]
