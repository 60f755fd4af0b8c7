"""An unsupported file is called by its name, with what to do about it."""

import io
import struct
import zipfile

import pytest

from backburner.documents.plain_text import plain_text
from backburner.errors import JobError, Reason
from backburner.extraction.foreign import foreign_compound
from backburner.extraction.reading import read

BINARY = {
    "one": (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), "OneNote section: export it as PDF"),
    "onetoc2": (bytes.fromhex("a12fff43d9ef764c9ee210ea5722765f"), "OneNote notebook"),
    "pst": (b"!BDN", r"Outlook mailbox \(PST\): export its mails"),
    "mdb": (b"\x00\x01\x00\x00Standard Jet DB", r"Access database \(MDB\): export its tables"),
    "accdb": (b"\x00\x01\x00\x00Standard ACE DB", r"Access database \(ACCDB\)"),
    "djvu": (b"AT&TFORM\x00\x00\x00\x10DJVM", "DjVu document: convert it to PDF"),
    "chm": (b"ITSF\x03", r"help file \(CHM\)"),
    "lit": (b"ITOLITLS\x01", r"Microsoft Reader book \(LIT\): convert it to EPUB"),
    "kfx": (b"\xeaDRMION\xee", "with DRM"),
    "dwg": (b"AC1032\x00", r"AutoCAD drawing \(DWG\): export it as PDF"),
    "eps": (b"\xc5\xd0\xd3\xc6\x20", r"PostScript picture \(EPS\)"),
    "dvi": (bytes.fromhex("f702018392c01c3b"), "TeX DVI file: convert it to PDF"),
    "wpd": (b"\xffWPC\x10", "WordPerfect document: open it in LibreOffice"),
    "word2": (b"\xdb\xa5\x2d\x00", "Word 2 document: open it in LibreOffice"),
    "write": (b"1\xbe\x00\x00\x00\xab", "Word for DOS or Write"),
    "wk4": (b"\x00\x00\x1a\x00\x02\x10", "Lotus 1-2-3 spreadsheet: open it in LibreOffice and save it as XLSX"),
    "hwp3": (b"HWP Document File V3.00 \x1a", r"Hangul document \(HWP\)"),
    "lnk": (b"L\x00\x00\x00\x01\x14\x02\x00", "Windows shortcut"),
    "bplist": (b"bplist00\xd1", "Apple property list"),
    "indd": (b"\x06\x06\xed\xf5", "InDesign document: export it as PDF"),
    "cab": (b"MSCF", r"archive \(CAB\): unpack it"),
    "ttf": (b"\x00\x01\x00\x00\x00\x0f", "a font"),
}
WRITTEN = {
    "a.ps": ("%!PS-Adobe-3.0\n%%Title: x\n", "PostScript file: convert it to PDF"),
    "a.url": ("[InternetShortcut]\r\nURL=https://example.org\r\n", "shortcut to a web page"),
    "a.webloc": ('<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN">', "property list"),
    "a.pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "a key or a certificate"),
    "a.crt": ("-----BEGIN CERTIFICATE-----\nMIIE\n", "a key or a certificate"),
    "a.asc": ("-----BEGIN PGP MESSAGE-----\n\nhQ\n", "encrypted with PGP"),
    "b.asc": ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nhQ\n", "a key or a certificate"),
}
PACKED = {
    "pages": (
        ["Index/Document.iwa", "Metadata/Properties.plist"],
        "Pages, Numbers or Keynote document: export it as DOCX, XLSX",
    ),
    "bundle": (["a.pages/Index.zip", "a.pages/preview.jpg"], "Pages, Numbers or Keynote"),
    "key09": (["index.apxl", "thumbs/a.tiff"], "Pages, Numbers or Keynote"),
    "vsdx": (["[Content_Types].xml", "visio/document.xml"], "Visio drawing: export it as PDF"),
    "xps": (["[Content_Types].xml", "FixedDocumentSequence.fdseq"], "an XPS document: save it as PDF"),
    "jar": (["META-INF/MANIFEST.MF", "A.class"], "a program"),
    "hwpx": (["version.xml", "Contents/section0.xml"], r"Hangul document \(HWPX\)"),
    "zip": (["a.pdf", "b/", "b/c.docx"], r"archive \(ZIP\) of 2 files: unpack it and upload its files one by one"),
}


def refusal(body: bytes) -> str:
    """The message with which an unsupported file is refused."""
    with pytest.raises(JobError) as refused:
        read(body, "a")
    assert refused.value.reason is Reason.UNSUPPORTED_TYPE
    return str(refused.value)


@pytest.mark.parametrize("name", BINARY)
def test_binary_files_are_recognised_by_their_signatures(name: str) -> None:
    """The message names the format and the remedy."""
    mark, message = BINARY[name]
    with pytest.raises(JobError, match=message) as refused:
        read(mark + bytes(600), "a")
    assert refused.value.reason is Reason.UNSUPPORTED_TYPE
    assert "supported formats: text" in str(refused.value)


@pytest.mark.parametrize("name", WRITTEN)
def test_machine_readable_text_formats_are_refused(name: str) -> None:
    """The function does not take one for plain text, and the child names its format."""
    written, message = WRITTEN[name]
    assert plain_text(written.encode(), name) is None
    with pytest.raises(JobError, match=message):
        read(written.encode(), name)


@pytest.mark.parametrize("name", PACKED)
def test_archives_are_recognised_by_their_files(name: str) -> None:
    """If there is no reader, the message says how the content can be read."""
    files, message = PACKED[name]
    with zipfile.ZipFile(out := io.BytesIO(), "w") as archive:
        for file in files:
            archive.writestr(file, b"")
    with pytest.raises(JobError, match=message):
        read(out.getvalue(), "a")


def test_kindle_books_are_distinguished_by_drm() -> None:
    """Those without DRM can be converted."""
    head = b"title".ljust(60, b"\0") + b"BOOKMOBI" + bytes(10) + struct.pack(">I", 100)
    body = head.ljust(100, b"\0")
    assert "convert it to EPUB" in refusal(body + b"\x00\x02" + bytes(100))
    assert "with DRM" in refusal(body + bytes(12) + b"\x00\x02" + bytes(100))


def test_old_containers_are_distinguished_by_their_streams() -> None:
    """Containers of neither Word nor PowerPoint are named."""
    containers = {
        name: foreign_compound({name, "x"}) for name in ("VisioDocument", "Quill", "MatOST", "BodyText", "Other")
    }
    assert [what.partition(":")[0] for what in containers.values()] == [
        "a Visio drawing (VSD)", "a Publisher document", "a Works document", "a Hangul document (HWP)",
        "an old Office document of an unknown kind",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "AC10 ist die Norm für Öl",
        "TPZ — обзор",
        "WordPro: ein Rückblick",
        "郓城县志",
        "%PS is no mark",
        "-----BEGIN of it",
    ],
)
def test_texts_that_begin_like_a_signature_are_texts(text: str) -> None:
    """Letters count as a signature only if non-text bytes follow."""
    assert read(text.encode(), "a").text == text
