"""Whether a PDF is complete, and what may be before and after it."""

import re

_HEAD_BYTES = 4096
_START = re.compile(rb"startxref\s+(\d+)\s*(?:%{0,2}E?O?F?)?\s*$")
_OBJECT = re.compile(rb"\b\d+\s+\d+\s+obj\b")
_CATALOGUE = re.compile(rb"\b(\d{1,10})\s+(\d{1,5})\s+obj\b(?:(?!endobj).){0,2000}?/Type\s*/Catalog\b", re.DOTALL)
_TAIL_BYTES = 1024


def trimmed(body: bytes) -> bytes:
    """The PDF without anything before it (a byte order mark, HTTP headers) and without padding after it."""
    start = body.find(b"%PDF-", 0, _HEAD_BYTES)
    return (body[start:] if start > 0 else body).rstrip(b"\x00 \t\r\n\x1a")


def is_truncated(body: bytes) -> bool:
    """Whether the end is missing.

    A PDF ends with an end mark. Objects after the last mark belong to an incomplete revision or linearised file.
    Without the mark it is complete if it gives the offset of its cross-reference table, and the table is there.
    """
    end = body.rfind(b"%%EOF")
    if end >= 0 and not _OBJECT.search(body, end):
        return False
    found = _START.search(body[-_TAIL_BYTES:])
    if found is None:
        return True
    offset = int(found[1])
    return not (body.startswith(b"xref", offset) or _OBJECT.match(body, offset))


def with_trailer(body: bytes) -> bytes | None:
    """A PDF that lost its table and trailer, with a new trailer that points to its catalogue; None if it has none."""
    catalogues = list(_CATALOGUE.finditer(body))
    if not catalogues or b"trailer" in body[catalogues[-1].start() :]:
        return None
    number, generation = catalogues[-1].groups()
    return body + b"\ntrailer\n<</Root %b %b R>>\nstartxref\n0\n%%%%EOF" % (number, generation)
