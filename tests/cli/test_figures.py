"""The figures that several commands show."""

import pytest

from backburner.capacity.limits import Counters, NotedReservation, Totals
from backburner.settings import from_env
from backburner_cli.operator.figures import use_of_limits
from support.system import ENVIRONMENT


def test_everything_reserved_counts_whether_the_governor_names_it_or_only_adds_it_up() -> None:
    """Most reservations are kept as sums."""
    counters = Counters(
        recorded_totals=Totals(runs=2, slots=2, tokens=40, cost=0.5),
        reserved={"a.1": NotedReservation(model="m", tokens=2, cost=0.25)},
    )
    used = use_of_limits(counters, from_env(ENVIRONMENT))
    assert (used["tokens_reserved"], used["cost_reserved"], used["places_in_use"]) == (42, 0.75, 3)


@pytest.mark.parametrize(("tokens", "cost", "shown"), [(0, 0.0, 0.0), (40, 0.0, None), (40, 0.5, 0.5)])
def test_a_cost_that_nobody_knows_is_not_called_nothing(tokens: int, cost: float, shown: float | None) -> None:
    """If recipes name no price, their documents have cost something all the same."""
    assert use_of_limits(Counters(tokens=tokens, cost=cost), from_env(ENVIRONMENT))["cost_today"] == shown
