"""Turns an object's bytes into the text for the model, if that takes no parsing; recognises what does."""

import codecs
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from backburner.documents.pictures import PagePicture, Pages
from backburner.errors import JobError, Reason

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""Larger objects are not read, to stay within a function's memory."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the next one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
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
FOREIGN_TEXTS = re.compile(
    r"""(?P<postscript>%!PS) | (?P<shortcut>\[InternetShortcut\]) | (?P<plist>(?:<\?xml[^>]*>\s*)?<!DOCTYPE\ plist\b)
    | (?P<secret>-----BEGIN\ (?:[A-Z0-9]+\ )*(?:PRIVATE\ KEY|PUBLIC\ KEY|CERTIFICATE)(?:\ BLOCK|\ REQUEST)?-----)
    | (?P<sealed>-----BEGIN\ PGP\ MESSAGE-----)""",
    re.VERBOSE,
)
"""How files begin that consist of characters, but contain no text for people."""
_OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns:office"
_XML_BEGINS = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?:(?:<!--(?:(?!-->).)*-->|<!DOCTYPE[^>\[]*>|<\?xml-stylesheet[^>]*>)\s*)*"
    r"<(?:\w+:)?(FictionBook|svg|rss|feed|RDF)\b",
    re.DOTALL,
)
_CARD_BEGINS = re.compile(r"BEGIN:(?:VCALENDAR|VCARD)\b", re.IGNORECASE)
_ARCHIVE_NAMES = frozenset({".mht", ".mhtml"})
_TAG = re.compile(r"<[a-z][a-z0-9]*[\s/>]", re.IGNORECASE)
_MAIL_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9_.-]*)[ \t]*:", re.MULTILINE)
_MAIL_HAS = frozenset({"message-id", "mime-version", "received", "content-type"})
_MAIL_MAY_HAVE = _MAIL_HAS | {"from", "to", "subject", "date", "sender", "cc", "return-path", "delivered-to"}
_MAIL_NAMES = frozenset({".eml", ".emlx"})
_MAILBOX_NAMES = frozenset({".mbox", ".mbx"})
MAIL_HEAD_CHARS = 1_048_576
"""How far to look for a mail's own headers: servers add theirs, some very long, before them."""
_ENVELOPE = re.compile(r">?From (\S[^\n]*)\n(?=>?[A-Za-z][A-Za-z0-9_.-]*[ \t]*:|>?From )")
_TIME = re.compile(r"\d{1,2}:\d\d")
_COUNT = re.compile(r"\d{1,10}[ \t]*\r?\n")
_MARKS = ("\ufeff", "\u00ef\u00bb\u00bf")
"""The byte order mark, also as it looks if each byte is read as a letter."""


@dataclass(frozen=True)
class Extracted:
    """A document as text, with a note for everything in it that could not be read.

    Each note names the place and the problem: "page 3: no text, probably a scan". The text has the same words in
    brackets at that place, so that the model knows, too.
    """

    text: str
    notes: tuple[str, ...] = ()
    pictures: tuple[PagePicture, ...] = ()
    """The pages that are shown instead of read, with their places in the text."""
    pages: Pages | None = None
    """How each page is sent, if pages may be shown."""
    page_starts: tuple[int, ...] = ()
    """Where each page of a PDF begins in the text, and last the end of the pages; empty for other formats."""


@dataclass(frozen=True)
class Span:
    """A part of a text, in characters [first, last); [first, own) repeats the end of the part before."""

    first: int
    last: int
    own: int


def plain_text(body: bytes, name: str) -> str | None:
    """The text of a document in UTF-8, or Unicode with a byte order mark; None if the child must read it.

    Raises `JobError` if it is empty.
    """
    text = _decoded(body)
    if text is None or "\x00" in text or is_markup(text, name):
        return None
    return checked(text, len(body))


def looks_plain(body: bytes, name: str) -> bool:
    """Whether a document begins like plain text, so that the child need not read it."""
    mark, encoding = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), (b"", "utf-8"))
    try:
        head = codecs.getincrementaldecoder(encoding)().decode(body[len(mark) : _LOOKED_AT_BYTES])
    except UnicodeDecodeError:
        return False
    return "\x00" not in head and not is_markup(head, name)


def checked(text: str, size_bytes: int) -> str:
    """The text, if it has any. Raises `JobError` if it is only white space."""
    if not text or text.isspace():  # not `strip`, which copies
        raise JobError(Reason.EMPTY_DOCUMENT, f"no text in its {size_bytes} bytes; upload the document again")
    return text


def is_markup(text: str, name: str) -> bool:
    """Whether characters are a format to be parsed: HTML, a mail, RTF, a PDF in ASCII, and so on."""
    head = text[:_HEAD_CHARS].lstrip()
    if head.startswith(("%PDF-", "{\\rtf")) or _OPEN_DOCUMENT in head or FOREIGN_TEXTS.match(head):
        return True
    if any(is_kind(head, name) for is_kind in (is_html, is_web_archive, is_card, is_known_xml, is_word_xml)):
        return True
    head_of_mail = text[:MAIL_HEAD_CHARS]
    return is_mail(head_of_mail, name) or is_mailbox(head_of_mail, name)


def is_html(head: str, name: str) -> bool:
    """Whether a text begins like HTML; its name may say that it is meant as text, or that a fragment is HTML."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _TEXT_NAMES:
        return False
    return bool(_HTML_BEGINS.match(head)) or (suffix in _HTML_NAMES and bool(_TAG.search(head)))


def is_mail(head: str, name: str) -> bool:
    """Whether a text begins with a mail's headers; its name may say that it is meant as text, or as a mail."""
    suffix = PurePosixPath(name).suffix.lower()
    head = _unmarked(head)
    if suffix == ".emlx":
        head = _COUNT.sub("", head, count=1)
    if suffix in _TEXT_NAMES or not _MAIL_HEADER.match(head):
        return False
    fields = _mail_fields(head)
    return bool(fields & _MAIL_MAY_HAVE) if suffix in _MAIL_NAMES else "from" in fields and bool(fields & _MAIL_HAS)


def is_mailbox(head: str, name: str) -> bool:
    """Whether a text begins like a mailbox file: with a line `From sender date`, followed by a mail's headers."""
    suffix = PurePosixPath(name).suffix.lower()
    head = _unmarked(head)
    envelope = _ENVELOPE.match(head)
    if suffix in _TEXT_NAMES or envelope is None:
        return False
    fields = _mail_fields(head[envelope.end() :])
    is_dated = bool(_TIME.search(envelope[1])) and "from" in fields
    return bool(fields & _MAIL_MAY_HAVE) and (is_dated or suffix in _MAIL_NAMES | _MAILBOX_NAMES)


def _mail_fields(head: str) -> set[str]:
    return {field.lower() for field in _MAIL_HEADER.findall(re.split(r"\r?\n\r?\n", head, maxsplit=1)[0])}


def _unmarked(head: str) -> str:
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.lstrip()


def is_word_xml(head: str, name: str) -> bool:
    """Whether a text begins like a Word document in one XML file; its name may say that it is meant as text."""
    is_xml = head.lstrip("\ufeff").removeprefix("ï»¿").startswith("<")
    is_named_text = PurePosixPath(name).suffix.lower() in _TEXT_NAMES
    return is_xml and not is_named_text and any(mark in head for mark in (FLAT_OFFICE, _WORD_2003))


def is_web_archive(head: str, name: str) -> bool:
    """Whether a text begins like a page that a browser saved with its pictures (MHTML)."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _TEXT_NAMES or not _MAIL_HEADER.match(head):
        return False
    header = re.split(r"\r?\n\r?\n", head, maxsplit=1)[0].lower()
    is_page = "multipart/related" in header or "content-type: text/html" in header
    return is_page and (
        suffix in _ARCHIVE_NAMES or "snapshot-content-location:" in header or "from: <saved by" in header
    )


def is_card(head: str, name: str) -> bool:
    """Whether a text begins like a calendar or an address card."""
    return bool(_CARD_BEGINS.match(head)) and PurePosixPath(name).suffix.lower() not in _TEXT_NAMES


def is_known_xml(head: str, name: str) -> bool:
    """Whether a text begins like a FictionBook, a drawing or a feed."""
    return bool(_XML_BEGINS.match(head)) and PurePosixPath(name).suffix.lower() not in _TEXT_NAMES


def _decoded(body: bytes) -> str | None:
    mark, encoding = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), (b"", "utf-8"))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        return None
