"""From an object's bytes to the text that goes to the model. Bounded; nothing of a document is interpreted."""

import codecs

from backburner.errors import JobError, Reason

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""A larger object is not read at all: a function's memory bounds it."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_OTHER_FORMATS = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "gzip"),
)


def read_text(body: bytes) -> str:
    """The text of a document in UTF-8, or UTF-16 with its mark. Raises `JobError` naming what to do instead."""
    for magic, name in _OTHER_FORMATS:
        if body.startswith(magic):
            raise JobError(Reason.UNSUPPORTED_TYPE, f"{name}: only plain text is read so far; upload its text")
    text = _decoded(body)
    if "\x00" in text:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "not text: it contains zero bytes")
    if not text.strip():
        raise JobError(Reason.EMPTY_DOCUMENT, f"no text in its {len(body)} bytes; upload the document again")
    return text


def _decoded(body: bytes) -> str:
    mark, encoding = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), (b"", "utf-8"))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"not {encoding} text (byte {error.start}): save it as UTF-8 and upload it again",
        ) from error
