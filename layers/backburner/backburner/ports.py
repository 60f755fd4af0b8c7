"""The ports: what the core needs from the outside world."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from backburner.documents.passages import Found
from backburner.documents.pictures import TEXT_ONLY, Piece, Rendered, Wish
from backburner.documents.plain_text import Extracted, Span
from backburner.provider.answers import Answer

JSON: Final = "application/json"
PLAIN_TEXT: Final = "text/plain; charset=utf-8"
MAX_DELAY_S: Final = 900
"""The longest delay of a queue message (SQS, Message Queue), and so the longest lease."""
MAX_VISIBILITY_S: Final = 43_200
"""For how long a received message can be hidden at most (SQS, Message Queue)."""
MAX_IN_BATCH: Final = 10
"""The maximum number of messages in one call (SQS, Message Queue)."""
ABSENT: Final = "*"
"""The `match` of a put that succeeds only if there is no such object yet (`If-None-Match: *`)."""


class ConflictError(Exception):
    """The object does not have the ETag that a conditional call named (412, 409, or 404 on `If-Match`)."""


class TooLargeError(Exception):
    """An object is larger than the limit of a read; `size_bytes` is its size."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes = size_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An object as a read returned it: ETag without quotes, both times by the store's own clock."""

    etag: str
    size_bytes: int
    last_modified: datetime
    read_at: datetime
    body: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def age_s(self) -> float:
        """Seconds since it was last written, by the store's clock only."""
        return (self.read_at - self.last_modified).total_seconds()


class Bucket(Protocol):
    """The one bucket. Keys are raw; reads must be strongly consistent, and puts conditional."""

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read a whole object, or None if there is none. Raises `TooLargeError` without reading its bytes."""

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Bytes [first, last) of an object, or None if there is none. Raises `ConflictError` if its ETag differs."""

    async def head(self, key: str) -> Stored | None:
        """Read everything but the body."""

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write if the current ETag is `match` (`ABSENT`: no object), and return the new one. Raises `ConflictError`.

        `body` may be a file, which is never held in memory as a whole.
        """

    async def delete(self, key: str) -> None:
        """Remove an object, if it is there."""

    def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix and after a key, in the order of their keys, without bodies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A received message, hidden from others until its visibility timeout."""

    body: str
    receipt: str
    receives: int
    """How often it has been received, including this time."""
    age_s: float
    """Seconds since it was sent."""


class Queue(Protocol):
    """A standard queue: delivers at least once, in any order."""

    async def visibility_s(self) -> int:
        """The visibility timeout of a received message."""

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message that becomes visible after `delay_s` (0 to 900)."""

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive at most `most` (up to 10) messages, waiting up to `wait_s` seconds for the first."""

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message for `delay_s` from now (0 to 43,200); does nothing if its visibility has ended."""

    async def delete(self, message: Received) -> None:
        """Remove a message, if it is there."""


class Generator(Protocol):
    """The provider. Every outcome of a call, even no answer, is returned as an `Answer`: nothing here raises."""

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a background generation. Never retries; `limit_s` bounds the whole call."""

    async def retrieve(self, response_id: str) -> Answer:
        """Poll a generation."""

    async def cancel(self, response_id: str) -> Answer:
        """Ask the provider to stop a generation."""

    async def delete(self, response_id: str) -> Answer:
        """Ask the provider to delete a response."""


class Extractor(Protocol):
    """Reads documents, cuts texts and looks for quotes, within bounds: a hostile file harms only its own job."""

    async def extract(self, body: bytes, name: str, wish: Wish = TEXT_ONLY) -> Extracted:
        """The document's text, in Markdown if its format has structure, and notes on what is missing.

        The bytes decide the type; the name only counts for ambiguous ones. Pages that the `wish` asks for are not read
        but measured, and returned with their places in the text. Raises `JobError`.
        """

    async def render(self, body: bytes, name: str, pieces: Sequence[Piece], max_side_px: int) -> list[Rendered]:
        """Pages of a PDF or picture, or pieces of long ones, upright, in the order asked for. Raises `JobError`."""

    async def cut(self, text: str, max_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut a text: spans in order, of at most `max_chars` each.

        Apart from overlaps, each character is in one. Words that fit into a part are not cut. Raises `ValueError`
        unless 0 <= 2 * overlap_chars < max_chars.
        """

    async def find(self, text: str, quotes: Sequence[str]) -> list[Found]:
        """The passage of each quote in a text; None if it is not there, `Unchecked` if the search was given up."""


class Clock(Protocol):
    """This machine's time: for timestamps that people read and for pacing, never to compare with another machine's."""

    def now(self) -> datetime:
        """Now, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Channel(Protocol):
    """A receiver of notifications."""

    @property
    def name(self) -> str:
        """Its kind, for log lines: `sns`, `eventbridge` or `webhook`."""

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:
        """Deliver the body of a notification with this id and type. Raises `RetryLaterError` if it is not accepted."""
