"""Web archives, XML vocabularies, calendars and address cards."""

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from backburner.documents.plain_text import plain_text
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

FB2 = (
    '<?xml version="1.0" encoding="{charset}"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0">'
    "<description><title-info><author><first-name>Анна</first-name><last-name>Иванова</last-name></author>"
    "<book-title>Лёд</book-title><annotation><p>О воде.</p></annotation></title-info></description>"
    "<body><title><p>Лёд</p></title><section><title><p>Глава</p><p>первая</p></title><p>Вода <strong>стоит</strong>."
    "<a>1</a></p><poem><stanza><v>строка</v></stanza></poem></section></body>"
    '<body name="notes"><section><title><p>1</p></title><p>Сноска</p></section></body>'
    '<binary id="c.jpg" content-type="image/jpeg">AAAA</binary></FictionBook>'
)


def archive(charset: str, page: str, *, sender: str | None = "<Saved by Blink>") -> bytes:
    """A page as a browser saves it, with another page in a frame."""
    message = MIMEMultipart("related", type="text/html")
    if sender:
        message["From"] = sender
        message["Snapshot-Content-Location"] = "https://e.org/a"
    for place, text in (("https://e.org/a", page), ("cid:frame-1@mhtml.blink", "<p>framed</p>")):
        part = MIMEText(text, "html", charset)
        part["Content-Location" if place.startswith("http") else "Content-ID"] = (
            place if place.startswith("http") else f"<{place[4:]}>"
        )
        message.attach(part)
    return message.as_bytes()


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251", "koi8-r"])
def test_a_web_archive_is_read_as_its_page(charset: str) -> None:
    """Any charset and transfer encoding is read, and the pages in frames are at their places."""
    page = "<html><title>Лёд</title><body><p>Вода</p>"
    page += '<iframe src="cid:frame-1@mhtml.blink"></iframe><p>end</p></body></html>'
    for name, sender in (("a.mht", None), ("a.mhtml", "<Saved by Blink>"), ("a", "<Saved by Blink>")):
        found = read(archive(charset, page, sender=sender), name)
        assert found.text == "# Лёд\n\nВода\n\nframed\n\nend\n"
        assert found.notes == ()


def test_pages_that_no_frame_shows_come_last() -> None:
    assert read(archive("utf-8", "<p>main</p>"), "a.mht").text == "main\n\nframed\n"


@pytest.mark.parametrize("charset", ["windows-1251", "utf-8", "utf-16"])
def test_fiction_book_is_read(charset: str) -> None:
    """Title, authors, chapters, verses and notes are read; pictures are left out."""
    text = read(FB2.format(charset=charset).encode(charset), "a.fb2").text
    assert text == (
        "Анна Иванова\n\n# Лёд\n\nО воде.\n\n"
        "# Лёд\n\n## Глава первая\n\nВода **стоит**.1\n\nстрока\n\n## Notes\n\n## 1\n\nСноска\n"
    )


def test_a_drawing_is_read_as_its_words() -> None:
    """A drawing without words is refused."""
    drawing = (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><title>Plan</title><path d="M0 0"/>%s</svg>'
    )
    assert read(drawing % b"<text>Room <tspan>12</tspan></text>", "a.svg").text == "Plan\n\nRoom 12\n"
    with pytest.raises(JobError, match="OCR") as refused:
        read(drawing.replace(b"<title>Plan</title>", b"") % b"", "a.svg")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_a_feed_is_read_as_its_entries() -> None:
    """RSS and Atom entries have a title, address, date and text; the text is HTML."""
    rss = (
        '<rss version="2.0"><channel><title>News</title><item><title>A &amp; B</title><link>https://e.org/1</link>'
        "<description>&lt;p&gt;One &lt;b&gt;two&lt;/b&gt;&lt;/p&gt;</description>"
        "<pubDate>Mon</pubDate></item></channel></rss>"
    )
    assert (
        read(rss.encode(), "a.rss").text == "# News\n\n## A & B\n\n<https://e.org/1>\n\nOne **two**\n\npubDate: Mon\n"
    )
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title><entry><title>E</title><link href="https://e.org/2"/>'
        "<summary>text</summary></entry></feed>"
    )
    assert read(atom.encode(), "a.xml").text == "# F\n\n## E\n\n<https://e.org/2>\n\ntext\n"


def test_other_xml_stays_as_it_is() -> None:
    """It is decoded from the charset that it declares; JSON stays as it is too."""
    xml = '<?xml version="1.0" encoding="windows-1251"?>\n<order><item>вода</item></order>\n'
    assert read(xml.encode("cp1251"), "a.xml").text == xml
    assert read('{"a": "вода"}\n'.encode(), "a.json").text == '{"a": "вода"}\n'


def test_calendars_and_cards_have_whole_lines() -> None:
    """Folded lines, escapes and quoted-printable are decoded; a picture is noted."""
    card = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=98=D0=B2=D0=B0=D0=BD=D0=BE=\r\n"
        "=D0=B2;=D0=90=D0=BD=D0=BD=D0=B0\r\nNOTE:one\\, two\\nthree is a very long line that\r\n  goes on\r\n"
        "PHOTO;ENCODING=BASE64;TYPE=JPEG:/9j/4AAQSkZJRgABAQ\r\n AAAQABAAD\r\n\r\nEND:VCARD\r\n"
    )
    found = read(card.encode(), "a.vcf")
    assert found.text == (
        "BEGIN:VCARD\nVERSION:2.1\nN:Иванов;Анна\nNOTE:one, two\nthree is a very long line that goes on\n"
        "[photo in a card or calendar: not read]\nEND:VCARD\n"
    )
    assert found.notes == ("photo in a card or calendar: not read",)
    event = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Besprechung über\r\n  Öl\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert "SUMMARY:Besprechung über Öl\n" in read(event.encode(), "a.ics").text


def test_a_text_file_name_keeps_the_content_verbatim() -> None:
    """A calendar whose name is that of a text file is read as text."""
    event = "BEGIN:VCALENDAR\r\nSUMMARY:a\r\n b\r\nEND:VCALENDAR\r\n"
    assert plain_text(event.encode(), "a.txt") == event
    assert plain_text(event.encode(), "a.ics") is None
