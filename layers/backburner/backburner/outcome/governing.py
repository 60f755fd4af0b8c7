"""Tells other processes about attempts and runs: pauses, refused creates, and slots that are given back."""

from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS, Reservation
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.ledger.changes import booked
from backburner.ledger.records import OpenRecord
from backburner.outcome.decisions import Decision, Stop


async def note_decision(pauses: ProviderPauses, decision: Decision, model: str) -> None:
    """Pause one model or all models if the decision says so; count a create that was refused or ambiguous."""
    if decision.stop:
        concerned = ALL_MODELS if decision.stop is Stop.ALL_MODELS else model
        await pauses.pause(concerned, decision.brief, any_call_lifts=decision.any_call_lifts)
    if decision.is_bad:
        await pauses.create_failed(decision.brief)


async def give_back(governor: Governor, record: OpenRecord) -> Reservation | None:
    """Give back the slot of a run that continues without a generation; what it has used stays unsettled.

    Returns the reservation that its record should name from now on, if it must be written.
    """
    if record.reservation is None:
        return None
    tokens, cost = booked(record, record.own_usage, record.responses)
    return await governor.release(record.name, record.reservation, recorded=record.counted, tokens=tokens, cost=cost)
