"""A page's bytes as characters, by the charset that it declares."""

import re

from backburner.extraction.encodings import decoded

_HEAD_BYTES = 4096
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]*?|\?xml\b[^>]*?en)c(?:harset|oding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)


def page_of(body: bytes, declared: str | None = None) -> str:
    """The page as characters. A charset declared outside, by a mail say, wins over the page's own.

    Raises `JobError` where no encoding fits.
    """
    return decoded(body, declared or declared_charset(body))


def declared_charset(body: bytes) -> str | None:
    """What a page says of its charset, in its `<meta>` or its XML declaration."""
    found = _DECLARED.search(body[:_HEAD_BYTES])
    return found[1].decode("ascii") if found else None
