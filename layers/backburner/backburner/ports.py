"""What the core needs from the outside world, each port named for the need."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from backburner.documents.pictures import TEXT_ONLY, Rendered, Wish
from backburner.documents.plain_text import Extracted, Span
from backburner.provider.answers import Answer

ABSENT: Final = "*"
"""The ETag to match where nothing may stand yet (`If-None-Match: *`)."""


class ConflictError(Exception):
    """A conditional put met something other than the ETag it named (412, 409, or 404 on `If-Match`)."""


class TooLargeError(Exception):
    """An object has more bytes than the reader allowed. The argument is its size in bytes."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes = size_bytes


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object as one read saw it: ETag without quotes, both times by the store's own clock."""

    etag: str
    size_bytes: int
    last_modified: datetime
    read_at: datetime
    body: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def age_s(self) -> float:
        """Seconds since it was last written, by the store's clock alone: ours never enters."""
        return (self.read_at - self.last_modified).total_seconds()


class Bucket(Protocol):
    """The one bucket. Keys are raw; strongly consistent reads and conditional puts are required."""

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read an object whole, or None where there is none. Raises `TooLargeError` without reading its bytes."""

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Bytes [first, last) of an object, None where there is none. Raises `ConflictError` if its ETag is another."""

    async def head(self, key: str) -> Stored | None:
        """Read all but the body."""

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write if the ETag that stands there is `match` (`ABSENT`: nothing); the new ETag. Raises `ConflictError`.

        `body` may be a file, which is never read into memory whole.
        """

    async def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""

    def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix, behind a key, in the order of their keys; without their bodies."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message in hand until its visibility runs out."""

    body: str
    receipt: str
    receives: int
    """How often it was received, this time included."""
    age_s: float
    """Seconds since it was sent."""


class Queue(Protocol):
    """A standard queue: at least once, in no order that matters."""

    async def visibility_s(self) -> int:
        """How long a received message stays in hand."""

    async def send(self, body: str, delay_s: int) -> None:
        """Make a message that shows after `delay_s` (0 to 900)."""

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Take at most `most` (up to 10) messages, waiting up to `wait_s` seconds for the first."""

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a message in hand for `delay_s` more (0 to 43,200). One that is in hand no more is no error."""

    async def delete(self, message: Received) -> None:
        """Remove a message. One that is gone already is no error."""


class Generator(Protocol):
    """The provider. Every answer, also none, comes back as an `Answer`: nothing here raises."""

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a background generation; never repeated from here, `limit_s` bounds the whole call."""

    async def retrieve(self, response_id: str) -> Answer:
        """Look at a generation."""

    async def cancel(self, response_id: str) -> Answer:
        """Ask the provider to stop a generation."""

    async def delete(self, response_id: str) -> Answer:
        """Ask the provider to forget a response."""


class Extractor(Protocol):
    """Reads documents and cuts texts, bounded: a hostile file fails alone."""

    async def extract(self, body: bytes, name: str, wish: Wish = TEXT_ONLY) -> Extracted:
        """The document's text, Markdown where its format has structure, and what of it is missing. Raises `JobError`.

        The type is decided by the bytes; the name decides only between lookalikes. Pages that the `wish` asks for are
        not read but measured, and told of with their places.
        """

    async def render(self, body: bytes, name: str, pages: Sequence[int], max_side_px: int) -> list[Rendered]:
        """Pages of a PDF or a picture (a TIFF has several) upright, in the order asked for. Raises `JobError`."""

    async def cut(self, text: str, most_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut: spans in order, each at most `most_chars`, together every character once besides the overlap.

        No word is cut that fits a part. Raises `ValueError` unless 0 <= 2 * overlap_chars < most_chars.
        """


class Clock(Protocol):
    """This machine's time: for stamps that people read and for pacing, never to compare with another machine's."""

    def now(self) -> datetime:
        """Now, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Channel(Protocol):
    """Whoever is told that something has ended. `name` is its kind, as it stands in log lines."""

    @property
    def name(self) -> str:
        """Its kind: `sns`, `eventbridge` or `webhook`."""

    async def tell(self, notification: str, kind: str, body: bytes) -> None:
        """Deliver a notification by its id and type, once. Raises `RetryLaterError` where it was not taken."""
