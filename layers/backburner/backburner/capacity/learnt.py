"""What finished generations teach: how long one usually takes, and how many characters make a token."""

from backburner.capacity.limits import Counters

_MAX_TAKEN_S = 86_400.0
"""Durations are capped at a day: a longer one says nothing about when to poll the next generation."""


def learn(counters: Counters, model: str, took_s: float, chars_per_token: float | None = None) -> None:
    """Update the moving averages, a new generation weighing a fifth. Values are bounded, so one outlier soon fades."""
    took_s = min(_MAX_TAKEN_S, max(0.0, took_s))
    usual_s = min(_MAX_TAKEN_S, counters.usual_s.get(model, took_s))
    counters.usual_s[model] = round(usual_s + (took_s - usual_s) / 5, 1)
    if chars_per_token is not None:
        told = _plausible(chars_per_token)
        known = _plausible(counters.chars_per_token.get(model, told))
        counters.chars_per_token[model] = round(known + (told - known) / 5, 3)


def _plausible(chars_per_token: float) -> float:
    return min(8.0, max(0.5, chars_per_token))
