"""Documents that can be read except for one planted thing; each says where that is."""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
from fpdf import FPDF
from openpyxl.drawing.image import Image as SheetImage
from PIL import Image
from pptx import Presentation
from pptx.util import Inches

from . import corpus

RICH = Path(__file__).parent / "rich"
BEFORE, AFTER = "The harbour of Veldt is old.", "The council decides in May."


def picture() -> io.BytesIO:
    """A picture that contains no words."""
    found = io.BytesIO()
    Image.effect_noise((400, 500), 60).save(found, "PNG")
    found.seek(0)
    return found


def scanned_page() -> bytes:
    """A three-page PDF whose second page is a picture."""
    document = FPDF()
    document.set_font("Helvetica", size=12)
    for text in (BEFORE, None, AFTER):
        document.add_page()
        if text is None:
            document.image(picture(), 0, 0, 210, 297)
        else:
            document.multi_cell(0, text=f"{text} " * 5)
    return bytes(document.output())


def encrypted_attachment() -> bytes:
    """A mail with a password-protected PDF."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Lease", "a@example.org", "b@example.org"
    mail.set_content(f"{BEFORE}\n{AFTER}\n")
    body = corpus.pdf(owner="owner", password="secret")
    mail.add_attachment(body, maintype="application", subtype="pdf", filename="lease.pdf")
    return mail.as_bytes()


def picture_slide() -> bytes:
    """A presentation of three slides, the second of which is a picture."""
    deck: Any = Presentation()
    for text in (BEFORE, None, AFTER):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        if text is None:
            slide.shapes.add_picture(picture(), 0, 0)
        else:
            slide.shapes.add_textbox(0, 0, Inches(5), Inches(1)).text_frame.text = text
    return _saved(deck)


def picture_sheet() -> bytes:
    """A workbook of two sheets, the second of which is a picture."""
    book = openpyxl.Workbook()
    book.active.append([BEFORE, AFTER])
    book.create_sheet("Map").add_image(SheetImage(picture()), "A1")
    return _saved(book)


def embedded_object() -> bytes:
    """A Word document with an embedded object of another program."""
    described = '<o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" ProgID="Visio.Drawing.15"/>'
    run = f"<w:r><w:object>{described}</w:object></w:r>"
    return _with_paragraph("rich.docx", "word/document.xml", "</w:body>", f"<w:p>{run}</w:p>")


def embedded_drawing() -> bytes:
    """An OpenDocument text with an object whose content is not in the file."""
    frame = (
        '<draw:frame xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0">'
        '<draw:object xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="./Object 1"/></draw:frame>'
    )
    return _with_paragraph("rich.odt", "content.xml", "</office:text>", f"<text:p>{frame}</text:p>")


def missing_chapter() -> bytes:
    """A book whose list names a chapter that is missing."""
    with zipfile.ZipFile(io.BytesIO(corpus.epub())) as book:
        files = {name: book.read(name) for name in book.namelist()}
    del files[[name for name in files if name.endswith("html")][1]]
    return corpus.packed(files)


def _with_paragraph(name: str, part: str, before: str, paragraph: str) -> bytes:
    archive = (RICH / name).read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        text = package.read(part).decode()
    assert before in text
    return corpus.repacked(archive, part, text.replace(before, paragraph + before).encode())


def _saved(document: Any) -> bytes:
    found = io.BytesIO()
    document.save(found)
    return found.getvalue()


LOSSES: dict[str, tuple[Callable[[], bytes], str]] = {
    # name: the document, what its note says
    "lease.pdf": (scanned_page, "page 2: no text, probably a scan"),
    "letter.eml": (encrypted_attachment, "lease.pdf"),
    "deck.pptx": (picture_slide, "slide 2"),
    "book.xlsx": (picture_sheet, "Map"),
    "report.docx": (embedded_object, "Visio"),
    "report.odt": (embedded_drawing, "embedded object"),
    "novel.epub": (missing_chapter, "html"),
}
