"""What is known and not read: each by its name, with what to do about it."""

import re
import struct
from collections.abc import Collection

from backburner.documents.plain_text import FOREIGN_TEXTS

_ONE_BY_ONE = "unpack it and upload its files one by one"
_AS_DOCX = "open it in LibreOffice and save it as DOCX or PDF"
_AS_XLSX = "open it in LibreOffice and save it as XLSX"
_AS_PDF = "export it as PDF"
_AS_EPUB = "convert it to EPUB or PDF (Calibre does)"
_MARKS = (
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", f"a section of OneNote: {_AS_PDF}"),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", f"a notebook of OneNote: {_AS_PDF}"),
    (0, b"!BDN", "a mailbox of Outlook (PST): export its mails as EML or MSG"),
    (4, b"Standard Jet DB", "a database of Access (MDB): export its tables as XLSX or CSV"),
    (4, b"Standard ACE DB", "a database of Access (ACCDB): export its tables as XLSX or CSV"),
    (0, b"AT&TFORM", "a DjVu document: convert it to PDF with text (DjVuLibre and OCRmyPDF do)"),
    (0, b"ITSF", "a help file (CHM): convert it to HTML or PDF"),
    (0, b"ITOLITLS", f"a book of Microsoft Reader (LIT): {_AS_EPUB}"),
    (0, b"\xeaDRMION\xee", "a Kindle book with a licence (KFX): it cannot be read without it"),
    (0, b"TPZ", f"a Kindle book (Topaz): {_AS_EPUB}"),
    (0, b"AC10", f"a drawing of AutoCAD (DWG): {_AS_PDF}"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript picture (EPS): convert it to PDF (Ghostscript does)"),
    (0, b"\xf7\x02\x01\x83\x92\xc0", "a TeX DVI file: convert it to PDF (dvipdfmx does)"),
    (0, b"\xffWPC", f"a document of WordPerfect: {_AS_DOCX}"),
    (0, b"\xdb\xa5", f"a document of Word 2: {_AS_DOCX}"),
    (0, b"1\xbe\x00\x00", f"a document of Word for DOS or of Write: {_AS_DOCX}"),
    (0, b"2\xbe\x00\x00", f"a document of Write: {_AS_DOCX}"),
    (0, b"\xfe7\x00", f"a document of Word for Macintosh: {_AS_DOCX}"),
    (0, b"\x01\xfe", f"a document of Works: {_AS_DOCX}"),
    (0, b"\xff\x00\x02\x00\x04\x04", f"a sheet of Works: {_AS_XLSX}"),
    (0, b"\x00\x00\x02\x00\x06\x04", f"a sheet of Lotus 1-2-3: {_AS_XLSX}"),
    (0, b"\x00\x00\x02\x00\x04\x04", f"a sheet of Lotus 1-2-3: {_AS_XLSX}"),
    (0, b"\x00\x00\x1a\x00", f"a sheet of Lotus 1-2-3: {_AS_XLSX}"),
    (0, b"WordPro", f"a document of Lotus Word Pro: {_AS_PDF}"),
    (0, b"HWP Document File", "a document of Hangul (HWP): save it as DOCX or PDF"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "a shortcut of Windows (LNK): upload the file that it leads to"),
    (0, b"bplist00", "a property list of Apple: upload the document that it belongs to"),
    (0, b"\x00\x00\x00\x01Bud1", "a folder's settings (DS_Store)"),
    (0, b"\x06\x06\xed\xf5", f"a document of InDesign: {_AS_PDF}"),
    (0, b"8BPS", "a picture of Photoshop: run it through OCR if it holds text"),
    (0, b"\xd7\xcd\xc6\x9a", "a picture (WMF)"),
    (40, b" EMF", "a picture (EMF)"),
    (8, b"CDR", f"a drawing of CorelDRAW: {_AS_PDF}"),
    (0, b"MSCF", f"an archive (CAB): {_ONE_BY_ONE}"),
    (0, b"!<arch>", f"an archive (ar, deb): {_ONE_BY_ONE}"),
    (0, b"\x1f\x9d", f"an archive (compress): {_ONE_BY_ONE}"),
    (2, b"-lh", f"an archive (LHA): {_ONE_BY_ONE}"),
    (0, b"OTTO", "a font"),
    (0, b"wOFF", "a font"),
    (0, b"wOF2", "a font"),
    (0, b"\x00\x01\x00\x00\x00", "a font"),
    (0, b"\x93NUMPY", "an array of NumPy"),
    (0, b"ARROW1", "a table (Arrow): export it as CSV"),
    (0, b"Obj\x01", "a table (Avro): export it as CSV"),
    (0, b"\x89HDF", "a data file (HDF5): export its tables as CSV"),
)
"""Where a mark stands, the mark, and what it says, with what to do."""
_MOBI, _MOBI_AT = (b"BOOKMOBI", b"TEXtREAd"), 60
_COMPOUNDS = (
    ("Workbook", f"an old workbook (XLS): {_AS_XLSX}"),
    ("Book", f"an old workbook (XLS): {_AS_XLSX}"),
    ("VisioDocument", f"a drawing of Visio (VSD): {_AS_PDF}"),
    ("Quill", f"a publication of Publisher: {_AS_PDF}"),
    ("MatOST", f"a document of Works: {_AS_DOCX}"),
    ("BodyText", "a document of Hangul (HWP): save it as DOCX or PDF"),
    ("StarWriterDocument", f"a document of StarWriter: {_AS_DOCX}"),
    ("StarCalcDocument", f"a sheet of StarCalc: {_AS_XLSX}"),
    ("StarDrawDocument3", f"a drawing of StarOffice: {_AS_PDF}"),
    ("Props", f"a plan of Project (MPP): {_AS_PDF}"),
    ("PP40", "a presentation of PowerPoint 4: open it in LibreOffice and save it as PPTX"),
    ("Catalog", "a cache of previews"),
)
_PACKAGES = (
    (r"(?:.*/)?(?:Index/[^/]+\.iwa|Index\.zip|index\.apxl(?:\.gz)?|buildVersionHistory\.plist)$", "iwork"),
    (r"visio/document\.xml$", "visio"),
    (r"(?:FixedDocumentSequence|FixedDocSeq|FixedDocumentSequence1)\.fdseq$", "xps"),
    (r"AndroidManifest\.xml$|META-INF/MANIFEST\.MF$", "program"),
    (r"Contents/section0\.xml$", "hangul"),
)
_SAID = {
    "iwork": "a document of Apple's Pages, Numbers or Keynote: export it as DOCX, XLSX, PPTX or PDF",
    "visio": f"a drawing of Visio: {_AS_PDF}",
    "xps": "an XPS document: save it as PDF (print it to PDF)",
    "program": "a program (JAR or APK)",
    "hangul": "a document of Hangul (HWPX): save it as DOCX or PDF",
}
_DECLARED = (
    (
        "application/vnd.sun.xml.writer",
        "an old document of OpenOffice (SXW): open it in LibreOffice and save it as ODT",
    ),
    ("application/vnd.sun.xml.calc", "an old sheet of OpenOffice (SXC): open it in LibreOffice and save it as ODS"),
    ("application/vnd.sun.xml.impress", "an old presentation (SXI): open it in LibreOffice and save it as ODP"),
    ("application/hwp+zip", "a document of Hangul (HWPX): save it as DOCX or PDF"),
    ("application/vnd.oasis.opendocument.base", "a database of LibreOffice (ODB): export its tables as ODS or CSV"),
    ("application/vnd.oasis.opendocument.image", "a picture of LibreOffice (ODI)"),
)
_HEAD_BYTES = 1024


def foreign_file(body: bytes, *, may_be_text: bool = False) -> str | None:
    """What a file is that no reader is for, with what to do; None of one that has none of their marks.

    Some marks are letters in some encoding: where it may be a text, a null must stand near its beginning too.
    """
    if may_be_text and b"\0" not in body[:_HEAD_BYTES]:
        return None
    if body[_MOBI_AT : _MOBI_AT + 8] in _MOBI:
        return _kindle(body)
    return next((what for place, mark, what in _MARKS if body.startswith(mark, place)), None)


def foreign_text(head: str) -> str | None:
    """The same of what is written in characters, but is no text for people."""
    found = FOREIGN_TEXTS.match(head)
    return _TEXTS[found.lastgroup] if found is not None and found.lastgroup is not None else None


def foreign_package(declared: str | None, names: Collection[str]) -> str:
    """What a ZIP archive is, with what to do."""
    for type_, what in _DECLARED:
        if declared is not None and declared.startswith(type_):
            return what
    for pattern, kind in _PACKAGES:
        if any(re.match(pattern, name) for name in names):
            return _SAID[kind]
    if declared:
        return f"a file of the type {declared}"
    count = sum(not name.endswith("/") for name in names)
    return f"an archive (ZIP) of {count} file{'s' * (count != 1)}: {_ONE_BY_ONE}"


def foreign_compound(names: Collection[str]) -> str:
    """What an OLE container is that is neither of Word nor of PowerPoint."""
    return next((what for name, what in _COMPOUNDS if name in names), "an old Office document of an unknown kind")


def _kindle(body: bytes) -> str:
    first = struct.unpack_from(">I", body, 78)[0] if len(body) > 82 else len(body)  # noqa: PLR2004 - the first record
    if body[first + 12 : first + 14] not in (b"", b"\x00\x00"):
        return "a Kindle book with a licence: it cannot be read without it"
    return f"a Kindle book (MOBI, AZW): {_AS_EPUB}"


_TEXTS = {
    "postscript": "a PostScript file: convert it to PDF (Ghostscript does)",
    "shortcut": "a shortcut to a web page (URL): save the page and upload it",
    "plist": "a property list or shortcut of Apple: upload the document that it belongs to",
    "secret": "a key or a certificate: nothing that belongs in a model's input",
    "sealed": "a text that is encrypted with PGP: decrypt it and upload it",
}
