"""The figures that several commands show."""

import pytest

from backburner.capacity.limits import Counters, NotedReservation, Totals
from backburner.settings import from_env
from backburner_cli.operator.figures import use_of_limits
from support.system import ENVIRONMENT


def test_all_reservations_count_whether_named_or_summed() -> None:
    """The governor keeps most of them only as totals."""
    counters = Counters(
        recorded_totals=Totals(runs=2, slots=2, tokens=40, cost=0.5),
        reserved={"a.1": NotedReservation(model="m", tokens=2, cost=0.25)},
    )
    used = use_of_limits(counters, from_env(ENVIRONMENT))
    assert (used["tokens_reserved"], used["cost_reserved"], used["places_in_use"]) == (42, 0.75, 3)


@pytest.mark.parametrize(("tokens", "cost", "shown"), [(0, 0.0, 0.0), (40, 0.0, None), (40, 0.5, 0.5)])
def test_an_unknown_cost_is_not_shown_as_zero(tokens: int, cost: float, shown: float | None) -> None:
    """If recipes name no price, their documents have cost something all the same."""
    assert use_of_limits(Counters(tokens=tokens, cost=cost), from_env(ENVIRONMENT))["cost_today"] == shown
