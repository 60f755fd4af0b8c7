"""From bytes to text, whatever the format. Raises `JobError` naming what is wrong and what to do about it."""

from collections.abc import Callable
from functools import partial

from backburner.documents import MAIL_HEAD_CHARS, Extracted, checked
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import declared_charset, decoded, head_of, text_of
from backburner.extraction.formats import Format, is_binary, packed_format, unsupported, written_format
from backburner.extraction.packages import Package
from backburner.extraction.plausibility import plausible

MAX_PAGES = 5_000
"""Pages of a PDF, slides of a presentation."""
_MOST_NESTED = 6
"""Documents in documents: attachments of mails in attachments."""
_END_BYTES = 65_536

_NAMES = {
    Format.HTML: "HTML page",
    Format.MAIL: "mail",
    Format.MBOX: "mailbox",
    Format.MSG: "mail",
    Format.SIGNED: "signed document",
    Format.TEXT: "text",
    Format.FODT: "flat OpenDocument file",
    Format.MHTML: "web archive",
    Format.CARDS: "calendar or address card",
    Format.MARKUP: "XML document",
}
Read = Callable[[bytes, str], Extracted]
"""How a reader has something read that is in its document, an attachment say: bytes and name. Raises `JobError`."""


def read(body: bytes, name: str, depth: int = 0) -> Extracted:
    """The text of a document: Markdown where its format has structure, verbatim where it is text."""
    if depth > _MOST_NESTED:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"documents nested deeper than {_MOST_NESTED}: upload it by itself")
    kind = packed_format(body) or written_format(head_of(body, MAIL_HEAD_CHARS), name)
    extracted = plausible(_read(body, name, kind, partial(read, depth=depth + 1)), f"a {_name(kind)}")
    if not extracted.text.strip():
        raise _empty(kind, len(body))
    return extracted


def _read(body: bytes, name: str, kind: Format, inner: Read) -> Extracted:  # noqa: C901, PLR0911, PLR0912 - one for each format
    """Each format's own reader, imported when it is needed: a child reads one document."""
    match kind:
        case Format.TEXT | Format.HTML:
            return _written(body, name)
        case Format.MAIL | Format.MBOX | Format.MSG | Format.TNEF | Format.SIGNED:
            from backburner.extraction.mail.kinds import read_mail  # noqa: PLC0415

            return read_mail(body, name, kind, inner)
        case Format.MHTML:
            from backburner.extraction.web.archive import read_mhtml  # noqa: PLC0415

            return _not_pictures_only(read_mhtml(body))
        case Format.CARDS:
            from backburner.extraction.cards import read_cards  # noqa: PLC0415

            return read_cards(body)
        case Format.MARKUP:
            from backburner.extraction.markup import read_markup  # noqa: PLC0415

            return read_markup(body)
        case Format.EPUB:
            from backburner.extraction.epub import read_epub  # noqa: PLC0415

            return read_epub(body)
        case Format.PDF:
            _refuse_pdf(body)
        case Format.RTF:
            from backburner.extraction.rtf import read_rtf  # noqa: PLC0415

            return read_rtf(body)
        case Format.ODT | Format.ODP | Format.ODG:
            from backburner.extraction.opendocument import read_opendocument  # noqa: PLC0415

            _refuse_package(body, kind)
            return read_opendocument(body)
        case Format.DOC:
            from backburner.extraction.doc import read_doc  # noqa: PLC0415

            return read_doc(body)
        case Format.PPT:
            from backburner.extraction.ppt import read_ppt  # noqa: PLC0415

            return read_ppt(body)
        case Format.FODT:
            from backburner.extraction.opendocument import read_flat_file  # noqa: PLC0415

            return read_flat_file(body)
        case _:
            _refuse_package(body, kind)
    return _by_library(body, kind)


def _written(body: bytes, name: str) -> Extracted:
    if written_format(head_of(body), name) is Format.HTML:
        from backburner.extraction.web.html import markdown_of  # noqa: PLC0415
        from backburner.extraction.web.pages import page_of  # noqa: PLC0415

        return _not_pictures_only(markdown_of(page_of(body), with_title=True))
    if is_binary(body):
        raise unsupported(body)
    charset = declared_charset(body) if head_of(body).lstrip().startswith("<?xml") else None
    text = decoded(body, charset) if charset else text_of(body)
    if text is None:
        raise unsupported(body)
    return Extracted(checked(text, len(body)))


def _not_pictures_only(found: Extracted) -> Extracted:
    """The same. Raises `JobError` where there are pictures in it, and no text at all."""
    if found.notes and not found.text.strip():
        what = f"an HTML page of {found.notes[0]}: run them through OCR and upload the result"
        raise JobError(Reason.UNREADABLE_DOCUMENT, what)
    return found


def _by_library(body: bytes, kind: Format) -> Extracted:
    from backburner.extraction.library import read_by_library  # noqa: PLC0415

    return read_by_library(body, kind)


def _refuse_package(body: bytes, kind: Format) -> None:
    """What need not be tried: encrypted, too many slides."""
    package = Package(body)
    if package.is_encrypted:
        raise _encrypted(kind)
    _refuse_pages(package.count("ppt/slides/"), "slides")


def _refuse_pdf(body: bytes) -> None:
    import xberg  # noqa: PLC0415

    if b"%%EOF" not in body[-_END_BYTES:]:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a PDF that ends in its middle: upload it again, whole")
    try:
        pages = xberg.pdf_page_count(body)
    except (RuntimeError, xberg.XbergError) as error:
        if b"/Encrypt" in body:
            raise _encrypted(Format.PDF) from error
        return  # damaged: so is the reading
    _refuse_pages(pages, "pages")


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
    return _NAMES.get(kind, kind.name)
