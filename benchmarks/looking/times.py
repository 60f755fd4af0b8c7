"""How long generations take: log-normal with a heavy tail, between ten seconds and six hours."""

import math
import random
from dataclasses import dataclass

MIN_S, MAX_S = 10.0, 6 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Generations of one kind: their median, and how widely they spread (the logarithm's standard deviation)."""

    name: str
    median_s: float
    spread: float
    span_s: float
    """The documents are uploaded within this many seconds."""

    def drawn(self, number: int, seed: int = 0) -> list[tuple[float, float]]:
        """The given number of documents: when each is uploaded, in order, and how long its generation takes."""
        chance = random.Random(seed)  # noqa: S311 - the same documents in each run
        uploaded = sorted(chance.uniform(0, self.span_s) for _ in range(number))
        return [(at, self._took_s(chance)) for at in uploaded]

    def _took_s(self, chance: random.Random) -> float:
        return min(MAX_S, max(MIN_S, chance.lognormvariate(math.log(self.median_s), self.spread)))


KINDS = (
    Kind(name="short, median 20 s", median_s=20, spread=0.6, span_s=3600),
    Kind(name="median 2 min", median_s=120, spread=0.8, span_s=3600),
    Kind(name="median 20 min", median_s=1200, spread=0.8, span_s=7200),
    Kind(name="median 2 h", median_s=7200, spread=0.6, span_s=7200),
    Kind(name="mixed, 10 s to 6 h", median_s=300, spread=1.7, span_s=7200),
)
