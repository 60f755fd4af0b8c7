"""Characters in mails, by the names that mail programs give to encodings."""

from backburner.errors import JobError
from backburner.extraction.encodings import decoded

_NAMES_OF_UTF7 = ("unicode-1-1-utf-7", "unicode-2-0-utf-7", "x-unicode-2-0-utf-7", "csunicode11utf7", "x-utf-7")
"""Browsers dropped it, and old mails have it."""


def text_of_bytes(body: bytes, charset: str | None) -> str:
    """The text. What no encoding explains keeps its ASCII letters, with replacement characters for the rest."""
    name = (charset or "").strip(" \"'").lower()
    try:
        return decoded(body, "utf-7" if name in _NAMES_OF_UTF7 else name or None)
    except JobError:
        return body.decode("utf-8", "replace")
