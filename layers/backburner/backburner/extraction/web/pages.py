"""Decodes a page by the charset that it declares."""

from backburner.extraction.encodings import declared_charset, decoded


def page_of(body: bytes, declared: str | None = None) -> str:
    """The page as text. A charset declared outside, such as in a mail, overrides the page's own.

    Raises `JobError` if no encoding fits.
    """
    return decoded(body, declared or declared_charset(body))
