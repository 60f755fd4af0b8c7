"""Formats that are recognised but not read: the name of each, and what to do about it."""

import re
import struct
from collections.abc import Collection

from backburner.documents.plain_text import FOREIGN_TEXTS
from backburner.extraction.markdown import counted

_ONE_BY_ONE = "unpack it and upload its files one by one"
_AS_DOCX = "open it in LibreOffice and save it as DOCX or PDF"
_AS_XLSX = "open it in LibreOffice and save it as XLSX"
_AS_PDF = "export it as PDF"
_AS_EPUB = "convert it to EPUB or PDF (Calibre does)"
_MARKS = (
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", f"a OneNote section: {_AS_PDF}"),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", f"a OneNote notebook: {_AS_PDF}"),
    (0, b"!BDN", "an Outlook mailbox (PST): export its mails as EML or MSG"),
    (4, b"Standard Jet DB", "an Access database (MDB): export its tables as XLSX or CSV"),
    (4, b"Standard ACE DB", "an Access database (ACCDB): export its tables as XLSX or CSV"),
    (0, b"AT&TFORM", "a DjVu document: convert it to PDF with text (DjVuLibre and OCRmyPDF do)"),
    (0, b"ITSF", "a help file (CHM): convert it to HTML or PDF"),
    (0, b"ITOLITLS", f"a Microsoft Reader book (LIT): {_AS_EPUB}"),
    (0, b"\xeaDRMION\xee", "a Kindle book with DRM (KFX): upload a copy without it"),
    (0, b"TPZ", f"a Kindle book (Topaz): {_AS_EPUB}"),
    (0, b"AC10", f"an AutoCAD drawing (DWG): {_AS_PDF}"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript picture (EPS): convert it to PDF (Ghostscript does)"),
    (0, b"\xf7\x02\x01\x83\x92\xc0", "a TeX DVI file: convert it to PDF (dvipdfmx does)"),
    (0, b"\xffWPC", f"a WordPerfect document: {_AS_DOCX}"),
    (0, b"\xdb\xa5", f"a Word 2 document: {_AS_DOCX}"),
    (0, b"1\xbe\x00\x00", f"a Word for DOS or Write document: {_AS_DOCX}"),
    (0, b"2\xbe\x00\x00", f"a Write document: {_AS_DOCX}"),
    (0, b"\xfe7\x00", f"a Word for Macintosh document: {_AS_DOCX}"),
    (0, b"\x01\xfe", f"a Works document: {_AS_DOCX}"),
    (0, b"\xff\x00\x02\x00\x04\x04", f"a Works spreadsheet: {_AS_XLSX}"),
    (0, b"\x00\x00\x02\x00\x06\x04", f"a Lotus 1-2-3 spreadsheet: {_AS_XLSX}"),
    (0, b"\x00\x00\x02\x00\x04\x04", f"a Lotus 1-2-3 spreadsheet: {_AS_XLSX}"),
    (0, b"\x00\x00\x1a\x00", f"a Lotus 1-2-3 spreadsheet: {_AS_XLSX}"),
    (0, b"WordPro", f"a Lotus Word Pro document: {_AS_PDF}"),
    (0, b"HWP Document File", "a Hangul document (HWP): save it as DOCX or PDF"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut (LNK): upload the file that it points to"),
    (0, b"bplist00", "an Apple property list: upload the document that it belongs to"),
    (0, b"\x00\x00\x00\x01Bud1", "a folder's settings (DS_Store)"),
    (0, b"\x06\x06\xed\xf5", f"an InDesign document: {_AS_PDF}"),
    (0, b"8BPS", "a Photoshop picture: run it through OCR if it holds text"),
    (0, b"\xd7\xcd\xc6\x9a", "a picture (WMF)"),
    (40, b" EMF", "a picture (EMF)"),
    (8, b"CDR", f"a CorelDRAW drawing: {_AS_PDF}"),
    (0, b"MSCF", f"an archive (CAB): {_ONE_BY_ONE}"),
    (0, b"!<arch>", f"an archive (ar, deb): {_ONE_BY_ONE}"),
    (0, b"\x1f\x9d", f"an archive (compress): {_ONE_BY_ONE}"),
    (2, b"-lh", f"an archive (LHA): {_ONE_BY_ONE}"),
    (0, b"OTTO", "a font"),
    (0, b"wOFF", "a font"),
    (0, b"wOF2", "a font"),
    (0, b"\x00\x01\x00\x00\x00", "a font"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"ARROW1", "a table (Arrow): export it as CSV"),
    (0, b"Obj\x01", "a table (Avro): export it as CSV"),
    (0, b"\x89HDF", "a data file (HDF5): export its tables as CSV"),
)
"""Offset, magic number, and what the file is, with what to do about it."""
_MOBI, _MOBI_AT = (b"BOOKMOBI", b"TEXtREAd"), 60
_COMPOUNDS = (
    ("Workbook", f"an old workbook (XLS): {_AS_XLSX}"),
    ("Book", f"an old workbook (XLS): {_AS_XLSX}"),
    ("VisioDocument", f"a Visio drawing (VSD): {_AS_PDF}"),
    ("Quill", f"a Publisher document: {_AS_PDF}"),
    ("MatOST", f"a Works document: {_AS_DOCX}"),
    ("BodyText", "a Hangul document (HWP): save it as DOCX or PDF"),
    ("StarWriterDocument", f"a StarWriter document: {_AS_DOCX}"),
    ("StarCalcDocument", f"a StarCalc spreadsheet: {_AS_XLSX}"),
    ("StarDrawDocument3", f"a StarOffice drawing: {_AS_PDF}"),
    ("Props", f"a Microsoft Project plan (MPP): {_AS_PDF}"),
    ("PP40", "a PowerPoint 4 presentation: open it in LibreOffice and save it as PPTX"),
    ("Catalog", "a thumbnail cache"),
)
_PACKAGES = (
    (r"(?:.*/)?(?:Index/[^/]+\.iwa|Index\.zip|index\.apxl(?:\.gz)?|buildVersionHistory\.plist)$", "iwork"),
    (r"visio/document\.xml$", "visio"),
    (r"(?:FixedDocumentSequence|FixedDocSeq|FixedDocumentSequence1)\.fdseq$", "xps"),
    (r"AndroidManifest\.xml$|META-INF/MANIFEST\.MF$", "program"),
    (r"Contents/section0\.xml$", "hangul"),
)
_PACKAGE_NAMES = {
    "iwork": "a Pages, Numbers or Keynote document: export it as DOCX, XLSX, PPTX or PDF",
    "visio": f"a Visio drawing: {_AS_PDF}",
    "xps": "an XPS document: save it as PDF (print it to PDF)",
    "program": "a program (JAR or APK)",
    "hangul": "a Hangul document (HWPX): save it as DOCX or PDF",
}
_DECLARED = (
    (
        "application/vnd.sun.xml.writer",
        "an old OpenOffice document (SXW): open it in LibreOffice and save it as ODT",
    ),
    ("application/vnd.sun.xml.calc", "an old OpenOffice spreadsheet (SXC): open it in LibreOffice and save it as ODS"),
    (
        "application/vnd.sun.xml.impress",
        "an old OpenOffice presentation (SXI): open it in LibreOffice and save it as ODP",
    ),
    ("application/hwp+zip", "a Hangul document (HWPX): save it as DOCX or PDF"),
    ("application/vnd.oasis.opendocument.base", "a LibreOffice database (ODB): export its tables as ODS or CSV"),
    ("application/vnd.oasis.opendocument.image", "a LibreOffice picture (ODI)"),
)
_HEAD_BYTES = 1024


def foreign_file(body: bytes, *, may_be_text: bool = False) -> str | None:
    """What a file is that has no reader here, with what to do about it; None if its magic number is not listed.

    Some magic numbers are letters in some encoding: a file that may be text must have a NUL near its beginning too.
    """
    if may_be_text and b"\0" not in body[:_HEAD_BYTES]:
        return None
    if body[_MOBI_AT : _MOBI_AT + 8] in _MOBI:
        return _kindle(body)
    return next((what for offset, mark, what in _MARKS if body.startswith(mark, offset)), None)


def foreign_text(head: str) -> str | None:
    """The same for a file written in characters that is not text for people."""
    found = FOREIGN_TEXTS.match(head)
    return _TEXTS[found.lastgroup] if found is not None and found.lastgroup is not None else None


def foreign_package(declared: str | None, names: Collection[str]) -> str:
    """What a ZIP archive is, with what to do about it."""
    for type_, what in _DECLARED:
        if declared is not None and declared.startswith(type_):
            return what
    for pattern, kind in _PACKAGES:
        if any(re.match(pattern, name) for name in names):
            return _PACKAGE_NAMES[kind]
    if declared:
        return f"a file of the type {declared}"
    files = counted(sum(not name.endswith("/") for name in names), "file")
    return f"an archive (ZIP) of {files}: {_ONE_BY_ONE}"


def foreign_compound(names: Collection[str]) -> str:
    """What an OLE container is that belongs to no program read here."""
    return next((what for name, what in _COMPOUNDS if name in names), "an old Office document of an unknown kind")


def _kindle(body: bytes) -> str:
    first = struct.unpack_from(">I", body, 78)[0] if len(body) > 82 else len(body)  # noqa: PLR2004 - the first record
    if body[first + 12 : first + 14] not in (b"", b"\x00\x00"):
        return "a Kindle book with DRM: upload a copy without it"
    return f"a Kindle book (MOBI, AZW): {_AS_EPUB}"


_TEXTS = {
    "postscript": "a PostScript file: convert it to PDF (Ghostscript does)",
    "shortcut": "a shortcut to a web page (URL): save the page and upload it",
    "plist": "an Apple property list or shortcut: upload the document that it belongs to",
    "secret": "a key or a certificate: it does not belong in a model's input",
    "sealed": "text encrypted with PGP: decrypt it and upload the result",
}
