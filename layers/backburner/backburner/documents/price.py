"""What tokens cost: the price that a recipe names, and the one formula that uses it."""

from typing import Annotated

import msgspec

MAX_TOKENS = 10**15
MAX_COST = 1e12
"""More than any answer costs; a larger figure comes from a false count of tokens."""
Money = Annotated[float, msgspec.Meta(ge=0)]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Per million tokens, in a currency of the operator's choice."""

    input: Money
    output: Money

    def of(self, inputs: int, outputs: int) -> float:
        """What these tokens cost: never negative, and always finite."""
        inputs, outputs = (min(MAX_TOKENS, max(0, tokens)) for tokens in (inputs, outputs))
        return round(min(MAX_COST, (inputs * self.input + outputs * self.output) / 1_000_000), 9)
