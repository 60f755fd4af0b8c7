"""Cancels a run: the request is recorded, and the checker acts on it when it handles the run's message."""

from dataclasses import dataclass

from backburner.errors import Reason, RetryLaterError
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import State

_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Canceller:
    """Records that a run is to be cancelled."""

    ledger: Ledger
    messenger: Messenger

    async def cancel(self, job: str, run: int) -> State | Reason | None:
        """Record the request. Returns the run's state, why it is being cancelled already, or None if it is over.

        Raises `RetryLaterError` if other processes keep writing the record.
        """
        for _ in range(_TRIES):
            held = await self.ledger.open_record(job, run)
            if held is None:
                return None
            if held.record.cancelled_for is not None:
                return held.record.cancelled_for
            if await self.ledger.rewrite(await self._cancelled(held)) is not None:
                return held.record.state
        raise RetryLaterError("other processes keep writing its record")

    async def _cancelled(self, held: Open) -> Open:
        """The record with the request in it; a message is sent first, so that the checker acts at once.

        While a generation is being started the record keeps its ticket: the process that starts it holds one message,
        and the guard is still to come.
        """
        record = held.record
        wish = held.with_changes(cancelled_for=Reason.CANCELLED)
        if record.state is State.SUBMITTING:
            return wish
        ticket = await self.messenger.to_check(record, 0.0, record.response_id)
        elapsed_before_write_s = held.generation_age_s if record.state is State.RUNNING else 0.0
        return wish.with_changes(ticket=ticket, elapsed_before_write_s=elapsed_before_write_s)
