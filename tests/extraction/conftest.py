"""Real children, one for each document, as the functions start them."""

import asyncio
from collections.abc import Callable

import pytest

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason

Extract = Callable[[bytes, str], str]
Refusal = Callable[[bytes, str], tuple[Reason, str]]


@pytest.fixture
def extract() -> Extract:
    """The text of a document."""
    return lambda body, name: asyncio.run(ChildExtractor().extract(body, name)).text


@pytest.fixture
def extracted() -> Callable[[bytes, str], Extracted]:
    """The text of a document and the notes of what is missing from it."""
    return lambda body, name: asyncio.run(ChildExtractor().extract(body, name))


@pytest.fixture
def refusal(extract: Extract) -> Refusal:
    """The reason and the message with which a document is refused."""

    def refuse(body: bytes, name: str) -> tuple[Reason, str]:
        with pytest.raises(JobError) as refused:
            extract(body, name)
        return refused.value.reason, str(refused.value)

    return refuse
