"""Text in whatever encoding it is written: files, tables, pages, parts of mails, RTF, XML."""

import re

from backburner.errors import JobError, Reason
from backburner.extraction.charsets.decoding import BAD, Decoding
from backburner.extraction.charsets.guessing import guessed, unknown
from backburner.extraction.charsets.labels import codec_of
from backburner.extraction.charsets.legacy import decode_legacy, decode_shifted
from backburner.extraction.charsets.unicodes import decode_marked, decode_utf8, decode_wide, is_written

HEAD_BYTES = 4096
_DECLARING_BYTES = 65_536
"""A page may declare its charset behind scripts."""
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]*?|\?xml\b[^>]*?en)c(?:harset|oding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]|\x00+")
_MAX_CONTROLS = 0.01
"""Share of control characters beyond which bytes are no text; a run of NULs, as a crash leaves in a log, is one."""
_NULS = re.compile("\x00+")
_SEVEN_BIT = ("iso2022", "hz", "utf-7")
_PAIRED = frozenset({"cp932", "euc_jp", "cp949", "gb18030", "cp950", "big5hkscs", "johab"})
_MAX_BY_CHANCE = 3
"""Characters of two bytes each that may happen to be valid UTF-8 too."""
_MIXED_GOOD = 10
"""So many characters are no UTF-8 by chance."""
_MAX_BAD_DECLARED = 0.3


def text_of(body: bytes) -> str | None:
    """The text, without a mark at its beginning; None if it is none. Raises `JobError` where no encoding fits.

    A byte that is no character, or a run of NULs, stands as one U+FFFD in the text.
    """
    marked = decode_marked(body)
    if marked is None:
        return _undeclared(body)
    if not _fits_its_mark(marked):
        if _has_too_many_controls(body):
            return None
        raise _belied()
    return _without_nuls(marked.text)


def head_of(body: bytes, most_bytes: int = HEAD_BYTES) -> str:
    """The first characters, good enough to know a format by: letters beyond ASCII may be wrong ones."""
    head = body[:most_bytes]
    marked = decode_marked(head)
    if marked is not None:
        return marked.text
    wide = decode_wide(head[: len(head) // 4 * 4]) if b"\x00" in head[:HEAD_BYTES] else None
    return wide.text if wide is not None else head.decode("latin-1")


def declared_charset(body: bytes) -> str | None:
    """What a page says of its charset, in its `<meta>` or its XML declaration."""
    found = _DECLARED.search(_COMMENT.sub(b"", body[:_DECLARING_BYTES]))
    return found[1].decode("ascii") if found else None


def decoded(body: bytes, declared: str | None) -> str:
    """The text of what may declare its charset: a page, a part of a mail, a run of RTF, XML.

    A mark decides, then whether it is valid UTF-8, then what is declared, then what its letters tell. Names of charsets
    mean what they mean to browsers. A byte that is no character stands as one U+FFFD in the text.
    Raises `JobError` where no encoding fits.
    """
    marked = decode_marked(body)
    if marked is not None and _fits_its_mark(marked):
        return _without_nuls(marked.text)
    codec = codec_of(declared)
    found = _declared(body, codec) if codec else None
    if found is not None and found.fits:
        return _without_nuls(found.text)
    try:
        text = _undeclared(body)
    except JobError:
        if found is None or found.bad > _MAX_BAD_DECLARED * (found.good + found.bad):
            raise
        return _without_nuls(found.text)
    if text is None:
        raise unknown()
    return text


def _mixed() -> JobError:
    message = "text in two encodings, a part of it in UTF-8: save all of it as UTF-8 and upload it again"
    return JobError(Reason.UNREADABLE_DOCUMENT, message)


def _belied() -> JobError:
    message = "text that is marked as Unicode, but its bytes are not: save it as UTF-8 and upload it again"
    return JobError(Reason.UNREADABLE_DOCUMENT, message)


def _fits_its_mark(marked: Decoding) -> bool:
    return marked.fits and is_written(marked.text)


def _declared(body: bytes, codec: str) -> Decoding | None:
    """The text by its declared charset; None where that says nothing, or UTF-8 says more."""
    if codec.startswith(_SEVEN_BIT):
        return decode_legacy(body, codec)
    if codec.startswith(("utf-16", "utf-32")):
        return decode_wide(body) if b"\x00" in body or decode_utf8(body).bad else None
    if body.isascii() or codec in ("utf-8", "ascii"):
        return None
    utf8 = decode_utf8(body)
    if not utf8.bad and not (codec in _PAIRED and _is_chance(utf8.text)):
        return utf8
    return decode_legacy(body, codec)


def _is_chance(text: str) -> bool:
    """Whether two-byte characters may be valid UTF-8 only by chance."""
    beyond = [char for char in text if char > "\x7f"]
    return len(beyond) <= _MAX_BY_CHANCE and max(beyond) < "\u0800"


def _undeclared(body: bytes) -> str | None:
    """The text of what has neither mark nor declared charset; None if it is none. Raises `JobError`."""
    shifted = decode_shifted(body)
    if shifted is not None:
        return shifted.text
    utf8 = decode_utf8(body)
    is_binary = (utf8.bad or b"\x00" in body) and _has_too_many_controls(body)
    if utf8.fits and not is_binary:
        return _without_nuls(utf8.text)
    wide = decode_wide(body) if is_binary else None
    if wide is not None and wide.fits:
        return wide.text
    if is_binary:
        return None
    if utf8.good >= _MIXED_GOOD and utf8.good > utf8.bad / 2:
        raise _mixed()
    return _without_nuls(guessed(body))


def _has_too_many_controls(body: bytes) -> bool:
    nuls = body.count(0)
    return sum(1 for _ in _CONTROLS.finditer(body)) > _MAX_CONTROLS * (len(body) - nuls)


def _without_nuls(text: str) -> str:
    return _NULS.sub(BAD, text) if "\x00" in text else text
