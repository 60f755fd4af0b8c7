"""Compares the governor's sums with the open records, although both change while they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from backburner.capacity.limits import Counters, Reservation, Standing
from backburner.capacity.reservations import noted, standing_part


@dataclass(frozen=True)
class Surplus:
    """By how much the sums are too large (negative: too small); `of` is the time of the previous sweep."""

    of: datetime | None
    too_much: Standing = field(default_factory=Standing)

    def taken_from(self, standing: Standing) -> Standing:
        """The corrected sums. Changes made since the comparison were exact, so the surplus still applies."""
        names = Standing.__struct_fields__
        return Standing(**{name: getattr(standing, name) - getattr(self.too_much, name) for name in names})


def surplus(counters: Counters, recorded: Mapping[str, Reservation | None], moving: int) -> Surplus:
    """Compare the sums with `recorded`, the reservations in the open records as read just before the counters.

    `moving` records changed meanwhile, and each of them may hold slots or not: if there are any, only runs beyond that
    number are surplus, with one slot each. If there are none, every sum is compared.
    """
    expected = Standing()
    for name, counted in recorded.items():
        if name not in counters.settled:
            note = noted(counters, name)
            expected.add(standing_part(note, counted) if note else counted)
    runs = _beyond(counters.standing.runs - expected.runs, moving)
    if moving:
        return Surplus(counters.last_sweep, Standing(runs=runs, slots=runs))
    too_much = msgspec.structs.replace(
        counters.standing,
        runs=runs,
        slots=counters.standing.slots - expected.slots,
        tokens=counters.standing.tokens - expected.tokens,
        cost=counters.standing.cost - expected.cost,
    )
    return Surplus(counters.last_sweep, too_much)


def _beyond(difference: int, moving: int) -> int:
    """The part of a difference that `moving` records cannot explain."""
    return max(0, difference - moving) if difference > 0 else min(0, difference + moving)
