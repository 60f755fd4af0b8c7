"""The messages that drive runs: each is sent before the record that names its ticket is written (DESIGN section 6)."""

from dataclasses import dataclass

from msgspec.structs import replace

from backburner.capacity.timing import MAX_DELAY_S
from backburner.ledger.ledger import Open
from backburner.ledger.messages import Look, Message, new_ticket
from backburner.ledger.records import OpenRecord, State
from backburner.ports import Queue

SOON_S = 1.0
"""Delay of a first message: its record is written meanwhile."""
EARLY_S = 2.0
"""A message that came before the record that names it shows again after this."""


@dataclass(frozen=True)
class Next:
    """What becomes of the message in hand once a step of its run is done."""

    after_s: float | None = None
    """When it shows again; None: it is deleted."""
    held: Open | None = None
    """The record under which a message that has grown old may be replaced by a fresh one; None: never here."""
    forget: frozenset[str] = frozenset()
    """Responses that the provider may forget once the message is gone."""


DONE = Next()
"""Another message drives the run from here, or the run is over."""
NOT_OURS = Next(EARLY_S)
"""Another owner wrote the record. Its ticket may still be this message's, so the message is looked at once more."""


@dataclass(frozen=True, kw_only=True)
class Messenger:
    """Sends the message for the next step of a run, and returns the ticket that its record must name from then on."""

    pending: Queue
    backlog: Queue
    lease_s: int

    async def guard(self, record: OpenRecord) -> str:
        """Due after the lease: takes the run over if this process dies before its next step."""
        return await self._send(self.pending, record.message(), self.lease_s)

    async def to_check(self, record: OpenRecord, delay_s: float, response_id: str | None = None) -> str:
        """Has the checker look at a generation, at parts or at lines."""
        return await self._send(self.pending, record.message(response_id), delay_s)

    async def to_look(self, record: OpenRecord, delay_s: float, look: Look) -> None:
        """Has the checker go on looking, without the record as long as the generation runs: under the same ticket.

        Only for a record that was just read, and has nothing noted that a look must know.
        """
        message = replace(record.message(record.response_id), ticket=record.ticket, follows=None, look=look)
        await self._send(self.pending, message, delay_s)

    async def to_start(self, record: OpenRecord, delay_s: float) -> str:
        """Has the checker start a run that waits."""
        return await self._send(self.backlog, record.message(), delay_s)

    async def renew(self, record: OpenRecord, delay_s: float = 0.0) -> str:
        """Replaces the message that a record has, whatever it is for."""
        queue = self.backlog if record.state is State.WAITING else self.pending
        return await self._send(queue, record.message(record.response_id), delay_s)

    async def open_run(self, job: str, run: int, key: str, part_of: str | None = None) -> None:
        """Has the checker open a run that has no record yet; parts take their turn in the backlog."""
        message = Message(job=job, run=run, key=key, ticket=new_ticket(), part_of=part_of)
        await self._send(self.backlog if part_of else self.pending, message, 0.0)

    async def _send(self, queue: Queue, message: Message, delay_s: float) -> str:
        await queue.send(message.encode(), round(min(delay_s, MAX_DELAY_S)))
        return message.ticket
