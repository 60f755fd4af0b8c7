"""What a document is, decided by its bytes; its name decides only between lookalikes."""

from enum import StrEnum

from backburner.documents import FLAT_OFFICE, is_html, is_mail, is_word_xml
from backburner.errors import JobError, Reason
from backburner.extraction.packages import Package

READ = "text, Markdown, HTML, PDF, DOCX, PPTX, XLSX, ODT, RTF, EPUB, EML and CSV are read"


class Format(StrEnum):
    """What is read, each with the media type that the library knows it by."""

    TEXT = "text/plain"
    HTML = "text/html"
    MAIL = "message/rfc822"
    RTF = "application/rtf"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    FLAT_DOCX = "application/vnd.ms-word.document+xml"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODT = "application/vnd.oasis.opendocument.text"
    EPUB = "application/epub+zip"


_OFFICE_PARTS = (("word/", Format.DOCX), ("ppt/", Format.PPTX), ("xl/", Format.XLSX))
_OFFICE_TYPES = (
    (b"wordprocessingml.document.main", Format.DOCX),
    (b"wordprocessingml.template.main", Format.DOCX),
    (b"ms-word.document.macroEnabled.main", Format.DOCX),
    (b"ms-word.template.macroEnabledTemplate.main", Format.DOCX),
)
"""Types of the parts where documents begin, wherever these lie."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_HEAD_BYTES = 4096
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
)
"""Where a mark stands, the mark, and what it says: asked only of what is no text, for some marks are plain letters."""


def packed_format(body: bytes) -> Format | None:
    """The format of a document that is not written in plain characters; None if it may be.

    Raises `JobError` where it is one that is not read, saying what it is.
    """
    head = body[:_HEAD_BYTES].lstrip()
    if head.startswith(b"%PDF-") or (b"%PDF-" in body[:_PDF_BYTES] and b"startxref" in body[-_PDF_BYTES:]):
        return Format.PDF
    if head.startswith(b"{\\rtf"):
        return Format.RTF
    if body.startswith(b"PK\x03\x04"):
        return _of_package(Package(body))
    if body.startswith(_OLE):
        raise _ole(body)
    return None


def written_format(text: str, name: str) -> Format:
    """The format of what is written in characters. Raises `JobError` where it is one that is not read."""
    head = text[:_HEAD_BYTES].lstrip()
    if is_word_xml(head, name):
        return _of_word_xml(head)
    if is_html(head, name):
        return Format.HTML
    return Format.MAIL if is_mail(head, name) else Format.TEXT


def unsupported(body: bytes) -> JobError:
    """What to say of bytes that are neither text nor a format that is read."""
    found = (what for place, mark, what in _OTHERS if body.startswith(mark, place))
    return JobError(Reason.UNSUPPORTED_TYPE, f"{next(found, 'binary data of an unknown kind')}: {READ}")


def _of_word_xml(head: str) -> Format:
    if FLAT_OFFICE in head:
        return Format.FLAT_DOCX
    what = "a Word 2003 XML document: save it as DOCX or PDF"
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}; {READ}")


def _of_package(package: Package) -> Format:
    declared = package.declared_type
    if declared in (Format.ODT, Format.EPUB):
        return Format(declared)
    if "[Content_Types].xml" in package.names:
        types = package.content_types
        for mark, kind in _OFFICE_TYPES:
            if mark in types:
                return kind
        for folder, kind in _OFFICE_PARTS:
            if any(name.startswith(folder) for name in package.names):
                return kind
    what = f"a file of the type {declared}" if declared else "an archive (ZIP)"
    raise JobError(Reason.UNSUPPORTED_TYPE, f"{what}: {READ}; upload its files one by one")


def _ole(body: bytes) -> JobError:
    if _ENCRYPTED_OFFICE in body:
        return JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted Office document: save it without a password")
    return JobError(Reason.UNSUPPORTED_TYPE, f"an old Office document: save it as DOCX, PPTX, XLSX or PDF; {READ}")
