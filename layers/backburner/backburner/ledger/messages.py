"""Queue messages: each drives the next step of one run, as long as its ticket is the record's."""

import json
import secrets
from datetime import datetime

import msgspec

from backburner.errors import MessageError
from backburner.ledger.keys import INBOX, WORK

UNCLAIMED = ""
"""What a run's first message follows if it may show before its sender has claimed the run."""
MAX_QUOTED_CHARS = 16_000
"""How much of an invalid message is quoted: escaped twice, it still fits into a queue's 256 KB."""


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What polling a generation needs from its record, as of the time when the message was sent."""

    model: str
    deadline_s: float
    elapsed_before_send_s: float = msgspec.field(name="ran_s")
    """The generation's age at that time, by the store's clock."""
    receives: int = 0
    """How often the messages before this one were received."""
    first_s: float | None = None
    """The generation's age at its first poll."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drives one run.

    `follows` is the ticket that the record had when the message was sent: while the record still has it, the sender has
    not written the record yet, or died before it could. `UNCLAIMED` says that the message was sent before the claim.
    Messages that carry the id of a started generation have `response_id` and `attempt`; those whose ticket was in the
    record before they were sent may have `look` (ADR 21).
    """

    job: str
    run: int
    key: str
    ticket: str
    follows: str | None = None
    response_id: str | None = None
    attempt: int | None = None
    part_of: str | None = None
    """`<job_id>.<run>` of the parent's run."""
    look: Look | None = None
    """With it, a generation that still runs is polled without reading its record."""

    @property
    def name(self) -> str:
        """`<job_id>.<run>` of its run, as the counters name it."""
        return f"{self.job}.{self.run}"

    @property
    def receives_before(self) -> int:
        """How often earlier messages were received that the record does not count yet."""
        return self.look.receives if self.look else 0

    def encode(self) -> str:
        """The message as JSON, well under 256 KB (a key has at most 1,024 bytes)."""
        return json.dumps(msgspec.to_builtins(self))  # ASCII: queues do not accept all characters that a key may have


def new_ticket() -> str:
    """A new random ticket."""
    return secrets.token_hex(12)


def decode(body: str) -> Message:
    """Read a message. Raises `MessageError` if it is not one of ours."""
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MessageError(f"not a message of Backburner: {error}") from error
    if not message.key.startswith((INBOX, WORK)):
        raise MessageError(f"a message about an object that is not in {INBOX} or {WORK}")
    return message


def dead_letter(reason: str, queue: str, body: str, at: datetime) -> str:
    """The dead letter for a message that the checker does not understand."""
    return json.dumps({"reason": reason, "queue": queue, "body": body[:MAX_QUOTED_CHARS], "at": at.isoformat()})
