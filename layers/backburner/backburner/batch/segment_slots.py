"""Holds a segment's slots at the governor: one for each running line, and as many more as are granted."""

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial, Reservation


async def hold_slots(governor: Governor, visit: SegmentVisit, wanted: list[Reservation]) -> tuple[int, Denial | None]:
    """Hold slots for running lines, and as many of the wanted ones as are granted. The record will say why not more."""
    record, limits, (tokens, cost) = visit.record, governor.limits, visit.booked
    wanted = [
        replace(  # a line that costs more than a whole day's budget fails when its turn comes
            each,
            tokens=each.tokens if limits.daily_tokens is None else min(each.tokens, limits.daily_tokens),
            cost=each.cost if limits.daily_cost is None else min(each.cost, limits.daily_cost),
        )
        for each in wanted
    ]
    granted, denial, visit.counted = await governor.extend(
        record.name, visit.reservation, wanted, recorded=record.counted, tokens=tokens, cost=cost
    )
    if denial is not None and denial.waiting_for != record.waiting_for:
        visit.held, visit.is_changed = visit.held.with_changes(waiting_for=denial.waiting_for), True
    return granted, denial


async def give_slots_back(governor: Governor, visit: SegmentVisit) -> None:
    """Give back the slots of lines that have ended."""
    if visit.counted is not None and visit.reservation.slots < visit.counted.slots:
        await hold_slots(governor, visit, [])
