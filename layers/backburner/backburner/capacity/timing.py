"""When to poll next and how long to back off, in seconds, as DESIGN section 6 sets them."""

import asyncio
import math
import random
from dataclasses import dataclass

from backburner.ports import MAX_DELAY_S, Clock

UNKNOWN_S = 2.0
"""The first poll of a generation comes after this time if the model's usual duration is not known yet."""
MAX_POLL_S = 300.0
_FIRST_SHARE, _UNKNOWN_SHARE = 1 / 2, 1 / 5
_SHARE, _LONG_SHARE, _LONG_S = 1 / 8, 1 / 5, 480.0
MAX_HIDING_S = 36_000.0
"""A received message is hidden for at most this long; a queue allows 12 hours."""
LATE_S = 2.0
"""A message may be received this much later than it shows."""
MAX_WAIT_S = 110.0
"""A segment of a batch asks for slots at least this often."""
PROBE_S = 60.0
"""How often a provider that refuses every call is tried again."""
MAX_VISIT_S = 50.0
"""A run that waits for other runs is visited at least this often. This and other long pauses are ten seconds short of
whole minutes: what shows just after a tick has begun may wait for the one after it."""
_MINUTE_S, _MAX_LATE_S = 60.0, 50.0
RANDOM = random.Random()  # noqa: S311 - spreads load, keeps no secret
"""The one source of jitter, so that a test can seed it."""


def first_poll_s(usual_s: float | None) -> float:
    """When to poll a new generation first: after half of the usual time, at most 5 minutes."""
    return UNKNOWN_S if usual_s is None else min(MAX_POLL_S, max(UNKNOWN_S, usual_s * _FIRST_SHARE))


def pause_s(age_s: float, usual_s: float | None = None, running_s: float = 0.0) -> float:
    """How long to wait between two polls, by the age, or by the usual time while that is longer (ADR 26).

    An eighth of its first eight minutes and a fifth of the rest. Before half of the usual time has passed, the rest of
    that half. While the usual time is not known, a fifth of the age, or of `running_s`, the longest time for which a
    generation was seen running. Neither jitter nor the longest pause are applied.
    """
    if usual_s is None:
        return max(UNKNOWN_S, max(age_s, running_s) * _UNKNOWN_SHARE)
    whole_s = max(age_s, usual_s)
    share_s = min(whole_s, _LONG_S) * _SHARE + max(0.0, whole_s - _LONG_S) * _LONG_SHARE
    return max(UNKNOWN_S, usual_s * _FIRST_SHARE - age_s, share_s)


def poll_ages_s(usual_s: float | None, until_s: float) -> list[float]:
    """The ages at which a generation is polled, without jitter, up to and including the first after `until_s`."""
    ages = [first_poll_s(usual_s)]
    while ages[-1] <= until_s:
        ages.append(ages[-1] + min(MAX_POLL_S, pause_s(ages[-1], usual_s)))
    return ages


def next_poll_s(
    age_s: float,
    hint_s: float | None = None,
    *,
    usual_s: float | None = None,
    running_s: float = 0.0,
    round_s: float = 0.0,
    max_s: float = MAX_HIDING_S,
    left_s: float = math.inf,
) -> float:
    """`pause_s` ±20 %, or the provider's hint if that is longer.

    At most 5 minutes, or twice `round_s` if that is longer (the time it takes to poll everything in flight once). A
    pause that reaches this bound is up to 20 % shorter: exactly 5 minutes would show just after a tick began. Never
    more than `max_s`, the time for which the provider keeps a finished generation, nor later than the deadline in
    `left_s`.
    """
    bound_s = min(max_s, max(MAX_POLL_S, 2 * round_s))
    own = min(pause_s(age_s, usual_s, running_s) * RANDOM.uniform(0.8, 1.2), bound_s * RANDOM.uniform(0.8, 1.0))
    return max(min(UNKNOWN_S, max_s), min(bound_s, max(own, hint_s or 0.0), max(UNKNOWN_S, left_s)))


def is_worth_staying(
    shows_s: float, pause_s: float, *, left_s: float, next_s: float, ticks_per_minute: int = 1
) -> bool:
    """Whether a tick should stay for a message that shows in `shows_s`, after a pause of `pause_s` in all (ADR 26).

    It should if the message shows before the tick's time is over (`left_s`) and the next tick, due in `next_s`, would
    be late for it by more than its pause. A pause of up to a minute may not become nearly two: there 50 s are too late.
    With n ticks a minute, an n-th of that is too late (ADR 27).
    """
    too_late_s = min(pause_s, _MAX_LATE_S) if pause_s <= _MINUTE_S else pause_s
    return shows_s < left_s and next_s - shows_s > too_late_s / ticks_per_minute


def ask_again_s(waited_s: float, min_s: float) -> float:
    """When to ask for slots again: after a fifth of the time waited so far, but from `min_s` to `MAX_WAIT_S`.

    A hundred segments of a batch may wait at once, and each request costs calls to the store.
    """
    return max(min_s, min(MAX_WAIT_S, waited_s / 5 * RANDOM.uniform(0.8, 1.2)))


def probe_s(hint_s: float | None = None) -> float:
    """When to try a provider again that refuses every call: in a minute, or at its hint, up to 5 minutes."""
    return max(PROBE_S, min(MAX_POLL_S, hint_s or 0.0))


def hidden_s(seconds: float) -> float:
    """The visibility timeout for a message that should reappear after this many seconds."""
    return min(MAX_HIDING_S, max(1.0, seconds))


def backoff_s(tries: int, hint_s: float | None = None) -> float:
    """2 s, doubled with each consecutive try, ±20 %, or the provider's hint if that is longer; at most 900 s."""
    own = UNKNOWN_S * float(2 ** min(tries, 10)) * RANDOM.uniform(0.8, 1.2)
    return min(MAX_DELAY_S, max(own, hint_s or 0.0))


@dataclass
class TickState:
    """What all steps of one tick share. Outside a tick there is no end and no refusal."""

    until: float = math.inf
    """The monotonic time after which the tick takes up no more work."""
    is_refused: bool = False
    """Whether the provider refuses every call: this tick makes no more of them."""


class Pace:
    """A rate limiter: at most `per_second` turns a second, evenly spaced, without bursts."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._next = 0.0
        self._lock = asyncio.Lock()

    async def turn(self, until: float = math.inf) -> bool:
        """Wait for the next free turn. Returns False at once if there is none before `until` (monotonic time)."""
        async with self._lock:
            now = self._clock.monotonic()
            at = max(now, self._next)
            if at > max(now, until):
                return False
            self._next = at + 1 / self.per_second
        if at > now:
            await self._clock.sleep(at - now)
        return True
