"""Starts the next attempt of a run that waits, or whose process died while starting it.

Order of effects: [a reservation] → guard → the record `submitting` → [create.py] the generation. After a crash before
the record, the message in hand comes back; after the record, the guard takes over.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from backburner.capacity.governor import Governor
from backburner.capacity.limits import Denial, Reservation
from backburner.capacity.timing import hidden_s
from backburner.errors import Reason
from backburner.jobs.create import GenerationCreator
from backburner.jobs.reuse import Reuser
from backburner.ledger.changes import booked
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messenger import DONE, NOT_OURS, Messenger, Next
from backburner.ledger.records import State
from backburner.outcome.finish import Finisher


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts attempts, at most `max_attempts` of a run."""

    ledger: Ledger
    finisher: Finisher
    governor: Governor
    messenger: Messenger
    creator: GenerationCreator
    reuser: Reuser
    max_attempts: int

    async def advance(self, held: Open) -> Next:
        """Start a run if it may start; otherwise its record says what it waits for."""
        record = held.record
        if record.cancelled_for is not None:
            is_ours = await self._end_cancelled(held, record.cancelled_for)
        elif record.state is State.SUBMITTING:
            is_ours = await self._attempt(held, orphans=1)
        elif record.reuses is not None:
            return await self._reuse(held)
        elif record.reservation is None:
            is_ours = await self._attempt(held)
        else:
            return await self._reserve(held, record.reservation)
        return DONE if is_ours else NOT_OURS

    async def _reuse(self, held: Open) -> Next:
        """Take over another run's answer; if that is gone, start the run like any other."""
        step = await self.reuser.reuse(held)
        return step if isinstance(step, Next) else await self.advance(step)

    async def _reserve(self, held: Open, wanted: Reservation) -> Next:
        record = held.record
        tokens, cost = booked(record, record.own_usage, record.responses)
        wanted = replace(wanted, booked_tokens=tokens, booked_cost=cost)
        found = await self.governor.reserve(record.name, wanted, recorded=record.counted, behind_others=False)
        if not isinstance(found, Denial):
            return DONE if await self._attempt(held.with_changes(counted=found)) else NOT_OURS
        if found.waiting_for != record.waiting_for:
            await self.ledger.rewrite(held.with_changes(waiting_for=found.waiting_for))
        return Next(hidden_s(found.seconds), held)

    async def _end_cancelled(self, held: Open, reason: Reason) -> bool:
        record = held.record
        perhaps = record.suspected_orphans + (record.state is State.SUBMITTING)
        ended = held.with_changes(suspected_orphans=perhaps, waiting_for=None)
        return await self.finisher.fail_if_ours(ended, reason, "cancelled before it was known to have started")

    async def _attempt(self, held: Open, *, orphans: int = 0) -> bool:
        """Take the run over and create its next generation. False if another process owns it."""
        record = held.record
        counted = held.with_changes(suspected_orphans=record.suspected_orphans + orphans)
        if record.attempt >= self.max_attempts:
            died = f"the process that began attempt {record.attempt} died before it could record how it ended"
            return await self.finisher.fail_if_ours(counted, Reason.LOST, died)
        taken = counted.with_changes(
            state=State.SUBMITTING,
            attempt=record.attempt + 1,
            ticket=await self.messenger.guard(record),
            waiting_for=None,
        )
        mine = await self.ledger.rewrite(taken)
        if mine is None:
            return False
        self.governor.record_says(record.name, record.counted)
        await self.creator.create(mine)
        return True
