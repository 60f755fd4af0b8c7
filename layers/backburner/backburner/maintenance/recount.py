"""Whether the governor's sums agree with what the open records tell, although both change while they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from backburner.capacity.limits import Counters, Reservation, Standing
from backburner.capacity.reservations import noted, standing_part


@dataclass(frozen=True)
class Surplus:
    """How much too much the sums count, less than nothing where they count too little; `of`: the sweep before."""

    of: datetime | None
    too_much: Standing = field(default_factory=Standing)

    def taken_from(self, standing: Standing) -> Standing:
        """The sums put right: other changes since then were exact, and leave the difference as it was."""
        names = Standing.__struct_fields__
        return Standing(**{name: getattr(standing, name) - getattr(self.too_much, name) for name in names})


def surplus(counters: Counters, told: Mapping[str, Reservation | None], moving: int) -> Surplus:
    """Compare the sums with the records that were read just before.

    `moving` records were written between that read and one after the counters: each may hold places or not, so only
    the runs that they cannot account for are surplus, a place for each. All else is compared where none was written.
    """
    expected = Standing()
    for name, counted in told.items():
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
