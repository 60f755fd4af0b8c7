"""A reader of documents that reads plain text alone, and starts no child."""

from collections.abc import Sequence
from dataclasses import dataclass

from backburner.documents.chunking import cut
from backburner.documents.passages import Passage, find
from backburner.documents.plain_text import Extracted, Span, plain_text
from backburner.errors import JobError, Reason


@dataclass(frozen=True)
class FakeExtractor:
    """Reads marked Unicode and UTF-8 and nothing else; starts no child, takes no time and no thread."""

    async def extract(self, body: bytes, name: str) -> Extracted:
        """The text, with nothing missing."""
        text = plain_text(body, name)
        if text is None:
            raise JobError(Reason.UNSUPPORTED_TYPE, "the fake reads plain text only")
        return Extracted(text)

    async def cut(self, text: str, most_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut."""
        return cut(text, most_chars, overlap_chars)

    async def find(self, text: str, quotes: Sequence[str]) -> list[Passage | None]:
        """Where each quote stands."""
        return find(text, quotes)
