"""Books are read in chapter order, nothing is lost silently, and DRM is named."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus

CASES = Path(__file__).with_name("cases")
PAGE = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>%s</body></html>'
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/b%20k.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
ENCRYPTED = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#">'
    '<EncryptionMethod Algorithm="{method}"/><CipherData><CipherReference URI="{file}"/></CipherData>'
    "</EncryptedData></encryption>"
)


def book(
    chapters: Mapping[str, str | bytes], *, items: str = "", spine: str = "", more: Mapping[str, str] | None = None
) -> bytes:
    """A book with these chapters, in this order, in their own folder."""
    listed = "".join(f'<item id="{n}" href="text/{n}.xhtml" media-type="application/xhtml+xml"/>' for n in chapters)
    order = "".join(f'<itemref idref="{n}"/>' for n in chapters)
    opf = f"<package><manifest>{listed}{items}</manifest><spine>{order}{spine}</spine></package>"
    files: dict[str, bytes] = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": CONTAINER.replace("%20", "").encode(),
        "OEBPS/bk.opf": opf.encode(),
    }
    for name, page in chapters.items():
        files[f"OEBPS/text/{name}.xhtml"] = page if isinstance(page, bytes) else (PAGE % page).encode()
    return corpus.packed(files | {name: text.encode() for name, text in (more or {}).items()})


def refused(body: bytes) -> JobError:
    """The message with which a book is refused."""
    with pytest.raises(JobError) as error:
        read(body, "a.epub")
    return error.value


def test_chapters_are_in_reading_order() -> None:
    """Self-closing tags, notes at the end, and links within the book, of which the words remain, change nothing."""
    chapters = {
        "z": '<h1>One</h1><p>first<a id="x"/> text<a href="a.xhtml#n1">1</a></p><script src="s.js"/><p>more</p>',
        "a": '<h1>Two</h1><p>second</p><aside id="n1">a note</aside>',
    }
    assert read(book(chapters), "a.epub").text == "# One\n\nfirst text1\n\nmore\n\n# Two\n\nsecond\n\na note\n"


def test_the_table_of_contents_is_not_a_chapter() -> None:
    """If it is among the chapters, the rest of its page is still read."""
    items = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    nav = PAGE % "<nav><ol><li>One</li></ol></nav><p>imprint</p>"
    body = book({"a": "<h1>One</h1>"}, items=items, spine='<itemref idref="nav"/>', more={"OEBPS/nav.xhtml": nav})
    assert read(body, "a.epub").text == "# One\n\nimprint\n"


def test_a_book_with_drm_is_refused_as_such() -> None:
    """This holds for every seller's scheme."""
    sample = refused((CASES / "drm.epub").read_bytes())
    assert sample.reason is Reason.UNREADABLE_DOCUMENT
    assert "a book with DRM" in str(sample)
    aes = ENCRYPTED.format(method="http://www.w3.org/2001/04/xmlenc#aes128-cbc", file="OEBPS/text/a.xhtml")
    for more in ({"META-INF/encryption.xml": aes}, {"META-INF/license.lcpl": "{}"}, {"META-INF/rights.xml": "<r/>"}):
        assert "DRM" in str(refused(book({"a": "x"}, more=more)))


def test_obfuscated_fonts_are_not_drm() -> None:
    """Many freely readable books have them."""
    fonts = ENCRYPTED.format(method="http://www.idpf.org/2008/embedding", file="OEBPS/f.otf")
    assert read(book({"a": "<p>free</p>"}, more={"META-INF/encryption.xml": fonts}), "a.epub").text == "free\n"


def test_a_missing_chapter_is_noted() -> None:
    """The note is at its place; a chapter of another type, or of pictures only, is noted too."""
    items = '<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>'
    items += '<item id="p" href="p.pdf" media-type="application/pdf"/>'
    spine = '<itemref idref="gone"/><itemref idref="nowhere"/><itemref idref="p"/>'
    found = read(book({"a": "<p>text</p>", "b": "<img src='x.png'/>"}, items=items, spine=spine), "a.epub")
    assert found.notes == (
        "chapter OEBPS/text/b.xhtml: 1 picture without text",
        "chapter OEBPS/gone.xhtml: missing or damaged",
        "chapter 4: not in the book's manifest",
        "chapter OEBPS/p.pdf: not read, it is application/pdf",
    )
    assert found.text == "text\n\n" + "\n\n".join(f"[{note}]" for note in found.notes) + "\n"


def test_a_book_without_text_is_a_scan() -> None:
    assert "OCR" in str(refused(book({"a": "<img src='x.png'/>", "b": "<img src='y.png'/>"})))


def test_a_book_without_its_spine_is_read_in_order_of_file_names() -> None:
    """A note says so."""
    body = corpus.repacked(book({"b": "<p>two</p>", "a": "<p>one</p>"}), "OEBPS/bk.opf", b"<package><broken")
    found = read(body, "a.epub")
    assert found.text.endswith("sorted by file name]\n\none\n\ntwo\n")
    assert len(found.notes) == 1


def test_chapters_may_be_in_an_old_encoding() -> None:
    """Each declares its own."""
    page = '<?xml version="1.0" encoding="windows-1251"?><html><body><p>вода</p></body></html>'.encode("cp1251")
    assert read(book({"a": page}), "a.epub").text == "вода\n"
