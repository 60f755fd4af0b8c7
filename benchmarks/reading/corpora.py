"""Documents in each format, one of full size and a small one, made here from the same sentences."""

import io
from collections.abc import Callable, Iterator
from itertools import islice

from docx import Document
from fpdf import FPDF

_ORDER = "Order {n}: {tons} tons of herring go to Veldt, and {crates} crates of glass come back on the night boat."
_RUSSIAN = "Договор {n}: поставщик передаёт {tons} тонн зерна, а покупатель платит за них в течение {crates} дней."  # noqa: RUF001
_SENTENCES_EACH = 5
_SECTION = 12
_LINE_MM = 6


def paragraphs(sentence: str = _ORDER) -> Iterator[str]:
    """Endless paragraphs, no two alike."""
    n = 0
    while True:
        numbers = range(n, n + _SENTENCES_EACH)
        yield " ".join(sentence.format(n=one, tons=one * 7 % 991, crates=one * 13 % 613) for one in numbers)
        n += _SENTENCES_EACH


def plain(count: int) -> bytes:
    """Text in UTF-8."""
    return "\n\n".join(islice(paragraphs(), count)).encode()


def old(count: int) -> bytes:
    """Russian text in Windows' encoding, which nothing declares."""
    return "\r\n\r\n".join(islice(paragraphs(_RUSSIAN), count)).encode("cp1251")


def markdown(count: int) -> bytes:
    """Markdown with a heading for each section."""
    texts = islice(paragraphs(), count)
    return "\n\n".join(f"## Section {n}\n\n{one}" if n % _SECTION == 0 else one for n, one in enumerate(texts)).encode()


def html(count: int) -> bytes:
    """A page with headings and links."""
    body = "".join(f"<h2>Section {n}</h2><p>{one} <a href='#{n}'>More</a>.</p>" for n, one in _numbered(count))
    return f"<!DOCTYPE html><html><head><title>Orders</title></head><body>{body}</body></html>".encode()


def docx(count: int) -> bytes:
    """Word."""
    document, out = Document(), io.BytesIO()
    for n, text in _numbered(count):
        if n % _SECTION == 0:
            document.add_heading(f"Section {n}", 2)
        document.add_paragraph(text)
    document.save(out)
    return out.getvalue()


def pdf(count: int) -> bytes:
    """A PDF."""
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica", size=11)
    for _, text in _numbered(count):
        document.multi_cell(0, _LINE_MM, text, new_x="LMARGIN", new_y="NEXT")
        document.ln(_LINE_MM)
    return bytes(document.output())


def _numbered(count: int) -> Iterator[tuple[int, str]]:
    return enumerate(islice(paragraphs(), count))


CORPORA: dict[str, tuple[str, Callable[[int], bytes], float]] = {
    "text, UTF-8": ("orders.txt", plain, 1.0),
    "Markdown": ("orders.md", markdown, 1.0),
    "text, Windows-1251": ("orders.txt", old, 1.0),
    "HTML": ("orders.html", html, 1.0),
    "DOCX": ("orders.docx", docx, 0.2),
    "PDF": ("orders.pdf", pdf, 0.2),
}
"""The name of each, how it is made, and its share of the paragraphs, since some take long to make."""
