"""Every promised format is read whole, in order, with its structure."""

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose

import re

import pytest

from . import corpus
from .conftest import Extract

OFFICE = {
    "a.docx": corpus.docx,
    "a.odt": corpus.odt,
    "a.html": corpus.html,
}
ALL = OFFICE | {
    "a.pptx": corpus.pptx,
    "a.xlsx": corpus.xlsx,
    "a.epub": corpus.epub,
    "a.rtf": corpus.rtf,
}


def in_order(text: str, *wanted: str) -> bool:
    """Whether a text contains all of them, one after another."""
    return re.search(".*".join(map(re.escape, wanted)), text, re.DOTALL) is not None


@pytest.mark.usefixtures("in_child")
@pytest.mark.parametrize("name", ALL)
def test_every_sentence_is_read_in_order(extract: Extract, name: str) -> None:
    """Each appears exactly once, with its ampersand, symbols, Cyrillic letters and accents."""
    text = extract(ALL[name](), name)
    assert in_order(text, *corpus.SENTENCES)
    assert [text.count(sentence) for sentence in corpus.SENTENCES] == [1, 1, 1]


@pytest.mark.parametrize("name", ALL)
def test_the_name_does_not_matter(extract: Extract, name: str) -> None:
    """The bytes decide the type."""
    assert in_order(extract(ALL[name](), "a.pdf"), *corpus.SENTENCES)


@pytest.mark.parametrize("name", OFFICE)
def test_structure_becomes_markdown(extract: Extract, name: str) -> None:
    """Headings, lists and tables are marked up."""
    text = extract(OFFICE[name](), name)
    assert text.startswith(f"# {corpus.HEADING}\n")
    assert "\n- first item\n- second item\n" in text
    assert "| Name | Tons |\n| --- | --- |\n| Anna | 12 |\n" in text
    assert "evil" not in text


def test_each_sheet_of_a_workbook_is_a_table(extract: Extract) -> None:
    text = extract(corpus.xlsx(), "a.xlsx")
    assert in_order(text, "## Sheet", "| Name | Tons |", "| Anna | 12 |", "## Ports")


def test_slides_are_headed_by_their_titles(extract: Extract) -> None:
    assert extract(corpus.pptx(), "a.pptx").count(f"## {corpus.HEADING}\n") == len(corpus.SENTENCES)


@pytest.mark.usefixtures("in_child")
def test_three_hundred_pages_are_read_in_order(extract: Extract) -> None:
    """Each contains its number; neither a page nor the text common to all pages is dropped as a repetition."""
    text = extract(corpus.pdf(300), "a.pdf")
    assert [int(number) for number in re.findall(r"This is page (\d+) of the report\.", text)] == list(range(300))
    assert text.count(corpus.HEADING) == text.count(corpus.SENTENCES[0]) == text.count(corpus.LATIN) == 300


@pytest.mark.parametrize("charset", ["utf-8", "cp1251", "koi8-r"])
def test_a_page_declares_its_encoding(extract: Extract, charset: str) -> None:
    """Characters that the encoding lacks are written as references."""
    assert in_order(extract(corpus.html(charset), "a.html"), *corpus.SENTENCES)


def test_a_page_that_is_named_as_text_stays_as_it_is(extract: Extract) -> None:
    """The name decides if the content could be either."""
    page = corpus.html()
    assert extract(page, "page.txt") == page.decode()
    assert "<p>" not in extract(b"<p>a <b>fragment</b></p>", "page.html")
    assert extract(b"<p>a fragment</p>", "page") == "<p>a fragment</p>"


@pytest.mark.parametrize("charset", ["utf-8", "cp1251", "koi8-r"])
def test_a_mail_is_read_with_headers_and_attachments(extract: Extract, charset: str) -> None:
    """Its lines stay lines, and what cannot be read is named."""
    text = extract(corpus.mail(charset), "inbox/a.eml")
    begin = f"Subject: {corpus.HEADING}\nFrom: Анна <anna@example.org>\nTo: b@example.org\n\n"
    assert text.startswith(f"{begin}{corpus.SENTENCES[0]}\nline two\n> quoted\n")
    assert "as a page" not in text
    assert in_order(text, "note.txt", corpus.SENTENCES[1], "report.docx", f"# {corpus.HEADING}", corpus.SENTENCES[2])
    assert in_order(text, "logo.png", "[attachment logo.png: not read, a picture (PNG)]")


def test_a_mail_is_known_by_its_headers_and_may_be_in_an_old_encoding(extract: Extract) -> None:
    """It may have raw 8-bit text, as old programs sent it."""
    head = "From: a@example.org\r\nMIME-Version: 1.0\r\nSubject: x\r\nContent-Type: text/plain; charset=koi8-r"
    mail = f"{head}\r\n\r\nвода\r\n"
    assert extract(mail.encode("koi8-r"), "letter") == "Subject: x\nFrom: a@example.org\n\nвода\n"


def test_a_forwarded_mail_is_read_too(extract: Extract) -> None:
    """It is attached as a mail of its own."""
    inner = "From: b@example.org\r\nSubject: inner\r\n\r\ninner text\r\n"
    outer = (
        "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        "--x\r\nContent-Type: text/plain\r\n\r\nouter text\r\n"
        f"--x\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--x--\r\n"
    )
    assert in_order(extract(outer.encode(), "a.eml"), "outer text", "Subject: inner", "inner text")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.md", "a"])
def test_text_is_kept_verbatim(extract: Extract, name: str) -> None:
    """Nothing is interpreted, not even tables or JSON lines."""
    text = '# H\r\n\r\nName;Tons\r\n"Anna, the";12\r\n{"custom_id": "1"}\r\n'
    assert extract(text.encode(), name) == text


def test_a_pdf_may_begin_late_and_forbid_copying(extract: Extract) -> None:
    """The standard allows both; a PDF that opens without a password is read. A text about PDFs is text."""
    assert corpus.LATIN in extract(b"rubbish\n" + corpus.pdf(), "a.pdf")
    assert corpus.LATIN in extract(corpus.pdf(owner="owner"), "a.pdf")
    assert extract(b"It begins with %PDF-1.7.", "a") == "It begins with %PDF-1.7."
