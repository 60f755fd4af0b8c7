"""Where a quote is found in a document with pages and parts."""

import pytest

from backburner.documents.passages import Passage
from backburner.ledger.records import Division, Part
from backburner.split.part_quotes import located, pointed

PAGES = (0, 80, 160, 160, 240)
"""Four pages, the third of them blank, followed by attachments."""
PARTS = Division(levels=[[Part(key="a", etag="e"), Part(key="b", etag="e", first=100)]])


@pytest.mark.parametrize(
    ("first", "page", "part"),
    [(0, 1, 1), (79, 1, 1), (80, 2, 1), (100, 2, 2), (160, 4, 2), (239, 4, 2), (240, None, 2)],
)
def test_a_place_has_its_page_and_its_part(first, page, part) -> None:
    """Both count from 1; an attachment after the last page has no page."""
    quote = located("/a", Passage(first=first, last=first + 5), PAGES, PARTS)
    assert (quote.page, quote.part, quote.first, quote.last) == (page, part, first, first + 5)


def test_a_document_without_pages_or_parts_has_neither() -> None:
    quote = located("/a", Passage(first=3, last=9), (), None)
    assert (quote.page, quote.part) == (None, None)


def test_a_pointer_in_a_record_is_bounded() -> None:
    """A name in an answer may be as long as the answer."""
    assert pointed("/short") == "/short"
    assert len(pointed("/" + "x" * 10_000)) < 400
