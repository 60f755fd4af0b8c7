"""Simple policies that people write themselves: when each polls a generation, and how late it gets the result."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Looked:
    """One generation: how long it took, how often it was looked at, and how long its result waited."""

    took_s: float
    looks: int
    lag_s: float

    @property
    def is_prompt(self) -> bool:
        """Whether the result waited at most a tenth of the generation's time and 2 s."""
        return self.lag_s <= self.took_s / 10 + 2


Policy = Callable[[float, float], Looked]
"""When to poll, given the time of the create by the wall clock and how many seconds the generation takes."""


def loop(every_s: float) -> Policy:
    """Sleep, look, sleep, as the guides show it: a process that stays up for each generation."""

    def looked(_: float, took_s: float) -> Looked:
        looks = math.ceil(took_s / every_s)
        return Looked(took_s, looks, looks * every_s - took_s)

    return looked


def timer(every_s: float) -> Policy:
    """A timer that looks at everything in flight each time."""

    def looked(began_s: float, took_s: float) -> Looked:
        ended_s = began_s + took_s
        first, last = math.floor(began_s / every_s) + 1, math.ceil(ended_s / every_s)
        return Looked(took_s, last - first + 1, last * every_s - ended_s)

    return looked


def doubling(first_s: float, max_s: float) -> Policy:
    """Exponential back-off from the create on, up to a longest pause."""

    def looked(_: float, took_s: float) -> Looked:
        pause_s, at_s, looks = first_s, first_s, 1
        while at_s < took_s:
            pause_s = min(max_s, 2 * pause_s)
            at_s, looks = at_s + pause_s, looks + 1
        return Looked(took_s, looks, at_s - took_s)

    return looked


BY_HAND: dict[str, Policy] = {
    "the guide's loop, every 2 s": loop(2),
    "a timer, every 60 s": timer(60),
    "back-off, 2 s doubled, at most 5 min": doubling(2, 300),
    "back-off, 2 s doubled without end": doubling(2, math.inf),
}
