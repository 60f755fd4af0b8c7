"""What finished generations teach: how long one takes, and how many tokens characters and pictures make."""

from dataclasses import dataclass

from backburner.capacity.limits import Counters

_MIN_TAKEN_S, _MAX_TAKEN_S = 1.0, 86_400.0
"""Durations are capped at a day: a longer one says nothing about when to poll the next generation."""


@dataclass(frozen=True, kw_only=True)
class InputCount:
    """How the provider counted an input; None for what it does not tell."""

    chars_per_token: float | None = None
    picture_scale: float | None = None


NOT_REPORTED = InputCount()


def learn(counters: Counters, model: str, took_s: float, sample: InputCount = NOT_REPORTED) -> None:
    """Update the moving averages, a new generation weighing a fifth. Values are bounded, so one outlier soon fades.

    The average of durations is a geometric one, near their median: a single generation that takes a thousand times as
    long makes it four times as long, not two hundred times (ADR 26).
    """
    took_s = _bounded(took_s)
    usual_s = _bounded(counters.usual_s.get(model, took_s))
    counters.usual_s[model] = round(usual_s * (took_s / usual_s) ** (1 / 5), 1)
    _average(counters.chars_per_token, model, sample.chars_per_token, 0.5, 8.0)
    _average(counters.picture_scale, model, sample.picture_scale, 0.05, 8.0)


def _bounded(taken_s: float) -> float:
    return min(_MAX_TAKEN_S, max(_MIN_TAKEN_S, taken_s))


def _average(learnt: dict[str, float], model: str, sample: float | None, least: float, most: float) -> None:
    if sample is not None:
        sample = min(most, max(least, sample))
        known = min(most, max(least, learnt.get(model, sample)))
        learnt[model] = round(known + (sample - known) / 5, 3)
