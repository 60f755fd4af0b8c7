"""HTML as Markdown."""

from backburner.documents import Extracted
from backburner.extraction.formats import Format
from backburner.extraction.library import read_by_library


def markdown_of(page: str) -> Extracted:
    """The text of a page, or of a piece of one, as Markdown. Nothing of its body is left out in silence."""
    return read_by_library(page.encode("utf-8", "replace"), Format.HTML)
