"""The format of a document, decided by its bytes; its name decides only between lookalikes."""

import codecs
import re
from enum import StrEnum

from backburner.documents.plain_text import (
    FLAT_OFFICE,
    is_card,
    is_html,
    is_known_xml,
    is_mail,
    is_mailbox,
    is_web_archive,
    is_word_xml,
)
from backburner.errors import JobError, Reason
from backburner.extraction.foreign import foreign_compound, foreign_file, foreign_package, foreign_text
from backburner.extraction.magic_numbers import identified
from backburner.extraction.mail.signed import from_text_form, is_envelope
from backburner.extraction.packages import Package

SUPPORTED = (
    "supported formats: text, Markdown, CSV, HTML, MHTML, PDF, DOCX, DOC, RTF, ODT, PPTX, PPT, ODP, XLSX, XLSB, XLS, "
    "ODS, EPUB, FB2, EML, MSG and mbox"
)


class Format(StrEnum):
    """The formats that are read, each with its media type."""

    TEXT = "text/plain"
    HTML = "text/html"
    MHTML = "multipart/related"
    CARDS = "text/calendar"
    MARKUP = "application/xml"
    EPUB = "application/epub+zip"
    MAIL = "message/rfc822"
    MBOX = "application/mbox"
    MSG = "application/vnd.ms-outlook"
    TNEF = "application/ms-tnef"
    SIGNED = "application/pkcs7-mime"
    PDF = "application/pdf"
    RTF = "application/rtf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    FLAT_DOCX = "application/vnd.ms-word.document+xml"
    DOC = "application/msword"
    ODT = "application/vnd.oasis.opendocument.text"
    ODP = "application/vnd.oasis.opendocument.presentation"
    ODG = "application/vnd.oasis.opendocument.graphics"
    FODT = "application/vnd.oasis.opendocument.text-flat-xml"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    PPT = "application/vnd.ms-powerpoint"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
    XLS = "application/vnd.ms-excel"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"


_OPEN_DOCUMENTS = {
    f"application/vnd.oasis.opendocument.{kind}": format_
    for format_, kinds in {
        Format.ODT: ("text", "text-template", "text-master", "text-master-template", "text-web", "formula", "chart"),
        Format.ODP: ("presentation", "presentation-template"),
        Format.ODG: ("graphics", "graphics-template"),
        Format.ODS: ("spreadsheet", "spreadsheet-template"),
    }.items()
    for kind in kinds
}
_FLAT = re.compile(r"<(?:\w+:)?document\b[^>]*urn:oasis:names:tc:opendocument:xmlns:office")
_OFFICE_MAIN = (
    (b"sheet.binary.macroEnabled.main", Format.XLSB),
    (b"wordprocessingml.document.main", Format.DOCX),
    (b"wordprocessingml.template.main", Format.DOCX),
    (b"ms-word.document.macroEnabled.main", Format.DOCX),
    (b"ms-word.template.macroEnabledTemplate.main", Format.DOCX),
    (b"spreadsheetml.sheet.main", Format.XLSX),
    (b"spreadsheetml.template.main", Format.XLSX),
    (b"vnd.ms-excel.sheet.macroEnabled.main", Format.XLSX),
    (b"vnd.ms-excel.template.macroEnabled.main", Format.XLSX),
    (b"vnd.ms-excel.addin.macroEnabled.main", Format.XLSX),
    (b"presentationml.presentation.main", Format.PPTX),
    (b"presentationml.slideshow.main", Format.PPTX),
    (b"presentationml.template.main", Format.PPTX),
    (b"vnd.ms-powerpoint.presentation.macroEnabled.main", Format.PPTX),
    (b"vnd.ms-powerpoint.slideshow.macroEnabled.main", Format.PPTX),
    (b"vnd.ms-powerpoint.template.macroEnabled.main", Format.PPTX),
)
"""Content types of an Office file's main part, whatever the part is called."""
_OFFICE_PARTS = (("xl/workbook.bin", Format.XLSB), ("word/", Format.DOCX), ("ppt/", Format.PPTX), ("xl/", Format.XLSX))
_COMPOUNDS = (
    ("WordDocument", Format.DOC),
    ("PowerPoint Document", Format.PPT),
    ("Workbook", Format.XLS),
    ("Book", Format.XLS),
)
"""Streams at the top level of an old Office document's container."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OUTLOOK = "__properties_version1.0"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_TNEF = b"\x78\x9f\x3e\x22"
_XLS_BARE = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x10\x00", b"\x09\x08\x08\x00")
"""How Excel 2 to 4 workbooks begin, and newer ones without a container."""
_HEAD_BYTES = 4096
_PDF_BYTES = 1024
"""A PDF may have up to this much before and after it; a text may only mention one."""


def packed_format(body: bytes) -> Format | None:
    """The format of a document that is not written in plain characters; None if it may be.

    Raises `JobError` saying what it is if that format is not read.
    """
    head = body[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith(b"%PDF-") or (b"%PDF-" in body[:_PDF_BYTES] and b"startxref" in body[-_PDF_BYTES:]):
        return Format.PDF
    if head.startswith(b"{\\rtf"):
        return Format.RTF
    if body.startswith(b"PK\x03\x04"):
        return _of_package(Package(body))
    if body.startswith(_XLS_BARE):
        return Format.XLS
    return _of_compound(body) if body.startswith(_OLE) else _packed_otherwise(body)


def written_format(text: str, name: str) -> Format:
    """The format of a document written in characters. Raises `JobError` if it is not text for people."""
    head = text[:_HEAD_BYTES].lstrip()
    if what := foreign_text(head):
        raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {SUPPORTED}")
    if _FLAT.search(head):
        return Format.FODT
    if is_word_xml(head, name):
        return _of_word_xml(head)
    for is_kind, kind in _WRITTEN:
        if is_kind(head, name):
            return kind
    if is_mailbox(text, name):
        return Format.MBOX
    return Format.MAIL if is_mail(text, name) else Format.TEXT


_WRITTEN = (
    (is_html, Format.HTML),
    (is_web_archive, Format.MHTML),
    (is_card, Format.CARDS),
    (is_known_xml, Format.MARKUP),
)
"""In this order, because a web archive is also a mail."""


def unsupported(body: bytes) -> JobError:
    """What to say about bytes that are neither text nor in a format that is read."""
    if known := foreign_file(body):
        return JobError(Reason.UNSUPPORTED_TYPE, f"{known}; {SUPPORTED}")
    return JobError(Reason.UNSUPPORTED_TYPE, f"{identified(body) or 'binary data of an unknown kind'}; {SUPPORTED}")


def _of_word_xml(head: str) -> Format:
    if FLAT_OFFICE in head:
        return Format.FLAT_DOCX
    what = "a Word 2003 XML document: save it as DOCX or PDF"
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {SUPPORTED}")


def _of_package(package: Package) -> Format:
    declared = package.declared_type or package.manifest_type
    if declared in _OPEN_DOCUMENTS:
        return _OPEN_DOCUMENTS[declared]
    if declared == Format.EPUB:
        return Format.EPUB
    if any(name.lower() == "[content_types].xml" for name in package.names):
        kinds = (kind for mark, kind in _OFFICE_MAIN if mark in package.content_types)
        names = [name.replace("\\", "/").lstrip("/").lower() for name in package.names]
        folders = (kind for folder, kind in _OFFICE_PARTS if any(name.startswith(folder) for name in names))
        if kind := next(kinds, None) or next(folders, None):
            return kind
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{foreign_package(declared, package.names)}; {SUPPORTED}")


def _packed_otherwise(body: bytes) -> Format | None:
    """Formats that mail programs write besides mails. Raises `JobError` for known formats that are not read."""
    if body.startswith(_TNEF):
        return Format.TNEF
    if is_envelope(from_text_form(body[:_HEAD_BYTES])):
        return Format.SIGNED
    if what := foreign_file(body, may_be_text=True):
        raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {SUPPORTED}")
    return None


def _of_compound(body: bytes) -> Format:
    """The format inside an OLE container."""
    from backburner.extraction.compound import Compound  # noqa: PLC0415 - few documents need its library

    # A mail may contain an encrypted document.
    if _ENCRYPTED_OFFICE in body and _OUTLOOK.encode("utf-16-le") not in body:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted Office document: save it without a password")
    names = Compound(body).names
    if _OUTLOOK in names:
        return Format.MSG
    kind = next((kind for stream, kind in _COMPOUNDS if stream in names), None)
    if kind is None:
        raise JobError(Reason.UNSUPPORTED_TYPE, f"{foreign_compound(names)}; {SUPPORTED}")
    return kind
