"""A hostile, damaged or foreign file fails alone, in bounded time, with a reason that says what to do."""

import random
import time

import pytest

from backburner.documents.plain_text import MAX_DOCUMENT_BYTES
from backburner.errors import Reason
from support.depth import depth

from . import corpus
from .conftest import Extract, Refusal

BOUND_S = 25.0
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
DOCUMENT_XML = f"<w:document {W}><w:body>%s</w:body></w:document>"
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
)


def word(inside: str) -> bytes:
    """A Word file with this body."""
    return corpus.repacked(corpus.docx(), "word/document.xml", (DOCUMENT_XML % inside).encode())


def paragraphs(times: int) -> bytes:
    """A Word file that repeats one paragraph very often."""
    return word("<w:p><w:r><w:t>all work and no play</w:t></w:r></w:p>" * times)


def laughs() -> bytes:
    """Nested entities ("billion laughs"), which expand without bound."""
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10)
    )
    body = DOCUMENT_XML % "<w:p><w:r><w:t>before &a9; after</w:t></w:r></w:p>"
    return corpus.repacked(corpus.docx(), "word/document.xml", f"<!DOCTYPE d [{entities}]>{body}".encode())


def cells(times: int) -> bytes:
    """A workbook with very many cells in one row, which must be read as a whole; unlike a bomb, it compresses badly."""
    some = "".join(f"<c><v>{number}</v></c>" for number in range(10_000, 20_000))
    inside = f"<row>{some * (times // 10_000)}</row>"
    return corpus.repacked(corpus.xlsx(), "xl/worksheets/sheet1.xml", (SHEET % inside).encode())


def encrypted_office() -> bytes:
    """An encrypted Office file: an old container around the encrypted content."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(3000)


REFUSED = {
    "scan.pdf": (corpus.scan, Reason.UNREADABLE_DOCUMENT, "OCR"),
    "encrypted.pdf": (lambda: corpus.pdf(owner="x", password="y"), Reason.UNREADABLE_DOCUMENT, "password"),
    "encrypted.docx": (encrypted_office, Reason.UNREADABLE_DOCUMENT, "password"),
    "truncated.pdf": (lambda: corpus.pdf(30)[:2500], Reason.UNREADABLE_DOCUMENT, "upload the complete file"),
    "damaged.pdf": (lambda: b"%PDF-1.7\nrubbish\n%%EOF\n", Reason.UNREADABLE_DOCUMENT, "damaged"),
    "truncated.docx": (lambda: corpus.docx()[:20_000], Reason.UNREADABLE_DOCUMENT, "upload the complete file"),
    "bomb.docx": (lambda: paragraphs(depth(500_000, 2_000_000)), Reason.DOCUMENT_TOO_LARGE, "unpack"),
    "bomb.xlsx": (lambda: cells(3_500_000), Reason.DOCUMENT_TOO_LARGE, "memory"),
    "zeros": (lambda: bytes(MAX_DOCUMENT_BYTES), Reason.UNSUPPORTED_TYPE, "unknown kind"),
    "random": (lambda: random.Random(1).randbytes(100_000), Reason.UNSUPPORTED_TYPE, "unknown kind"),
    "picture.txt": (lambda: b"\x89PNG\r\n\x1a\n\x00", Reason.UNSUPPORTED_TYPE, "PNG"),
    "archive.zip": (lambda: corpus.packed({"a.txt": b"a"}), Reason.UNSUPPORTED_TYPE, "ZIP"),
    "archive.gz": (lambda: b"\x1f\x8b\x08\x00", Reason.UNSUPPORTED_TYPE, "gzip"),
    "program": (lambda: b"\x7fELF\x02\x01\x01\x00", Reason.UNSUPPORTED_TYPE, "program"),
    "sound.mp3": (lambda: b"ID3\x04\x00", Reason.UNSUPPORTED_TYPE, "MP3"),
    "old.doc": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), Reason.UNREADABLE_DOCUMENT, "DOCX"),
    "nested.docx": (lambda: word("<w:tbl><w:tr><w:tc>" * 20_000), Reason.UNREADABLE_DOCUMENT, "damaged"),
    "empty.html": (lambda: b"<!doctype html><html><body></body></html>", Reason.EMPTY_DOCUMENT, "without text"),
    "blank": (lambda: " \n\t\u00a0".encode("utf-16-le"), Reason.EMPTY_DOCUMENT, "no text"),
}


FOR_A_CHILD = ("truncated.pdf", "bomb.docx", "bomb.xlsx", "zeros", "nested.docx")
"""Files that could kill the process that reads them. The quick run reads the others in this process."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_says_why(request: pytest.FixtureRequest, refusal: Refusal, name: str) -> None:
    """It is refused within bounds, with the contract's reason and a remedy."""
    if name in FOR_A_CHILD:
        request.getfixturevalue("in_child")
    make, reason, says = REFUSED[name]
    body = make()
    begun = time.monotonic()
    found = refusal(body, f"inbox/{name}")
    assert time.monotonic() - begun < BOUND_S
    assert found[0] is reason
    assert says in found[1]


@pytest.mark.usefixtures("in_child")
def test_nested_entities_are_not_expanded(refusal: Refusal) -> None:
    """A document that declares any is refused before any of it is read."""
    reason, message = refusal(laughs(), "a.docx")
    assert reason is Reason.UNREADABLE_DOCUMENT
    assert "entities" in message


@pytest.mark.usefixtures("in_child")
def test_endlessly_nested_tags_affect_no_other_document(refusal: Refusal, extract: Extract) -> None:
    """Whatever becomes of the page itself, the next document is read."""
    begun = time.monotonic()
    assert refusal(b"<html><body>" + b"<div>" * 200_000 + b"deep", "a.html")[1]
    assert time.monotonic() - begun < BOUND_S
    assert "Sentinel" in extract(corpus.docx(), "a.docx")
