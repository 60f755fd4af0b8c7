"""The library that reads a format, by itself: the shortest code that gets the text out, and no structure."""

import io
from collections.abc import Callable

import chardet
import lxml.html
from docx import Document
from pypdfium2 import PdfDocument  # type: ignore[import-untyped]


def decode(body: bytes) -> str:
    """Text in UTF-8."""
    return body.decode()


def guess(body: bytes) -> str:
    """Text in an encoding that chardet guesses."""
    found = chardet.detect(body)["encoding"]
    return body.decode(found or "utf-8", "replace")


def html(body: bytes) -> str:
    """HTML by lxml."""
    text: str = lxml.html.document_fromstring(body).text_content()
    return text


def docx(body: bytes) -> str:
    """Word by python-docx."""
    return "\n".join(paragraph.text for paragraph in Document(io.BytesIO(body)).paragraphs)


def pdf(body: bytes) -> str:
    """PDF by pypdfium2."""
    document = PdfDocument(body)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


ALONE: dict[str, tuple[str, Callable[[bytes], str]]] = {
    "text, UTF-8": ("bytes.decode", decode),
    "Markdown": ("bytes.decode", decode),
    "text, Windows-1251": ("chardet", guess),
    "HTML": ("lxml", html),
    "DOCX": ("python-docx", docx),
    "PDF": ("pypdfium2", pdf),
}
