"""Pauses: when nothing may be created at the provider, and what lifts that again."""

from datetime import datetime

from backburner.capacity.limits import ALL_MODELS, MAX_PAUSES, PROBE_EVERY, Counters, Pause

BAD_CREATES_TO_CLOSE = 5


def pause(counters: Counters, now: datetime, name: str, why: str, *, any_call_lifts: bool = False) -> None:
    """Allow only one probe a minute from now on.

    An existing pause keeps its `since`; if only a create lifts it, that stays so. Beyond `MAX_PAUSES` models no
    pause is recorded: each refused job then backs off on its own.
    """
    before = counters.pauses.get(name)
    if before is None and name != ALL_MODELS and len(counters.pauses) >= MAX_PAUSES:
        return
    counters.pauses[name] = Pause(
        why=why,
        since=before.since if before else now,
        next_probe=now + PROBE_EVERY,
        any_call_lifts=any_call_lifts and (before is None or before.any_call_lifts),
    )


def create_failed(counters: Counters, now: datetime, why: str) -> None:
    """Count a create that was refused or ambiguous; `BAD_CREATES_TO_CLOSE` in a row pause all models."""
    counters.bad_creates += 1
    if counters.bad_creates >= BAD_CREATES_TO_CLOSE:
        pause(counters, now, ALL_MODELS, f"{counters.bad_creates} creates in a row failed, the last: {why}")


def call_accepted(counters: Counters, model: str, *, is_create: bool = True) -> None:
    """Lift the pauses that an accepted call for this model lifts."""
    if is_create:
        counters.bad_creates = 0
    for name in (ALL_MODELS, model):
        if name in counters.pauses and (is_create or counters.pauses[name].any_call_lifts):
            del counters.pauses[name]
