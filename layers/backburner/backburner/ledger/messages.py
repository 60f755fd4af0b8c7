"""What a queue message says: it drives the next step of one run, as long as its ticket is the record's."""

import json
import secrets
from datetime import datetime

import msgspec

from backburner.errors import MessageError
from backburner.ledger.keys import INBOX, WORK

MAX_QUOTED_CHARS = 16_000
"""How much is quoted of a message that was not understood: escaped twice it still fits a queue's 256 KB."""


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a look at a generation needs to know of its record, as it was when the message was sent."""

    model: str
    deadline_s: float
    ran_s: float
    """How old the generation was then, by the store's clock."""
    receives: int = 0
    """How often the messages before this one were received."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drives one run.

    `follows` is the ticket that the record had when the message was sent: as long as it still has it, the sender is
    between its two effects, or died there. `response_id` and `attempt` stand in messages that carry the
    id of a started generation, `look` in those whose ticket was read in their record before they were sent (ADR 21).
    """

    job: str
    run: int
    key: str
    ticket: str
    follows: str | None = None
    response_id: str | None = None
    attempt: int | None = None
    part_of: str | None = None
    """`<job_id>.<run>` of the run that it is a part of."""
    look: Look | None = None
    """With it a generation that still runs is looked at without reading its record."""

    @property
    def receives_before(self) -> int:
        """How often the messages before this one were received, as far as the record does not count them yet."""
        return self.look.receives if self.look else 0

    def encode(self) -> str:
        """As it goes on the queue: JSON, well under 256 KB (a key has at most 1,024 bytes)."""
        return json.dumps(msgspec.to_builtins(self))  # ASCII: a queue does not take every character a key may have


def new_ticket() -> str:
    """A ticket that no message has had before."""
    return secrets.token_hex(12)


def decode(body: str) -> Message:
    """Read a message. Raises `MessageError` where it is not one of ours."""
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MessageError(f"not a message of Backburner: {error}") from error
    if not message.key.startswith((INBOX, WORK)):
        raise MessageError(f"a message about an object that is not in {INBOX} or {WORK}")
    return message


def dead_letter(reason: str, queue: str, body: str, at: datetime) -> str:
    """What the checker sends to the dead-letter queue for a message that it does not understand."""
    return json.dumps({"reason": reason, "queue": queue, "body": body[:MAX_QUOTED_CHARS], "at": at.isoformat()})
