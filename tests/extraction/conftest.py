"""Documents as text. The quick run reads most in this process, the deep run each in a child, as the functions do.

A read in this process does all that a child does except enforce bounds: the name that it gets, its refusals, its
answer. A test about children requests `in_child`, or makes a `ChildExtractor` itself.
"""

import asyncio
from collections.abc import Callable
from typing import IO

import msgspec
import pytest

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.child import Bounds, _answer
from support.depth import is_deep

Extract = Callable[[bytes, str], str]
Refusal = Callable[[bytes, str], tuple[Reason, str]]


class ReadHere(ChildExtractor):
    """Reads in this process what a child would read."""

    async def _run(self, bounds: str, source: IO[bytes], answer: IO[bytes]) -> int:
        """Answer as a child does; an exception in a reader fails the test."""
        header, text = _answer(source, msgspec.json.decode(bounds, type=Bounds))
        answer.write(msgspec.json.encode(header) + b"\n" + text)
        return 0


@pytest.fixture
def in_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the other fixtures read in children."""
    monkeypatch.setattr(ReadHere, "_run", ChildExtractor._run)


@pytest.fixture
def extracted() -> Callable[[bytes, str], Extracted]:
    """A document's text and the notes of what is missing from it."""
    extractor = ChildExtractor if is_deep() else ReadHere
    return lambda body, name: asyncio.run(extractor().extract(body, name))


@pytest.fixture
def extract(extracted: Callable[[bytes, str], Extracted]) -> Extract:
    """A document's text."""
    return lambda body, name: extracted(body, name).text


@pytest.fixture
def refusal(extract: Extract) -> Refusal:
    """The reason and the message with which a document is refused."""

    def refuse(body: bytes, name: str) -> tuple[Reason, str]:
        with pytest.raises(JobError) as refused:
            extract(body, name)
        return refused.value.reason, str(refused.value)

    return refuse
