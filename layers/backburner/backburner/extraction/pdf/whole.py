"""Whether a PDF is whole: where it begins, where it ends, and what may stand around it."""

import re

_HEAD_BYTES = 4096
_START = re.compile(rb"startxref\s+(\d+)\s*(?:%{0,2}E?O?F?)?\s*$")
_OBJECT = re.compile(rb"\b\d+\s+\d+\s+obj\b")
_CATALOGUE = re.compile(rb"\b(\d{1,10})\s+(\d{1,5})\s+obj\b(?:(?!endobj).){0,2000}?/Type\s*/Catalog\b", re.DOTALL)
_TAIL_BYTES = 1024


def trimmed(body: bytes) -> bytes:
    """Without what stands in front of it (a mark, a header of HTTP) and the padding behind it."""
    start = body.find(b"%PDF-", 0, _HEAD_BYTES)
    return (body[start:] if start > 0 else body).rstrip(b"\x00 \t\r\n\x1a")


def is_cut_off(body: bytes) -> bool:
    """Whether its end is missing.

    It ends with a mark. Objects behind the last one belong to a revision, or to a file for the web, whose end is gone.
    Without the mark it is whole if it still says where its table stands, and the table is there.
    """
    end = body.rfind(b"%%EOF")
    if end >= 0 and not _OBJECT.search(body, end):
        return False
    found = _START.search(body[-_TAIL_BYTES:])
    if found is None:
        return True
    place = int(found[1])
    return not (body.startswith(b"xref", place) or _OBJECT.match(body, place))


def with_trailer(body: bytes) -> bytes | None:
    """A file that has lost its table and trailer with a new one, which leads to its catalogue; None if it has none."""
    places = list(_CATALOGUE.finditer(body))
    if not places or b"trailer" in body[places[-1].start() :]:
        return None
    number, generation = places[-1].groups()
    return body + b"\ntrailer\n<</Root %b %b R>>\nstartxref\n0\n%%%%EOF" % (number, generation)
