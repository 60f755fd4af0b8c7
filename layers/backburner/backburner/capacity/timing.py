"""When to look again and how long to back off: seconds, as DESIGN section 6 sets them."""

import asyncio
import math
import random
from dataclasses import dataclass

from backburner.ports import Clock

UNKNOWN_S = 2.0
"""When to look first at a generation of a model whose usual duration is not known yet."""
MAX_POLL_S = 300.0
MAX_DELAY_S = 900.0
"""The longest delay of a queue message (SQS, Message Queue)."""
MAX_HIDING_S = 36_000.0
"""A message in hand is hidden for at most this long, less than the 12 hours that a queue allows."""
MAX_WAIT_S = 120.0
"""A segment of a batch asks for slots at least this often."""
PROBE_S = 60.0
"""A provider that refuses everybody is tried again this often."""
RANDOM = random.Random()  # noqa: S311 - spreads load, keeps no secret
"""Shared by all, so that a test can seed it."""


def next_poll_s(
    age_s: float,
    hint_s: float | None = None,
    *,
    round_s: float = 0.0,
    most_s: float = MAX_HIDING_S,
    left_s: float = math.inf,
) -> float:
    """About a fifth of the generation's age, ±20 %, or the provider's hint where that is later.

    At most 5 minutes; or twice `round_s`, what it takes to look at everything in flight once, where that is longer, but
    never more than `most_s`, for which the provider keeps what has ended; and not after the deadline, `left_s` away.
    """
    longest_s = min(most_s, max(MAX_POLL_S, 2 * round_s))
    own = max(UNKNOWN_S, age_s / 5) * RANDOM.uniform(0.8, 1.2)
    return max(min(UNKNOWN_S, most_s), min(longest_s, max(own, hint_s or 0.0), max(UNKNOWN_S, left_s)))


def ask_again_s(waited_s: float, least_s: float) -> float:
    """When to ask for slots again: after about a fifth of the time waited so far, from `least_s` to two minutes.

    A hundred segments of a batch may wait at once, and asking costs calls to the store.
    """
    return max(least_s, min(MAX_WAIT_S, waited_s / 5 * RANDOM.uniform(0.8, 1.2)))


def probe_s(hint_s: float | None = None) -> float:
    """When to try a provider again that refuses everybody: a minute, or its hint where that is a little later."""
    return max(PROBE_S, min(MAX_POLL_S, hint_s or 0.0))


def hidden_s(seconds: float) -> float:
    """How long to hide a message that is to show after so many seconds."""
    return min(MAX_HIDING_S, max(1.0, seconds))


def backoff_s(tries: int, hint_s: float | None = None) -> float:
    """2 s, doubled with each try in a row, ±20 %, or the provider's hint where that is later; at most 900 s."""
    own = UNKNOWN_S * float(2 ** min(tries, 10)) * RANDOM.uniform(0.8, 1.2)
    return min(MAX_DELAY_S, max(own, hint_s or 0.0))


@dataclass
class TickState:
    """What all steps of one tick share. Outside a tick nothing is ever over."""

    until: float = math.inf
    """When the tick takes up nothing more, on the clock's monotonic time."""
    is_refused: bool = False
    """Whether the provider refuses everybody: this tick asks it nothing more."""


class Pace:
    """A rate limiter: at most `per_second` turns begin in a second, evenly spaced, without a burst."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._next = 0.0
        self._lock = asyncio.Lock()

    async def turn(self, until: float = math.inf) -> bool:
        """Wait for the next free turn; False, at once, if none comes by `until` on the clock's monotonic time."""
        async with self._lock:
            now = self._clock.monotonic()
            at = max(now, self._next)
            if at > max(now, until):
                return False
            self._next = at + 1 / self.per_second
        if at > now:
            await self._clock.sleep(at - now)
        return True
