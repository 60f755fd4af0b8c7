"""The second reader (pypdf), for where PDFium fails, finds nothing, or cannot decode a font."""

import io
import logging
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from backburner.extraction.pdf.letters import UNREADABLE

if TYPE_CHECKING:
    from pypdf import PageObject

_BUDGET_S = 8.0
"""It takes at least 25 ms per page; pages not reached in time stay unread."""
_MAX_PAGES = 1_000
_EMPTY_STREAM_BYTES = 16
"""The compressed size of an empty stream."""
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError,
    ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What it raises on files that it does not expect; the first reader's result then stands."""
_BLANK = re.compile(
    rb"\s*+(?:(?>[-+.\d]++|/[^\s/<>\[\]()]*|\[|\]|<<|>>|<[0-9A-Fa-f]*>|\([^)]*\)|true|false|null|q|Q|cm|w|J|j|M|d|ri|i|gs|re|"
    rb"W\*?|n|m|l|c|v|y|h|BT|ET|T[fmdDLcwrsz*]|rg|RG|g|G|k|K|cs|CS|scn?|SCN?|BMC|BDC|EMC|BX|EX|MP|DP)\s*+)*+"
)
"""Page content that shows nothing: state operators, but none that paints."""
_UNKNOWN = re.compile(f"[{UNREADABLE}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ue000-\\uf8ff]")
_Answer = TypeVar("_Answer")


def second_reading(body: bytes, pages: Iterable[int] | None = None) -> dict[int, str]:
    """The text of pages by number, from 0; of all pages if `pages` is None. Unreadable pages are absent."""
    return {number: text for number, text in _results(body, pages, lambda page: page.extract_text()) if text}


def damaged_pages(body: bytes, pages: Iterable[int]) -> set[int]:
    """Those of the given blank pages that were meant to show something."""
    return {number for number, is_damaged in _results(body, pages, _is_damaged) if is_damaged is not False}


def is_readable(text: str) -> bool:
    """Whether a text has letters and no unknown characters."""
    return any(char.isalpha() for char in text) and not _UNKNOWN.search(text)


def _is_damaged(page: "PageObject") -> bool:
    """Whether a blank page's content is lost or cannot be decompressed."""
    if "/Contents" not in page:
        return False
    contents = page.get_contents()
    if contents is None:
        return True
    data = contents.get_data()
    return not _BLANK.fullmatch(data) or (not data and _has_compressed_data(page["/Contents"]))


def _has_compressed_data(contents: object) -> bool:
    """Whether a stream's data are longer than those of an empty compressed stream."""
    from pypdf.generic import EncodedStreamObject  # noqa: PLC0415

    if not isinstance(contents, EncodedStreamObject):
        return False
    written = io.BytesIO()
    contents.write_to_stream(written)
    _, _, data = written.getvalue().partition(b"stream")
    return len(data.removesuffix(b"endstream").strip()) > _EMPTY_STREAM_BYTES


def _results(
    body: bytes, pages: Iterable[int] | None, ask: Callable[["PageObject"], _Answer]
) -> Iterator[tuple[int, _Answer | None]]:
    """The result for each page, as far as time allows; None if it failed."""
    import pypdf  # noqa: PLC0415 - most documents do not need it

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    end = time.monotonic() + _BUDGET_S
    failures = (*_FAILURES, pypdf.errors.PyPdfError)
    try:
        reader = pypdf.PdfReader(io.BytesIO(body), strict=False)
        if reader.is_encrypted:
            return
        numbers = range(min(len(reader.pages), _MAX_PAGES)) if pages is None else pages
    except failures:
        yield from ((number, None) for number in pages or ())
        return
    for number in numbers:
        if time.monotonic() > end:
            return
        answer: _Answer | None = None
        with suppress(*failures):
            answer = ask(reader.pages[number])
        yield number, answer
