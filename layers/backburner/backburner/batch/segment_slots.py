"""The slots that a segment holds at the governor: as many as it has lines open, and as many more as it can have."""

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial, Reservation


async def hold_slots(governor: Governor, visit: SegmentVisit, wanted: list[Reservation]) -> tuple[int, Denial | None]:
    """Hold what is open, and as many more as can be had; the record says what it waits for."""
    record, limits, (tokens, cost) = visit.record, governor.limits, visit.booked
    wanted = [
        replace(  # a line that is dearer than a whole day's budget is told so when its turn comes
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
    """Let others have the slots of lines that have ended."""
    if visit.counted is not None and visit.reservation.slots < visit.counted.slots:
        await hold_slots(governor, visit, [])
