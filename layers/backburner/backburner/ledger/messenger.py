"""Sends the messages that drive runs, each before its ticket is written into the record (DESIGN section 6)."""

from dataclasses import dataclass

from msgspec.structs import replace

from backburner.ledger.ledger import Open
from backburner.ledger.messages import UNCLAIMED, Look, Message, new_ticket
from backburner.ledger.records import OpenRecord, State
from backburner.ports import MAX_DELAY_S, Queue

SOON_S = 1.0
"""The delay of a first message, during which its record is written."""
EARLY_S = 2.0
"""When a message shows again that arrived before its ticket was in the record."""


@dataclass(frozen=True)
class Next:
    """What to do with the message being handled after a step of its run."""

    after_s: float | None = None
    """When it is to show again; None if it is to be deleted."""
    held: Open | None = None
    """The record for which a worn message may be replaced; None if it must not be."""
    forget: frozenset[str] = frozenset()
    """Responses to delete at the provider once the message is deleted."""


DONE = Next()
"""The message is no longer needed: another one drives the run, or the run is over."""
NOT_OURS = Next(EARLY_S)
"""Another process has written the record. This message may still have its ticket, so it is handled again."""


@dataclass(frozen=True, kw_only=True)
class Messenger:
    """Sends the message for a run's next step, and returns the ticket that must be written into its record."""

    pending: Queue
    backlog: Queue
    lease_s: int

    async def guard(self, record: OpenRecord) -> str:
        """Send a message that shows after the lease and takes the run over if this process has died by then."""
        message = record.message()
        if message.follows == UNCLAIMED:  # the claim cannot come after the lease
            message = replace(message, follows=None)
        return await self._send(self.pending, message, self.lease_s)

    async def to_check(self, record: OpenRecord, delay_s: float, response_id: str | None = None) -> str:
        """Have the checker poll a generation, or advance parts or a segment."""
        return await self._send(self.pending, record.message(response_id), delay_s)

    async def to_look(self, record: OpenRecord, delay_s: float, look: Look) -> None:
        """Have the checker poll on under the same ticket, without the record as long as the generation runs.

        Only for a record that was just read and notes nothing that a poll must know.
        """
        message = replace(record.message(record.response_id), ticket=record.ticket, follows=None, look=look)
        await self._send(self.pending, message, delay_s)

    async def to_start(self, record: OpenRecord, delay_s: float) -> str:
        """Have the checker start a run that waits."""
        return await self._send(self.backlog, record.message(), delay_s)

    async def renew(self, record: OpenRecord, delay_s: float = 0.0) -> str:
        """Replace the message that drives a record, whatever its next step is."""
        queue = self.backlog if record.state is State.WAITING else self.pending
        return await self._send(queue, record.message(record.response_id), delay_s)

    async def open_run(self, job: str, run: int, key: str, part_of: str | None = None) -> None:
        """Have the checker open a run that has no record yet; parts wait in the backlog for their turn."""
        message = Message(job=job, run=run, key=key, ticket=new_ticket(), part_of=part_of)
        await self._send(self.backlog if part_of else self.pending, message, 0.0)

    async def _send(self, queue: Queue, message: Message, delay_s: float) -> str:
        await queue.send(message.encode(), round(min(delay_s, MAX_DELAY_S)))
        return message.ticket
