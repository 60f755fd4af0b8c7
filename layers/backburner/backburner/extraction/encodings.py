"""Decodes text in any encoding: files, tables, web pages, mail parts, RTF, XML."""

import re

from backburner.errors import JobError, Reason
from backburner.extraction.charsets.decoding import BAD, Decoding
from backburner.extraction.charsets.guessing import guessed, unknown
from backburner.extraction.charsets.labels import codec_of
from backburner.extraction.charsets.legacy import decode_legacy, decode_shifted
from backburner.extraction.charsets.unicodes import decode_marked, decode_utf8, decode_wide, is_plausible_text

HEAD_BYTES = 4096
_DECLARING_BYTES = 65_536
"""A page may declare its charset after long scripts."""
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]*?|\?xml\b[^>]*?en)c(?:harset|oding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]|\x00+")
_MAX_CONTROLS = 0.01
"""Share of control characters beyond which bytes are not text; a run of NULs, as in a crashed log, counts as one."""
_NULS = re.compile("\x00+")
_SEVEN_BIT = ("iso2022", "hz", "utf-7")
_PAIRED = frozenset({"cp932", "euc_jp", "cp949", "gb18030", "cp950", "big5hkscs", "johab"})
_MAX_BY_CHANCE = 3
"""How many two-byte characters may happen to be valid UTF-8 too."""
_MIXED_GOOD = 10
"""This many characters are not valid UTF-8 by chance."""
_MAX_BAD_DECLARED = 0.3


def text_of(body: bytes) -> str | None:
    """The text without a byte order mark; None if it is not text. Raises `JobError` if no encoding fits.

    An invalid byte, or a run of NULs, becomes one U+FFFD in the text.
    """
    marked = decode_marked(body)
    if marked is None:
        return _undeclared(body)
    if not _fits_its_bom(marked):
        if _has_too_many_controls(body):
            return None
        raise _contradicts_bom()
    return _without_nuls(marked.text)


def head_of(body: bytes, max_bytes: int = HEAD_BYTES) -> str:
    """The first characters, good enough to recognise a format: letters beyond ASCII may be wrong."""
    head = body[:max_bytes]
    marked = decode_marked(head)
    if marked is not None:
        return marked.text
    wide = decode_wide(head[: len(head) // 4 * 4]) if b"\x00" in head[:HEAD_BYTES] else None
    return wide.text if wide is not None else head.decode("latin-1")


def declared_charset(body: bytes) -> str | None:
    """The charset that a page declares in its `<meta>` or its XML declaration."""
    found = _DECLARED.search(_COMMENT.sub(b"", body[:_DECLARING_BYTES]))
    return found[1].decode("ascii") if found else None


def decoded(body: bytes, declared: str | None) -> str:
    """The text of something that may declare its charset: a page, a mail part, an RTF run, XML.

    A byte order mark decides, then valid UTF-8, then the declared charset, then the frequency of letters. Charset
    names mean what they mean to browsers. An invalid byte becomes one U+FFFD in the text. Raises `JobError` if no
    encoding fits.
    """
    marked = decode_marked(body)
    if marked is not None and _fits_its_bom(marked):
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
    message = "text in two encodings, partly in UTF-8: save all of it as UTF-8 and upload it again"
    return JobError(Reason.UNREADABLE_DOCUMENT, message)


def _contradicts_bom() -> JobError:
    message = "text with a Unicode byte order mark whose bytes are not Unicode: save it as UTF-8 and upload it again"
    return JobError(Reason.UNREADABLE_DOCUMENT, message)


def _fits_its_bom(marked: Decoding) -> bool:
    return marked.fits and is_plausible_text(marked.text)


def _declared(body: bytes, codec: str) -> Decoding | None:
    """The text in its declared charset; None if that decides nothing, or UTF-8 fits better."""
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
    """The text of something with neither byte order mark nor declared charset; None if not text. Raises `JobError`."""
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
