"""Carries out the decision after an attempt without a result: try again, split the document, or fail the run.

The decision itself is made in `outcome/decisions.py`. The message is sent before the record is written, as everywhere;
the slot is given back last. If a crash leaves it reserved, the run's next step or the sweep gives it back.
"""

import logging
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.capacity.estimates import estimated
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import backoff_s, probe_s
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.jobs.text import DocumentReader
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messenger import SOON_S, Messenger
from backburner.ledger.records import OpenRecord, State, log_keys
from backburner.memory.budget import MemoryBudget
from backburner.outcome.decisions import Decision, Do
from backburner.outcome.finish import Finisher
from backburner.outcome.governing import give_back
from backburner.ports import MAX_DELAY_S
from backburner.split.divide import Divider

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Retrier:
    """Carries decisions out."""

    ledger: Ledger
    finisher: Finisher
    governor: Governor
    messenger: Messenger
    divider: Divider
    reader: DocumentReader
    memory: MemoryBudget

    async def carry_out(self, held: Open, decision: Decision, extracted: Extracted | None = None) -> bool:
        """Carry out a decision, reading the document if it is needed. False if another process owns the run."""
        record = held.record
        held = held.with_changes(suspected_orphans=record.suspected_orphans + decision.orphans)
        match decision.do:
            case Do.AGAIN:
                again = held.with_changes(
                    enlarged_cap=decision.cap or record.enlarged_cap, reservation=_reservation(record, decision.cap)
                )
                return await self._wait(again, "retry", backoff_s(record.attempt - 1, decision.after_s))
            case Do.PUT_BACK:
                delay_s = probe_s(decision.after_s) if decision.stop else backoff_s(record.waits, decision.after_s)
                return await self._wait(held.with_changes(attempt=record.attempt - 1), "provider", delay_s)
            case Do.DIVIDE:
                return await self._divide(held, decision.message, extracted)
            case _:
                return await self.finisher.fail_if_ours(held, decision.reason, decision.message)

    async def _wait(self, held: Open, waiting_for: str, delay_s: float) -> bool:
        """Record that the run waits, and send the message that starts its next attempt."""
        record, delay_s = held.record, min(delay_s, MAX_DELAY_S)
        ticket = await self.messenger.to_start(record, delay_s)
        waiting = held.with_changes(state=State.WAITING, ticket=ticket, waiting_for=waiting_for, waits=record.waits + 1)
        mine = await self.ledger.rewrite(waiting)
        if mine is None:
            return False
        counted = await give_back(self.governor, record)
        if counted is not None and await self.ledger.rewrite(mine.with_changes(counted=counted)):
            self.governor.record_says(record.name, counted)
        logger.info("job waits", extra=log_keys(record) | {"waiting_for": waiting_for, "delay_s": round(delay_s)})
        return True

    async def _divide(self, held: Open, problem: str, extracted: Extracted | None) -> bool:
        """Split a document that the provider called too long; fail the run if it cannot be cut smaller."""
        try:
            if extracted is not None:
                return await self._into_parts(held, extracted)
            async with self.memory.for_document(held.record.source.size) as hold:
                extracted = await self.reader.read(held.record, hold)
                if extracted is not None:
                    return await self._into_parts(held, extracted)
            await self.finisher.supersede(held.record, None)
            return True  # noqa: TRY300 - one handler reports every failure
        except JobError as error:
            return await self.finisher.fail_if_ours(held, error.reason, f"{error} ({problem})")

    async def _into_parts(self, held: Open, extracted: Extracted) -> bool:
        record = held.record
        division = await self.divider.smaller(record, extracted)
        mine = await self.ledger.rewrite(
            held.with_changes(
                state=State.RUNNING,
                ticket=await self.messenger.to_check(record, SOON_S),
                division=division,
                context_overflows=record.context_overflows + 1,
            )
        )
        if mine is not None:
            await give_back(self.governor, mine.record)
        return mine is not None


def _reservation(record: OpenRecord, cap: int | None) -> Reservation | None:
    """What the next attempt reserves: if its cap is doubled, half of the new cap more than before."""
    reservation, more = record.reservation, estimated(record.price, 0, (cap or 0) // 2)
    return reservation and replace(
        reservation, tokens=reservation.tokens + more.tokens, cost=reservation.cost + more.cost
    )
