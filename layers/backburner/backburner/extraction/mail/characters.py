"""Decodes text in mails by the charset names that mail programs use."""

from backburner.errors import JobError
from backburner.extraction.encodings import decoded

_UTF7_NAMES = ("unicode-1-1-utf-7", "unicode-2-0-utf-7", "x-unicode-2-0-utf-7", "csunicode11utf7", "x-utf-7")
"""Browsers dropped it, but old mails use it."""


def text_of_bytes(body: bytes, charset: str | None) -> str:
    """The text. If no encoding fits, ASCII letters are kept and the rest becomes replacement characters."""
    name = (charset or "").strip(" \"'").lower()
    try:
        return decoded(body, "utf-7" if name in _UTF7_NAMES else name or None)
    except JobError:
        return body.decode("utf-8", "replace")
