"""A page's bytes as characters, by the charset that it declares."""

from backburner.extraction.encodings import declared_charset, decoded


def page_of(body: bytes, declared: str | None = None) -> str:
    """The page as characters. A charset declared outside, by a mail say, wins over the page's own.

    Raises `JobError` where no encoding fits.
    """
    return decoded(body, declared or declared_charset(body))
