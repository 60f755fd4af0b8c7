"""From an object's bytes to the text that goes to the model, as far as nothing has to be parsed for it."""

import codecs
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from backburner.errors import JobError, Reason

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""A larger object is not read at all: a function's memory bounds it."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the next one
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD_CHARS = 4096
FLAT_OFFICE = "http://schemas.microsoft.com/office/2006/xmlPackage"
"""The namespace of an Office document that is written as one XML file."""
_WORD_2003 = "http://schemas.microsoft.com/office/word/2003/wordml"
_LOOKED_AT_BYTES = 65_536
_TEXT_NAMES = frozenset({".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".json", ".jsonl", ".log"})
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})
_HTML_BEGINS = re.compile(
    r"(?:<\?xml[^>]*>\s*|<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[a-z][a-z0-9]*[\s/>]", re.IGNORECASE)
_MAIL_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]", re.MULTILINE)
_MAIL_HAS = frozenset({"message-id", "mime-version", "received", "content-type"})


@dataclass(frozen=True)
class Extracted:
    """A document as text, with a note for each thing in it that could not be read.

    Each note names the place and what is wrong: "page 3: no text, probably a scan". The same words stand in brackets
    at that place in the text, so that the model knows too.
    """

    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """A part of a text, in characters: [first, last), of which [first, own) repeats the end of the part before it."""

    first: int
    last: int
    own: int


def plain_text(body: bytes, name: str) -> str | None:
    """The text of a document that is nothing but marked Unicode or UTF-8; None if it must be looked at more closely.

    Raises `JobError` if there is nothing in it, or a mark that its bytes belie.
    """
    text = _decoded(body)
    if text is None or "\x00" in text or is_markup(text, name):
        return None
    return checked(text, len(body))


def looks_plain(body: bytes, name: str) -> bool:
    """Whether a document begins as plain text does, so that no child will have to read it."""
    mark, encoding = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), (b"", "utf-8"))
    try:
        head = codecs.getincrementaldecoder(encoding)().decode(body[len(mark) : _LOOKED_AT_BYTES])
    except UnicodeDecodeError:
        return False
    return "\x00" not in head and not is_markup(head, name)


def checked(text: str, size_bytes: int) -> str:
    """A text that holds something. Raises `JobError` where it is white space only."""
    if not text or text.isspace():  # not `strip`: it copies
        raise JobError(Reason.EMPTY_DOCUMENT, f"no text in its {size_bytes} bytes; upload the document again")
    return text


def is_markup(text: str, name: str) -> bool:
    """Whether characters are not the text itself: HTML, a mail, RTF, a PDF without a byte beyond ASCII."""
    head = text[:_HEAD_CHARS].lstrip()
    is_other = is_html(head, name) or is_mail(head, name) or is_word_xml(head, name)
    return is_other or head.startswith(("%PDF-", "{\\rtf"))


def is_html(head: str, name: str) -> bool:
    """Whether a text begins as HTML does; a name may say that it is meant as text, or that a fragment is HTML."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _TEXT_NAMES:
        return False
    return bool(_HTML_BEGINS.match(head)) or (suffix in _HTML_NAMES and bool(_TAG.search(head)))


def is_mail(head: str, name: str) -> bool:
    """Whether a text begins with the header of a mail; a name may say that it is meant as text."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _TEXT_NAMES or not _MAIL_HEADER.match(head):
        return False
    fields = {field.lower() for field in _MAIL_HEADER.findall(re.split(r"\r?\n\r?\n", head, maxsplit=1)[0])}
    return suffix == ".eml" or ("from" in fields and bool(fields & _MAIL_HAS))


def is_word_xml(head: str, name: str) -> bool:
    """Whether a text begins as a Word document in one XML file does; a name may say that it is meant as text."""
    is_xml = head.lstrip("\ufeff").removeprefix("ï»¿").startswith("<")
    is_named_text = PurePosixPath(name).suffix.lower() in _TEXT_NAMES
    return is_xml and not is_named_text and any(mark in head for mark in (FLAT_OFFICE, _WORD_2003))


def _decoded(body: bytes) -> str | None:
    mark, encoding = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), (b"", "utf-8"))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if not mark:
            return None
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"marked as {encoding}, but byte {error.start} is not: save it as UTF-8 and upload it again",
        ) from error
