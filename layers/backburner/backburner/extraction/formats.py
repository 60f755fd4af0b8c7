"""What a document is, decided by its bytes; its name decides only between lookalikes."""

import codecs
import re
from enum import StrEnum

from backburner.documents import is_card, is_html, is_known_xml, is_mail, is_mailbox, is_web_archive
from backburner.errors import JobError, Reason
from backburner.extraction.foreign import foreign_compound, foreign_file, foreign_package, foreign_text
from backburner.extraction.mail.signed import is_envelope, unprinted
from backburner.extraction.packages import Package

READ = "text, Markdown, HTML, PDF, DOCX, PPTX, XLSX, ODT, ODP, RTF, DOC, PPT, EPUB, EML, MSG, mbox and CSV are read"


class Format(StrEnum):
    """What is read, each with the media type that the library knows it by."""

    TEXT = "text/plain"
    HTML = "text/html"
    MAIL = "message/rfc822"
    MBOX = "application/mbox"
    MSG = "application/vnd.ms-outlook"
    TNEF = "application/ms-tnef"
    SIGNED = "application/pkcs7-mime"
    RTF = "application/rtf"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODT = "application/vnd.oasis.opendocument.text"
    ODP = "application/vnd.oasis.opendocument.presentation"
    ODG = "application/vnd.oasis.opendocument.graphics"
    FODT = "application/vnd.oasis.opendocument.text-flat-xml"
    EPUB = "application/epub+zip"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    MHTML = "multipart/related"
    CARDS = "text/calendar"
    MARKUP = "application/xml"


_OPEN_DOCUMENTS = {
    f"application/vnd.oasis.opendocument.{kind}": format_
    for format_, kinds in {
        Format.ODT: ("text", "text-template", "text-master", "text-master-template", "text-web", "formula", "chart"),
        Format.ODP: ("presentation", "presentation-template"),
        Format.ODG: ("graphics", "graphics-template"),
    }.items()
    for kind in kinds
}
_FLAT = re.compile(r"<(?:\w+:)?document\b[^>]*urn:oasis:names:tc:opendocument:xmlns:office")
_OFFICE_PARTS = (("word/", Format.DOCX), ("ppt/", Format.PPTX), ("xl/", Format.XLSX))
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OUTLOOK = "__properties_version1.0"
_TNEF = b"\x78\x9f\x3e\x22"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_HEAD_BYTES = 4096
_FIRST_BLANK, _LAST_ASCII = 0x09, 0x7F
_PDF_BYTES = 1024
"""A PDF may have something before and behind it, so much; a text may only speak of one."""
_OTHERS = (
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"BM", "a picture (BMP)"),
    (0, b"II*\x00", "a picture (TIFF)"),
    (0, b"MM\x00*", "a picture (TIFF)"),
    (8, b"WEBP", "a picture (WebP)"),
    (4, b"ftyphei", "a picture (HEIC)"),
    (4, b"ftypavif", "a picture (AVIF)"),
    (4, b"ftyp", "a film or sound (MP4)"),
    (0, b"\x1aE\xdf\xa3", "a film (Matroska)"),
    (8, b"AVI ", "a film (AVI)"),
    (8, b"WAVE", "a sound (WAV)"),
    (0, b"ID3", "a sound (MP3)"),
    (0, b"\xff\xfb", "a sound (MP3)"),
    (0, b"OggS", "a sound (Ogg)"),
    (0, b"fLaC", "a sound (FLAC)"),
    (0, b"\x1f\x8b", "an archive (gzip)"),
    (0, b"BZh", "an archive (bzip2)"),
    (0, b"\xfd7zXZ", "an archive (xz)"),
    (0, b"7z\xbc\xaf", "an archive (7z)"),
    (0, b"Rar!", "an archive (RAR)"),
    (0, b"(\xb5/\xfd", "an archive (Zstandard)"),
    (257, b"ustar", "an archive (tar)"),
    (0, b"PK\x05\x06", "an empty archive (ZIP)"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\x00asm", "a program"),
    (0, b"SQLite format 3", "a database (SQLite)"),
    (0, b"PAR1", "a table (Parquet)"),
    (0, b"\xcf\xad\x12\xfe", "an Outlook Express folder (DBX): export its mails as EML"),
)
"""Where a mark stands, the mark, and what it says: asked only of what is no text, for some marks are plain letters."""


def packed_format(body: bytes) -> Format | None:
    """The format of a document that is not written in plain characters; None if it may be.

    Raises `JobError` where it is one that is not read, saying what it is.
    """
    head = body[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith(b"%PDF-") or (b"%PDF-" in body[:_PDF_BYTES] and b"startxref" in body[-_PDF_BYTES:]):
        return Format.PDF
    if head.startswith(b"{\\rtf"):
        return Format.RTF
    if body.startswith(b"PK\x03\x04"):
        return _of_package(Package(body))
    if body.startswith(_OLE):
        return _of_compound(body)
    mail = _of_mail(body)
    if mail is None and (what := foreign_file(body, may_be_text=True)):
        raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {READ}")
    return mail


def written_format(text: str, name: str) -> Format:
    """The format of what is written in characters. Raises `JobError` where it is no text for people."""
    head = text[:_HEAD_BYTES].lstrip()
    if what := foreign_text(head):
        raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {READ}")
    if _FLAT.search(head):
        return Format.FODT
    if is_html(head, name):
        return Format.HTML
    return _written_otherwise(text, head, name)


def _written_otherwise(text: str, head: str, name: str) -> Format:
    if is_web_archive(head, name):
        return Format.MHTML
    if is_card(head, name):
        return Format.CARDS
    if is_known_xml(head, name):
        return Format.MARKUP
    if is_mailbox(text, name):
        return Format.MBOX
    return Format.MAIL if is_mail(text, name) else Format.TEXT


def is_binary(body: bytes) -> bool:
    """Whether bytes begin with a mark that no text begins with, so that nobody need look at the rest of them."""
    return any(body.startswith(mark, place) for place, mark, _ in _OTHERS if _is_no_word(mark))


def _is_no_word(mark: bytes) -> bool:
    """Whether a mark is more than two letters of some alphabet."""
    return len(mark) > 2 and any(byte > _LAST_ASCII or byte < _FIRST_BLANK for byte in mark)  # noqa: PLR2004


def unsupported(body: bytes) -> JobError:
    """What to say of bytes that are neither text nor a format that is read."""
    if known := foreign_file(body):
        return JobError(Reason.UNSUPPORTED_TYPE, f"{known}; {READ}")
    found = (what for place, mark, what in _OTHERS if body.startswith(mark, place))
    return JobError(Reason.UNSUPPORTED_TYPE, f"{next(found, 'binary data of an unknown kind')}: {READ}")


def _of_package(package: Package) -> Format:
    declared = package.declared_type or package.manifest_type
    if declared in _OPEN_DOCUMENTS:
        return _OPEN_DOCUMENTS[declared]
    if declared == Format.EPUB:
        return Format.EPUB
    if "[Content_Types].xml" in package.names:
        for folder, kind in _OFFICE_PARTS:
            if any(name.startswith(folder) for name in package.names):
                return kind
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{foreign_package(declared, package.names)}; {READ}")


def _of_mail(body: bytes) -> Format | None:
    """What mail programs write besides letters; None if it is none of it."""
    if body.startswith(_TNEF):
        return Format.TNEF
    return Format.SIGNED if is_envelope(unprinted(body[:_HEAD_BYTES])) else None


def _of_compound(body: bytes) -> Format:
    """What stands in the container of the old Office formats."""
    from backburner.extraction.compound import Compound  # noqa: PLC0415 - its library is seldom needed

    if _ENCRYPTED_OFFICE in body and _OUTLOOK.encode("utf-16-le") not in body:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted Office document: save it without a password")
    names = Compound(body).names
    if _OUTLOOK in names:
        return Format.MSG
    if "WordDocument" in names:
        return Format.DOC
    if "PowerPoint Document" in names:
        return Format.PPT
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{foreign_compound(names)}; {READ}")
