"""What a queue message says. A message drives the next step of one run; its ticket tells whether it still does."""

import secrets

import msgspec

from backburner.errors import MessageError


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drives one run.

    `follows` is the ticket that the record had when the message was sent: as long as it still has, the writer of the
    next record is between its two effects, or dead there. `response_id` and `attempt` stand in messages that carry the
    id of a started generation.
    """

    job: str
    run: int
    key: str
    ticket: str
    follows: str | None = None
    response_id: str | None = None
    attempt: int | None = None

    def encode(self) -> str:
        """As it goes on the queue: JSON, well under 256 KB (a key has at most 1,024 bytes)."""
        return msgspec.json.encode(self).decode()


def new_ticket() -> str:
    """A ticket nobody had before."""
    return secrets.token_hex(12)


def decode(body: str) -> Message:
    """Read a message. Raises `MessageError` where it is not one of ours."""
    try:
        return msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MessageError(f"not a message of Backburner: {error}") from error
