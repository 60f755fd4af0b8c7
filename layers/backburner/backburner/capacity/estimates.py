"""What a generation is expected to use, before it is started: tokens, money, and whether a day's budget covers it."""

from dataclasses import dataclass

from backburner.capacity.limits import Limits, Reservation
from backburner.documents.price import Price
from backburner.errors import JobError, Reason


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The input and output tokens one generation is expected to use. `cost` is 0 if the recipe names no price."""

    tokens: int
    cost: float

    def reservation(self, model: str) -> Reservation:
        """What to reserve with the governor for it."""
        return Reservation(model=model, tokens=self.tokens, cost=self.cost)

    def over_budget(self, limits: Limits) -> str:
        """Why no day's budget can ever cover it; "" if one can, or if there is no budget."""
        if limits.daily_tokens is not None and self.tokens > limits.daily_tokens:
            return f"about {self.tokens} tokens, more than a whole day's {limits.daily_tokens}"
        if limits.daily_cost is not None and self.cost > limits.daily_cost:
            return f"about {self.cost:.4f}, more than a whole day's {limits.daily_cost}"
        return ""


def estimated(price: Price | None, inputs: int, outputs: int) -> Estimate:
    """The estimate for this many input and output tokens."""
    return Estimate(tokens=inputs + outputs, cost=price.of(inputs, outputs) if price else 0.0)


def require_price(price: Price | None, limits: Limits) -> None:
    """Raise `JobError` (`invalid_recipe`) if there is a budget of money and the recipe names no price."""
    if limits.daily_cost is not None and price is None:
        raise JobError(Reason.INVALID_RECIPE, "BACKBURNER_DAILY_COST is set, so every recipe must name its price")


def affordable(price: Price | None, inputs: int, outputs: int, limits: Limits) -> Estimate:
    """The estimate for a document's generation. Raises `JobError` if no day's budget can ever cover it."""
    require_price(price, limits)
    estimate = estimated(price, inputs, outputs)
    if why := estimate.over_budget(limits):
        raise JobError(Reason.OVER_BUDGET, why)
    return estimate
