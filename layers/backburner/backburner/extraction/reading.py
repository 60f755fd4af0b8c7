"""From bytes to text, whatever the format. Raises `JobError` naming what is wrong and what to do about it."""

from collections.abc import Callable
from functools import partial

from backburner.documents import Extracted, checked
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import html_of, text_of
from backburner.extraction.formats import Format, packed_format, unsupported, written_format
from backburner.extraction.packages import Package
from backburner.extraction.plausibility import plausible

MAX_PAGES = 5_000
"""Pages of a PDF, slides of a presentation."""
_MOST_NESTED = 3
"""Mails in attachments in mails."""
_MOST_EMBEDDED = 8
"""Documents in documents in documents."""
_HEAD_BYTES = 4096

Read = Callable[[bytes, str], Extracted]
"""How a reader has something read that is in its document, an attachment say: bytes and name. Raises `JobError`."""


def read(body: bytes, name: str, depth: int = 0) -> Extracted:
    """The text of a document: Markdown where its format has structure, verbatim where it is text."""
    if depth > _MOST_EMBEDDED:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"documents in documents more than {_MOST_EMBEDDED} deep")
    kind = packed_format(body)
    if kind is None:
        kind = written_format(body[:_HEAD_BYTES].decode("latin-1"), name)
        if kind is Format.MAIL and depth >= _MOST_NESTED:
            kind = Format.TEXT
    extracted = plausible(_read(body, name, kind, partial(read, depth=depth + 1)), f"a {_name(kind)}")
    if not extracted.text.strip():
        raise _empty(kind, len(body))
    return extracted


def _read(body: bytes, name: str, kind: Format, inner: Read) -> Extracted:
    """Each format's own reader, imported when it is needed: a child reads one document."""
    match kind:
        case Format.TEXT | Format.HTML:
            return _written(body, name)
        case Format.MAIL:
            from backburner.extraction.mail import mail_text  # noqa: PLC0415

            return Extracted(mail_text(body, lambda part, called: inner(part, called).text))
        case Format.DOCX:
            from backburner.extraction.word.document import read_word  # noqa: PLC0415

            _refuse_package(body, kind)
            return read_word(body, inner)
        case Format.FLAT_DOCX:
            from backburner.extraction.word.document import read_flat_word  # noqa: PLC0415

            return read_flat_word(body, inner)
        case Format.PDF:
            from backburner.extraction.pdf.reader import read_pdf  # noqa: PLC0415

            return read_pdf(body, inner, MAX_PAGES)
        case Format.RTF:
            pass
        case _:
            _refuse_package(body, kind)
    return _by_library(body, kind)


def _written(body: bytes, name: str) -> Extracted:
    text = text_of(body)
    if text is None:
        raise unsupported(body)
    if written_format(text, name) is Format.HTML:
        return _by_library((html_of(body) or text).encode(), Format.HTML)
    return Extracted(checked(text, len(body)))


def _by_library(body: bytes, kind: Format) -> Extracted:
    from backburner.extraction.library import read_by_library  # noqa: PLC0415

    return read_by_library(body, kind)


def _refuse_package(body: bytes, kind: Format) -> None:
    """What need not be tried: encrypted, too many slides."""
    package = Package(body)
    if package.is_encrypted:
        raise _encrypted(kind)
    _refuse_pages(package.count("ppt/slides/"), "slides")


def _refuse_pages(pages: int, what: str) -> None:
    if pages > MAX_PAGES:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{pages} {what}, at most {MAX_PAGES} are read: cut it up")


def _empty(kind: Format, size_bytes: int) -> JobError:
    """What to say of a document that holds no text."""
    if kind in (Format.PDF, Format.PPTX, Format.DOCX):
        what = f"a {_name(kind)} without text, probably a scan: run it through OCR and upload the result"
        return JobError(Reason.UNREADABLE_DOCUMENT, what)
    what = f"a {_name(kind)} without text in its {size_bytes} bytes"
    return JobError(Reason.EMPTY_DOCUMENT, f"{what}; upload the document again")


def _encrypted(kind: Format) -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, f"an encrypted {_name(kind)}: save it without a password")


def _name(kind: Format) -> str:
    """What a format is called in messages."""
    names = {Format.HTML: "HTML page", Format.MAIL: "mail", Format.TEXT: "text", Format.FLAT_DOCX: "DOCX"}
    return names.get(kind, kind.name)
