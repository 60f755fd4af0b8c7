"""The estimated price of a generation, and the message for one that no day's budget covers."""

import pytest

from backburner.capacity.estimates import estimated
from backburner.capacity.limits import Limits
from backburner.documents.price import Price

PRICE = Price(input=1.0, output=10.0)


def limits(daily_tokens: int | None = None, daily_cost: float | None = None) -> Limits:
    """Limits with these daily budgets."""
    return Limits(max_in_flight=1, submits_per_minute=1, daily_tokens=daily_tokens, daily_cost=daily_cost)


def test_tokens_and_money_are_reserved_together() -> None:
    """Input and output have their own prices; without a price, only tokens are reserved."""
    reservation = estimated(PRICE, 1_000_000, 500_000).reservation("m")
    assert (reservation.model, reservation.slots, reservation.tokens, reservation.cost) == ("m", 1, 1_500_000, 6.0)
    assert estimated(None, 3, 4).reservation("m").cost == 0.0


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (limits(), ""),
        (limits(daily_tokens=1_500_000, daily_cost=6.0), ""),
        (limits(daily_tokens=1_499_999), "about 1500000 tokens, more than a whole day's 1499999"),
        (limits(daily_cost=5.99), "about 6.0000, more than a whole day's 5.99"),
    ],
)
def test_a_document_above_any_days_budget_is_refused_with_the_figures(allowed: Limits, said: str) -> None:
    """One that just fits is accepted; without a budget, every one is."""
    assert estimated(PRICE, 1_000_000, 500_000).over_budget(allowed) == said
