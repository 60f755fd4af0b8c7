"""How long generations and answers take at the stand-in."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long generations take, and how slow slow answers are."""

    queued_s: float = 0.5
    running_s: float = 1.5
    per_1000_tokens_s: float = 0.02
    slow_s: float = 60.0
    """How long `retrieve-slow` delays its answer."""
    drip_every_s: float = 1.0
    """The pause between two bytes of `create-slow-after`."""

    def runs_s(self, input_tokens: int) -> float:
        """Return how long a generation takes for an input of this size."""
        return self.running_s + self.per_1000_tokens_s * input_tokens / 1000
