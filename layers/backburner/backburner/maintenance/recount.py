"""Compares the governor's totals with the open records, although both change while they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from backburner.capacity.limits import Counters, Reservation, Totals
from backburner.capacity.reservations import noted, part_in_totals


@dataclass(frozen=True)
class Surplus:
    """By how much the totals are too large (negative: too small), counted from the sweep at `last_sweep`."""

    last_sweep: datetime | None
    too_much: Totals = field(default_factory=Totals)

    def subtracted_from(self, totals: Totals) -> Totals:
        """The corrected totals. Changes made since the comparison were exact, so the surplus still applies."""
        names = Totals.__struct_fields__
        return Totals(**{name: getattr(totals, name) - getattr(self.too_much, name) for name in names})


def surplus(counters: Counters, recorded: Mapping[str, Reservation | None], moving: int) -> Surplus:
    """Compare the totals with `recorded`, the reservations in the open records as read just before the counters.

    `moving` records changed meanwhile, and each of them may hold slots or not: if there are any, only runs beyond that
    number are surplus, with one slot each. If there are none, every total is compared.
    """
    expected = Totals()
    for name, counted in recorded.items():
        if name not in counters.settled:
            note = noted(counters, name)
            expected.add(part_in_totals(note, counted) if note else counted)
    runs = _beyond(counters.recorded_totals.runs - expected.runs, moving)
    if moving:
        return Surplus(counters.last_sweep, Totals(runs=runs, slots=runs))
    too_much = msgspec.structs.replace(
        counters.recorded_totals,
        runs=runs,
        slots=counters.recorded_totals.slots - expected.slots,
        tokens=counters.recorded_totals.tokens - expected.tokens,
        cost=counters.recorded_totals.cost - expected.cost,
    )
    return Surplus(counters.last_sweep, too_much)


def _beyond(difference: int, moving: int) -> int:
    """The part of a difference that `moving` records cannot explain."""
    return max(0, difference - moving) if difference > 0 else min(0, difference + moving)
