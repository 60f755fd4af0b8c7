"""What every `Extractor` promises, so that the fake used by other tests stays true to it."""

import asyncio

import pytest

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.passages import Passage
from backburner.errors import JobError, Reason
from backburner.ports import Extractor
from support.fakes import FakeExtractor


@pytest.fixture(params=[ChildExtractor, FakeExtractor], ids=["child", "fake"])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """The real one or the fake."""
    return request.param()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_kept_verbatim(extractor: Extractor, encoding: str) -> None:
    text = "# ёж\r\n\r\n a < b & c\t\n"
    assert asyncio.run(extractor.extract(text.encode(encoding), "inbox/a.txt")).text == text


@pytest.mark.parametrize(
    ("body", "reason"), [(b" \n", Reason.EMPTY_DOCUMENT), (b"\x89PNG\r\n\x1a\n\x00", Reason.UNSUPPORTED_TYPE)]
)
def test_a_document_that_is_not_text_is_refused(extractor: Extractor, body: bytes, reason: Reason) -> None:
    with pytest.raises(JobError) as refused:
        asyncio.run(extractor.extract(body, "inbox/a.txt"))
    assert refused.value.reason is reason


def test_the_chunks_of_a_text_make_up_the_whole_text(extractor: Extractor) -> None:
    text = "One two three. Four five six. Seven eight nine.\n\n" * 20
    spans = asyncio.run(extractor.cut(text, 100, 20))
    assert "".join(text[span.own : span.last] for span in spans) == text
    assert all(span.last - span.first <= 100 and span.own - span.first <= 20 for span in spans)


def test_quotes_are_found_in_their_places(extractor: Extractor) -> None:
    found = asyncio.run(extractor.find("One two\nthree. Four.", ["one two three", "two three. Four", "nowhere"]))
    assert found == [None, Passage(first=4, last=19), None]
