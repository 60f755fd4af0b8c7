"""Small documents in every format, made here: each has `SENTENCES` in this order, most with a heading and a table."""

import io
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

from docx import Document
from fpdf import FPDF
from openpyxl import Workbook
from pptx import Presentation

HEADING = "Harbour report"
ITEMS = ("first item", "second item")
TABLE = (("Name", "Tons"), ("Anna", "12"))
SENTENCES = ("Sentinel one: R&D, a < b.", "Sentinel two: вода, Größe, naïve.", "Sentinel three: the end.")
LATIN = "Sentinel two: Größe, naïve."
"""The second sentence, if a format or font has no Cyrillic."""


def docx() -> bytes:
    """Word."""
    document = Document()
    document.add_heading(HEADING, 1)
    document.add_paragraph(SENTENCES[0])
    for item in ITEMS:
        document.add_paragraph(item, style="List Bullet")
    document.add_paragraph(SENTENCES[1])
    table = document.add_table(2, 2)
    for row, cells in enumerate(TABLE):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    document.add_paragraph(SENTENCES[2])
    return _saved(document)


def pptx() -> bytes:
    """PowerPoint: a sentence on each slide."""
    presentation = Presentation()
    for sentence in SENTENCES:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = HEADING
        slide.placeholders[1].text = sentence
    return _saved(presentation)


def xlsx() -> bytes:
    """Excel: two sheets."""
    book = Workbook()
    for row in (*TABLE, SENTENCES[:1], SENTENCES[1:2]):
        book.active.append(row)
    book.create_sheet("Ports").append(SENTENCES[2:])
    return _saved(book)


def pdf(pages: int = 1, *, owner: str | None = None, password: str = "") -> bytes:
    """A PDF; each page contains its number."""
    document = FPDF()
    for page in range(pages):
        document.add_page()
        document.set_font("Helvetica", size=20)
        document.multi_cell(0, 10, HEADING, new_x="LMARGIN", new_y="NEXT")
        document.set_font_size(11)
        for sentence in (f"This is page {page} of the report.", SENTENCES[0], LATIN, SENTENCES[2]):
            document.multi_cell(0, 6, sentence, new_x="LMARGIN", new_y="NEXT")
    if owner:
        document.set_encryption(owner, user_password=password)
    return bytes(document.output())


def scan() -> bytes:
    """A PDF that contains only a picture."""
    document = FPDF()
    document.add_page()
    pixels = b"P5 64 64 255\n" + bytes(range(64)) * 64
    document.image(io.BytesIO(pixels), 10, 10, 100)
    return bytes(document.output())


def odt() -> bytes:
    """OpenDocument text."""
    inside = "".join(
        [
            f'<text:h text:outline-level="1">{HEADING}</text:h>',
            f"<text:p>{_xml(SENTENCES[0])}</text:p>",
            "<text:list>",
            *(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in ITEMS),
            f"</text:list><text:p>{SENTENCES[1]}</text:p><table:table>",
            *(f"<table:table-row>{''.join(_odt_cell(cell) for cell in row)}</table:table-row>" for row in TABLE),
            f"</table:table><text:p>{SENTENCES[2]}</text:p>",
        ]
    )
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{urn}:{name}:1.0"' for name in ("office", "text", "table"))
    content = f"<office:document-content {spaces}><office:body><office:text>{inside}</office:text></office:body>"
    return packed(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": f'<manifest xmlns="{urn}:manifest:1.0"/>'.encode(),
            "content.xml": f"{content}</office:document-content>".encode(),
        }
    )


def epub() -> bytes:
    """A book with three chapters whose file names are not in reading order."""
    names = ("z", "a", "m")
    items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in sorted(names))
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    chapters = {
        f"{name}.xhtml": (
            f'<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{HEADING}</h1><p>{_xml(sentence)}</p></body></html>'
        ).encode()
        for name, sentence in zip(names, SENTENCES, strict=True)
    }
    files = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": container.encode(),
        "book.opf": opf.encode(),
    }
    return packed(files | chapters)


def rtf() -> bytes:
    """RTF whose Cyrillic letters are bytes of the declared code page, and whose other letters are escaped."""
    letters = "".join(
        char if char.isascii() else f"\\'{char.encode('cp1251')[0]:02x}" if char in "вода" else f"\\u{ord(char)}?"
        for char in SENTENCES[1]
    )
    lines = [HEADING, SENTENCES[0], letters, SENTENCES[2]]
    return (
        "{\\rtf1\\ansi\\ansicpg1251\\deff0{\\fonttbl{\\f0\\fcharset204 A;}}\\f0 " + "\\par ".join(lines) + "}"
    ).encode()


def html(charset: str = "utf-8") -> bytes:
    """A page that declares its encoding."""
    items = "".join(f"<li>{item}" for item in ITEMS)
    rows = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in TABLE)
    page = (
        f"<!doctype html><html><head><meta charset={charset}><title>T</title><script>evil()</script></head><body>"
        f"<h1>{HEADING}</h1><p>{_xml(SENTENCES[0])}</p><ul>{items}</ul><p>{SENTENCES[1]}</p>"
        f"<table>{rows}</table><p>{SENTENCES[2]}</p></body></html>"
    )
    return page.encode(charset, "xmlcharrefreplace")


def mail(charset: str = "utf-8") -> bytes:
    """A mail with an alternative, a text attachment, a document attachment, and a picture."""
    message = EmailMessage()
    message["Subject"] = HEADING
    message["From"], message["To"] = "Анна <anna@example.org>", "b@example.org"
    message.set_content(f"{SENTENCES[0]}\nline two\n> quoted\n", charset=charset)
    message.add_alternative("<p>the same as a page</p>", subtype="html")
    message.add_attachment(SENTENCES[1].encode(), maintype="text", subtype="plain", filename="note.txt")
    word = "vnd.openxmlformats-officedocument.wordprocessingml.document"
    message.add_attachment(docx(), maintype="application", subtype=word, filename="report.docx")
    message.add_attachment(b"\x89PNG\r\n\x1a\n\x00", maintype="image", subtype="png", filename="logo.png")
    return message.as_bytes()


def packed(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return file.getvalue()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed_files:
        return {name: packed_files.read(name) for name in packed_files.namelist()}


def repacked(archive: bytes, name: str, body: bytes) -> bytes:
    """An archive with one of its files replaced."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        return packed({inside: old.read(inside) for inside in old.namelist()} | {name: body})


def _saved(document: object) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _odt_cell(text: str) -> str:
    return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
