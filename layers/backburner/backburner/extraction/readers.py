"""Maps each format to its reader, imported only when needed, because a child reads one document."""

# ruff: noqa: PLC0415 - that is the purpose of this module

from collections.abc import Callable

from backburner.documents.pictures import TEXT_ONLY, Wish
from backburner.documents.plain_text import Extracted, checked
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import declared_charset, decoded, head_of, text_of
from backburner.extraction.formats import Format, unsupported, written_format
from backburner.extraction.magic_numbers import is_binary
from backburner.extraction.packages import Package

MAX_PAGES = 5_000
"""Pages of a PDF, slides of a presentation."""
Read = Callable[[bytes, str], Extracted]
"""Reads something inside a document, such as an attachment, from its bytes and name. Raises `JobError`."""


def read_as(kind: Format, body: bytes, name: str, inner: Read, wish: Wish = TEXT_ONLY) -> Extracted:  # noqa: PLR0911 - one for each family of formats
    """The text of a document in this format. Raises `JobError`."""
    match kind:
        case Format.TEXT | Format.HTML:
            return _text_or_page(body, name)
        case Format.MHTML | Format.CARDS | Format.MARKUP | Format.EPUB:
            return _written(kind, body)
        case Format.MAIL | Format.MBOX | Format.MSG | Format.TNEF | Format.SIGNED:
            from backburner.extraction.mail.kinds import read_mail

            return read_mail(body, name, kind, inner)
        case Format.PDF:
            from backburner.extraction.pdf.reader import read_pdf

            return read_pdf(body, inner, MAX_PAGES, wish)
        case Format.DOCX | Format.FLAT_DOCX | Format.DOC | Format.RTF:
            return _word_processed(kind, body, inner)
        case Format.ODT | Format.ODP | Format.ODG | Format.FODT:
            return _open_document(kind, body)
        case Format.PPTX | Format.PPT:
            return _slides(kind, body)
        case Format.XLSX | Format.XLSB | Format.XLS | Format.ODS:
            return _sheets(kind, body)


def _text_or_page(body: bytes, name: str) -> Extracted:
    if written_format(head_of(body), name) is Format.HTML:
        from backburner.extraction.web.html import markdown_of
        from backburner.extraction.web.pages import page_of

        return _not_pictures_only(markdown_of(page_of(body), with_title=True))
    if is_binary(body):
        raise unsupported(body)
    charset = declared_charset(body) if head_of(body).lstrip().startswith("<?xml") else None
    text = decoded(body, charset) if charset else text_of(body)
    if text is None:
        raise unsupported(body)
    return Extracted(checked(text, len(body)))


def _written(kind: Format, body: bytes) -> Extracted:
    if kind is Format.MHTML:
        from backburner.extraction.web.archive import read_mhtml

        return _not_pictures_only(read_mhtml(body))
    if kind is Format.CARDS:
        from backburner.extraction.cards import read_cards

        return read_cards(body)
    if kind is Format.MARKUP:
        from backburner.extraction.markup import read_markup

        return read_markup(body)
    from backburner.extraction.epub import read_epub

    return read_epub(body)


def _not_pictures_only(found: Extracted) -> Extracted:
    """The page. Raises `JobError` if it has pictures but no text."""
    if found.notes and not found.text.strip():
        what = f"an HTML page of {found.notes[0]}: run it through OCR and upload the result"
        raise JobError(Reason.UNREADABLE_DOCUMENT, what)
    return found


def _word_processed(kind: Format, body: bytes, inner: Read) -> Extracted:
    if kind is Format.RTF:
        from backburner.extraction.rtf import read_rtf

        return read_rtf(body)
    if kind is Format.DOC:
        from backburner.extraction.doc import read_doc

        return read_doc(body)
    from backburner.extraction.word.document import read_flat_word, read_word

    if kind is Format.FLAT_DOCX:
        return read_flat_word(body, inner)
    _refuse_encrypted(body, kind)
    return read_word(body, inner)


def _open_document(kind: Format, body: bytes) -> Extracted:
    from backburner.extraction.opendocument import read_flat_file, read_opendocument

    if kind is Format.FODT:
        return read_flat_file(body)
    _refuse_encrypted(body, kind)
    return read_opendocument(body)


def _slides(kind: Format, body: bytes) -> Extracted:
    if kind is Format.PPT:
        from backburner.extraction.ppt import read_ppt

        return read_ppt(body)
    from backburner.extraction.slides.pptx import read_pptx

    slides = _refuse_encrypted(body, kind).count("ppt/slides/")
    if slides > MAX_PAGES:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{slides} slides, at most {MAX_PAGES} are read: split it up")
    return read_pptx(body)


def _sheets(kind: Format, body: bytes) -> Extracted:
    if kind is Format.XLS:
        from backburner.extraction.sheets.xls import read_xls

        return read_xls(body)
    _refuse_encrypted(body, kind)
    if kind is Format.XLSB:
        from backburner.extraction.sheets.xlsb import read_xlsb

        return read_xlsb(body)
    if kind is Format.ODS:
        from backburner.extraction.sheets.ods import read_ods

        return read_ods(body)
    from backburner.extraction.sheets.xlsx import read_xlsx

    return read_xlsx(body)


def _refuse_encrypted(body: bytes, kind: Format) -> Package:
    package = Package(body)
    if package.is_encrypted:
        raise JobError(Reason.UNREADABLE_DOCUMENT, f"an encrypted {kind.name}: save it without a password")
    return package
