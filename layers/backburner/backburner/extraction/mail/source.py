"""Prepares a mail's bytes for parsing: removes what programs put before its first header."""

import codecs
import re

from backburner.extraction.encodings import text_of
from backburner.extraction.mail.headers import CharsetHint

_ENVELOPES = re.compile(rb"(?:>?From [^\r\n]*\r?\n[\r\n]*)*")
_COUNTED = re.compile(rb"(\d{1,10})[ \t]*\r?\n(?=[!-9;-~]+:)")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEAD_BYTES = 65_536
_UTF16 = re.compile(rb"\A(?:[\r\n\t ]\0)*[!-~]\0[!-~]\0|\A(?:\0[\r\n\t ])*\0[!-~]\0[!-~]")


def cleaned(body: bytes) -> bytes:
    """The mail from its first header on, with line feeds and an encoding that keeps ASCII letters as single bytes."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _UTF16.match(body):
        body = (text_of(body) or "").encode("utf-8", "replace") or body
    body = body.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n\t ")
    if (count := _COUNTED.match(body)) is not None:
        body = _counted(body[count.end() :], int(count[1]))
    envelopes = _ENVELOPES.match(body)
    body = body[envelopes.end() :] if envelopes else body
    if b"\r\r\n" in body[:_HEAD_BYTES]:
        body = body.replace(b"\r\r\n", b"\r\n")
    return body if b"\n" in body else body.replace(b"\r", b"\n")


def _counted(body: bytes, size_bytes: int) -> bytes:
    """The mail in an Apple Mail file (EMLX), without the property list after it."""
    return body[:size_bytes] if body[size_bytes:].lstrip().startswith(b"<?xml") else body


def charset_hint(source: bytes) -> CharsetHint:
    """The first charset that the mail or one of its parts declares, which 8-bit headers usually share."""
    found = _CHARSET.search(source, 0, _HEAD_BYTES)
    if found:
        return CharsetHint(found[1].decode("ascii", "replace"))
    return CharsetHint(None, b"\n".join(line for line in source[:_HEAD_BYTES].split(b"\n") if not line.isascii()))
