"""A second reader (pypdf), asked where the first opens nothing, breaks, or meets fonts that it does not understand."""

import io
import logging
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from backburner.extraction.pdf.words import UNREADABLE

_BUDGET_S = 8.0
"""It takes 25 ms for a page and more: what it has not read by then stays unread."""
_MOST_PAGES = 1_000
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
"""What comes of files that it never expected; the first reader's answer then stands."""


def second_reading(body: bytes, pages: Iterable[int] | None = None) -> dict[int, str]:
    """The text of pages by their number, from 0; of all of them where none are named. What it cannot read is absent."""
    return dict(_read(body, pages))


def _read(body: bytes, pages: Iterable[int] | None) -> Iterator[tuple[int, str]]:
    import pypdf  # noqa: PLC0415 - most documents do without

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    end = time.monotonic() + _BUDGET_S
    failures = (*_FAILURES, pypdf.errors.PyPdfError)
    with suppress(*failures):
        reader = pypdf.PdfReader(io.BytesIO(body), strict=False)
        if reader.is_encrypted:
            return
        for number in range(min(len(reader.pages), _MOST_PAGES)) if pages is None else pages:
            if time.monotonic() > end:
                return
            with suppress(*failures):
                yield number, reader.pages[number].extract_text()


def is_readable(text: str) -> bool:
    """Whether a text holds letters and nothing that stands for no known character."""
    return any(char.isalpha() for char in text) and not any(
        char == UNREADABLE or (char < " " and char not in "\t\n\r") or "\x7f" <= char < "\xa0" or "\ue000" <= char <= "\uf8ff"
        for char in text
    )
