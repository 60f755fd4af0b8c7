"""Calendars (ICS) and address cards (VCF), with folded lines joined and escapes and encodings decoded."""

import quopri
import re
from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.encodings import decoded, text_of
from backburner.extraction.markdown import missing

_FOLDED = re.compile(r"\r?\n[ \t]")
_QUOTED = re.compile(r"^[^:\r\n]*;(?:ENCODING=)?QUOTED-PRINTABLE[^:\r\n]*:", re.IGNORECASE)
_BASE64 = re.compile(r"^[^:]*;(?:ENCODING=)?(?:B|BASE64)(?:[;:])|^[^:]*:data:[^,]*;base64,", re.IGNORECASE)
_CHARSET = re.compile(r";CHARSET=([^;:]+)", re.IGNORECASE)
_ENCODING = re.compile(r";(?:ENCODING=QUOTED-PRINTABLE|QUOTED-PRINTABLE|CHARSET=[^;:]+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([nN,;\\:])")
_SEPARATE = frozenset({"END:VCARD", "END:VEVENT", "END:VTODO", "END:VJOURNAL"})


def read_cards(body: bytes) -> Extracted:
    """A line for each property, a blank line after each card or entry; pictures become notes. Raises `JobError`."""
    text = text_of(body)
    if text is None:
        text = decoded(body, None)
    notes: list[str] = []
    lines = list(_lines(text, notes))
    return Extracted("\n".join(lines).strip("\n") + "\n", tuple(notes))


def _lines(text: str, notes: list[str]) -> Iterator[str]:
    for line in _logical(text):
        if _BASE64.match(line):
            name = line.split(";")[0].split(":")[0]
            notes.append(f"{name.lower()} in a card or calendar: not read")
            yield missing(notes[-1])
            continue
        yield _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], _unquoted(line))
        if line.strip().upper() in _SEPARATE:
            yield ""


def _logical(text: str) -> Iterator[str]:
    """Whole lines: folded ones are joined, and so are those that quoted-printable broke."""
    pending = ""
    for line in _FOLDED.sub("", text).splitlines():
        whole = pending + line
        if _QUOTED.match(whole) and whole.endswith("="):
            pending = whole[:-1]
            continue
        pending = ""
        if whole.strip():
            yield whole
    if pending:
        yield pending


def _unquoted(line: str) -> str:
    if not _QUOTED.match(line):
        return line
    head, _, value = line.partition(":")
    charset = _CHARSET.search(head)
    try:
        plain = decoded(quopri.decodestring(value.encode("utf-8")), charset[1] if charset else None)
    except JobError:
        return line
    return f"{_ENCODING.sub('', head)}:{plain}"
