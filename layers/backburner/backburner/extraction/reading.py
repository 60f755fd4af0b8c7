"""From bytes to text, whatever the format. Raises `JobError` naming what is wrong and what to do about it."""

import asyncio
from functools import partial

import xberg

from backburner.documents import checked
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import html_of, text_of
from backburner.extraction.formats import Format, packed_format, unsupported, written_format
from backburner.extraction.mail import mail_text
from backburner.extraction.packages import MAX_UNPACKED_BYTES, Package

MAX_PAGES = 5_000
"""Pages of a PDF, slides of a presentation."""
_MOST_NESTED = 3
"""Mails in attachments in mails."""
_HEAD_BYTES = 4096
_END_BYTES = 65_536
_NAMES = {Format.PDF: "PDF", Format.DOCX: "DOCX", Format.PPTX: "PPTX", Format.XLSX: "XLSX", Format.ODT: "ODT",
          Format.EPUB: "EPUB", Format.RTF: "RTF", Format.HTML: "HTML page", Format.MAIL: "mail"}  # fmt: skip
_ESCAPES = ("\\&", "&"), ("\\<", "<"), ("\\>", ">")
"""The library escapes these whatever it is told."""


def read(body: bytes, name: str, depth: int = 0) -> str:
    """The text of a document: Markdown where its format has structure, verbatim where it is text."""
    kind = packed_format(body)
    if kind is None:
        return checked(_written(body, name, depth), len(body))
    _refuse(body, kind)
    return _something(_parsed(body, kind), kind)


def _written(body: bytes, name: str, depth: int) -> str:
    if written_format(body[:_HEAD_BYTES].decode("latin-1"), name) is Format.MAIL and depth < _MOST_NESTED:
        return mail_text(body, partial(read, depth=depth + 1))
    text = text_of(body)
    if text is None:
        raise unsupported(body)
    if written_format(text, name) is Format.HTML:
        page = html_of(body) or text
        return _something(_parsed(page.encode(), Format.HTML), Format.HTML)
    return text


def _refuse(body: bytes, kind: Format) -> None:
    """What need not be tried: too many pages, encrypted, cut off."""
    if kind is Format.PDF:
        _refuse_pdf(body)
    elif kind is not Format.RTF:
        package = Package(body)
        if package.is_encrypted:
            raise _encrypted(kind)
        _refuse_pages(package.count("ppt/slides/"), "slides")


def _refuse_pdf(body: bytes) -> None:
    if b"%%EOF" not in body[-_END_BYTES:]:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a PDF that ends in its middle: upload it again, whole")
    try:
        pages = xberg.pdf_page_count(body)
    except RuntimeError:
        return  # damaged or encrypted: so is the reading, and it knows which
    _refuse_pages(pages, "pages")


def _refuse_pages(pages: int, what: str) -> None:
    if pages > MAX_PAGES:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{pages} {what}, at most {MAX_PAGES} are read: cut it up")


def _parsed(body: bytes, kind: Format) -> str:
    source = xberg.ExtractInput(kind="bytes", bytes=body, mime_type=kind)
    try:
        text = asyncio.run(xberg.extract(source, _config())).results[0].content
    except RuntimeError as error:
        if kind is Format.PDF and b"/Encrypt" in body:
            raise _encrypted(kind) from error
        message = f"a {_NAMES[kind]} that cannot be read: damaged, or hostile; save it anew and upload it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error
    for escaped, plain in _ESCAPES:
        text = text.replace(escaped, plain)
    return text


def _something(text: str, kind: Format) -> str:
    """A text that holds something."""
    if text.strip():
        return text
    if kind in (Format.PDF, Format.PPTX, Format.DOCX):
        what = f"a {_NAMES[kind]} without text, probably a scan: run it through OCR and upload the result"
        raise JobError(Reason.UNREADABLE_DOCUMENT, what)
    raise JobError(Reason.EMPTY_DOCUMENT, f"a {_NAMES[kind]} without text; upload the document again")


def _encrypted(kind: Format) -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, f"an encrypted {_NAMES[kind]}: save it without a password")


def _config() -> xberg.ExtractionConfig:
    """No network, no models, no OCR, no cache; everything that is text stays, and nothing is tidied up.

    The limits of the library that would refuse large but honest documents are left to the bound on memory.
    """
    return xberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        disable_ocr=True,
        output_format="markdown",
        escape_markdown=False,
        content_filter=xberg.ContentFilterConfig(
            include_headers=True,
            include_footers=True,
            include_footnotes=True,
            include_watermarks=True,
            strip_repeating_text=False,
        ),
        html_options=xberg.ConversionOptions(extract_metadata=False, compact_tables=True),
        images=xberg.ImageExtractionConfig(extract_images=False, inject_placeholders=False, run_ocr_on_images=False),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
        security_limits=xberg.SecurityLimits(
            max_archive_size=MAX_UNPACKED_BYTES,
            max_content_size=MAX_UNPACKED_BYTES,
            max_compression_ratio=2_000,
            max_table_cells=10_000_000,
            max_iterations=1_000_000_000,
        ),
    )
