"""Which encoding a text is in that neither says it nor is Unicode."""

import chardet

from backburner.errors import JobError, Reason

SAMPLE_BYTES = 262_144
"""So much of a long text is looked at."""
_PROMISED = (
    "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "iso-8859-1", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5",
    "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-13", "iso-8859-14",
    "iso-8859-15", "iso-8859-16", "cp874", "koi8-r", "koi8-u", "cp437", "cp850", "cp852", "cp866", "mac-roman",
    "mac-cyrillic", "mac-latin2", "cp932", "euc-jp", "euc-kr", "cp949", "gb18030", "big5", "big5hkscs",
)  # fmt: skip


def unknown() -> JobError:
    """What to say where no encoding fits."""
    return JobError(Reason.UNREADABLE_DOCUMENT, "text in an unknown encoding: save it as UTF-8 and upload it again")


def guessed(body: bytes) -> str:
    """The text, by the frequency of its letters. Raises `JobError` where no encoding fits."""
    for found in chardet.detect_all(body[:SAMPLE_BYTES], include_encodings=_PROMISED):
        try:
            return body.decode(found["encoding"] or "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
    raise unknown()
