"""The slots that a segment holds at the governor: as many as it has lines open, and as many more as it can have."""

from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial, Reservation


@dataclass(frozen=True)
class LineSlots:
    """Holds them."""

    governor: Governor

    @property
    def has_budget(self) -> bool:
        """Whether it matters what each line may use."""
        return self.governor.limits.daily_tokens is not None or self.governor.limits.daily_cost is not None

    async def extend(self, visit: SegmentVisit, wanted: list[Reservation]) -> tuple[int, Denial | None]:
        """Hold what is open, and as many more as can be had; the record says what it waits for."""
        record, limits = visit.record, self.governor.limits
        tokens, cost = visit.booked
        wanted = [
            replace(  # a line that is dearer than a whole day's budget is told so when its turn comes
                each,
                tokens=each.tokens if limits.daily_tokens is None else min(each.tokens, limits.daily_tokens),
                cost=each.cost if limits.daily_cost is None else min(each.cost, limits.daily_cost),
            )
            for each in wanted
        ]
        granted, denial = await self.governor.extend(record.name, visit.reservation, wanted, tokens=tokens, cost=cost)
        if denial is not None and denial.waiting_for != record.waiting_for:
            visit.held, visit.is_changed = visit.held.with_changes(waiting_for=denial.waiting_for), True
        return granted, denial

    async def give_back(self, visit: SegmentVisit) -> None:
        """What has ended makes room for others."""
        held = self.governor.seen.reserved.get(visit.record.name)
        if held is not None and visit.reservation.slots < held.slots:
            await self.extend(visit, [])
