"""Text in whatever encoding it is written."""

import codecs
import re
import unicodedata
from collections import Counter

import chardet

from backburner.errors import JobError, Reason

_ENCODINGS = ("windows-1251", "koi8-r", "windows-1252", "iso-8859-1")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")
_SAMPLE_BYTES = 65_536
_NO_TEXT = frozenset({"Cc", "Cn", "Co", "Cs"})
_SYMBOLS = frozenset({"So", "Sm", "Sk"})
_MOST_SYMBOLS = 0.25
"""Share of the characters beyond ASCII that are neither letters nor punctuation: more is a wrong guess."""
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]*?|\?xml\b[^>]*?en)c(?:harset|oding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_HEAD_BYTES = 4096


def text_of(body: bytes) -> str | None:
    """The text, without a mark at its beginning; None if it is none. Raises `JobError` where no encoding fits."""
    if _CONTROL.search(body):
        return _marked(body) or _utf16(body)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _detected(body)


def html_of(body: bytes) -> str | None:
    """The same for a page, which may declare its encoding. What is valid UTF-8 is that, whatever it declares."""
    declared = _DECLARED.search(body[:_HEAD_BYTES])
    if declared is None or _CONTROL.search(body):
        return text_of(body)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode(codecs.lookup(declared[1].decode("ascii")).name)
    except (LookupError, UnicodeError):
        return text_of(body)


def _marked(body: bytes) -> str | None:
    if not body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        text = body.decode("utf-16")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _utf16(body: bytes) -> str | None:
    """UTF-16 without a mark: in the right order it has spaces or line ends, and nothing that is no character."""
    if len(body) % 2:
        return None
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE_BYTES]
        odd = {unicodedata.category(char) for char in set(sample) - set("\t\n\v\f\r")} & _NO_TEXT
        if not odd and any(blank in sample for blank in " \n"):
            return text
    return None


def _detected(body: bytes) -> str:
    encoding = chardet.detect(body, include_encodings=_ENCODINGS)["encoding"]
    try:
        text = body.decode(encoding or "ascii")
    except UnicodeDecodeError:
        text = ""
    kinds = Counter(unicodedata.category(char) for char in text[:_SAMPLE_BYTES] if char > "\x7f")
    odd = sum(count for kind, count in kinds.items() if kind in _SYMBOLS | _NO_TEXT)
    if not text or odd > _MOST_SYMBOLS * kinds.total():
        raise JobError(Reason.UNREADABLE_DOCUMENT, "text in an unknown encoding: save it as UTF-8 and upload it again")
    return text
