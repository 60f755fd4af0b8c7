"""Real-world mails: nothing in them is lost, and what cannot be read is named with the reason."""

# ruff: noqa: RUF001 - the letters are of other alphabets on purpose

import base64
import codecs
import quopri
from urllib.parse import quote

import pytest

from backburner.documents.plain_text import Extracted, plain_text
from backburner.extraction.reading import read

from .mails import B64, HEAD, PAGE, PLAIN, QP, TOP, attached, mail, many, named, opened, part

QUOTED = quopri.encodestring(b"Subject: quoted\nContent-Type: text/plain; charset=utf-8\n\n=20 inner words").decode()
TREES = {
    "related in alternative": (
        many("alternative", PLAIN, many("related", PAGE, attached("a.txt"), boundary="R")),
        ["the text", named("a.txt")],
    ),
    "alternative in related in mixed": (
        many(
            "mixed",
            many("related", many("alternative", PLAIN, PAGE, boundary="A"), attached("b.txt"), boundary="R"),
            attached("c.txt"),
            boundary="B",
        ),
        ["the text", named("b.txt"), named("c.txt")],
    ),
    "text, file, text": (
        many("mixed", PLAIN, attached("a.txt"), part("text/plain", "below")),
        ["the text", named("a.txt"), "below"],
    ),
    "text with a name": (
        many("mixed", PLAIN, part("text/plain; name=n.txt", "inline", "Content-Disposition: inline")),
        ["the text", named("n.txt", "inline")],
    ),
    "the same file in both forms": (
        many(
            "alternative",
            many("mixed", PLAIN, attached("a.txt"), boundary="M"),
            many("mixed", PAGE, attached("a.txt"), boundary="N"),
        ),
        ["the text", named("a.txt")],
    ),
    "invitation": (
        many(
            "alternative",
            PLAIN,
            PAGE,
            part("text/calendar; method=REQUEST", "BEGIN:VCALENDAR\nSUMMARY:Meet\nEND:VCALENDAR"),
        ),
        ["the text", "## Attachment: text/calendar", "Meet"],
    ),
    "signed": (
        many(
            "signed",
            PLAIN,
            part("application/pkcs7-signature; name=smime.p7s", "MIIx", "Content-Transfer-Encoding: base64"),
        ),
        ["the text", "[signature smime.p7s: not checked]"],
    ),
    "digest": (
        many("digest", "\nSubject: one\n\nfirst", "\nSubject: two\n\nsecond"),
        ["## Attached mail\n\nSubject: one\n\nfirst", "## Attached mail\n\nSubject: two\n\nsecond"],
    ),
    "bounced": (
        many(
            "report",
            PLAIN,
            part("message/delivery-status", "Final-Recipient: rfc822; b@x.org\nStatus: 5.1.1"),
            part("message/rfc822", "Subject: lost\n\nthe bounced words"),
        ),
        ["the text", "Status: 5.1.1", "Subject: lost", "the bounced words"],
    ),
    "bounced, headers only": (
        many("report", PLAIN, part("text/rfc822-headers", "Subject: lost")),
        ["the text", "Subject: lost"],
    ),
    "without headers": (many("mixed", "\nbare words", "\nmore words"), ["bare words", "more words"]),
    "enriched": (
        part("text/enriched", "<bold>Now</bold> is\n<color><param>red</param>the</color>\n\ntime << 2"),
        ["Now is the\ntime < 2"],
    ),
    "boundary of another, longer": (
        many("mixed", many("mixed", PLAIN, boundary="B-1"), attached("a.txt"), boundary="B"),
        ["the text", named("a.txt")],
    ),
    "boundary with blanks, in pieces": (
        many("mixed", PLAIN, attached("a.txt"), boundary="a  b (c)=?").replace(
            'boundary="a  b (c)=?"', 'boundary*0="a  b "; boundary*1="(c)=?"'
        ),
        ["the text", named("a.txt")],
    ),
    "wrong boundary": (
        many("mixed", PLAIN, attached("a.txt")).replace('boundary="B"', 'boundary="other"'),
        ["the text", named("a.txt")],
    ),
    "no boundary": (
        many("mixed", PLAIN, attached("a.txt")).replace('; boundary="B"', ""),
        ["the text", named("a.txt")],
    ),
    "text behind the end": (many("mixed", PLAIN) + "\nfooter of the list", ["the text", "footer of the list"]),
    "a mail in a mail in a mail": (
        many(
            "mixed",
            PLAIN,
            part(
                'message/rfc822; name="one.eml"',
                "Subject: one\n"
                + many("mixed", part("message/rfc822", "Subject: two\n\ndeep words"), attached("d.txt"), boundary="C"),
            ),
        ),
        [
            "the text",
            "## Attachment: one.eml\n\nSubject: one",
            "### Attached mail\n\nSubject: two\n\ndeep words",
            named("d.txt", level=3),
        ],
    ),
    "a packed mail": (
        many("mixed", PLAIN, part("message/rfc822; name=q.eml", QUOTED, QP)),
        ["the text", "## Attachment: q.eml\n\nSubject: quoted", "=20 inner words"],
    ),
    "a packed part of parts": (
        part(
            "multipart/mixed; boundary=B",
            base64.encodebytes(b"--B\n\nthe text\n--B--\n").decode(),
            "Content-Transfer-Encoding: base64",
        ),
        ["the text"],
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_everything_is_read_wherever_it_is_in_the_tree(name: str) -> None:
    """Each item appears once, in order."""
    tree, wanted = TREES[name]
    text = opened(tree).text
    places = [text.find(one) for one in wanted]
    assert -1 not in places, text
    assert places == sorted(places)
    assert [text.count(one) for one in wanted] == [1] * len(wanted)


WORDS = "Dear customer, thank you for your order of the third of May. "
CHOICES = [
    (
        "plain holds it all",
        "the text as sent\n  and wrapped",
        "<p>the text as <b>sent</b> and wrapped</p>",
        ["  and wrapped"],
    ),
    ("blank", " \n\u00a0\n", "<p>real words</p>", ["real words"]),
    ("placeholder", "Your mail program does not show HTML.", "<p>Rent 1200</p>", ["Rent 1200"]),
    ("placeholder in Russian", "Откройте письмо в браузере.", "<p>Аренда</p>", ["Аренда"]),
    ("placeholder with address", "View this email in your browser: https://x.org/1", "<p>Rent</p>", ["Rent"]),
    (
        "very short",
        "See below.",
        "<p>Rent of May: 1200 and a deposit of 2400</p>",
        ["Rent of May: 1200 and a deposit of 2400"],
    ),
    ("a number only in HTML", WORDS, f"<p>{WORDS} Sum: 1200</p>", ["1200"]),
    ("a button more in HTML", WORDS * 3, f"<p>{WORDS * 3}</p><a href='https://x.org'>Reply</a>", [WORDS]),
    (
        "each has its own",
        WORDS + "Your number is 17.",
        f"<p>{WORDS} The sum is 1200.</p>",
        ["number is 17", "sum is 1200"],
    ),
    (
        "table in HTML",
        "Item Sum\nRent 1200",
        "<table><tr><th>Item<th>Sum<tr><td>Rent<td>1200</table>",
        ["Item Sum\nRent 1200"],
    ),
    ("no HTML", "only plain", "<p> </p>", ["only plain"]),
    ("Japanese", "契約書の件", "<p>契約書の件、金額は千円です、よろしくお願いします</p>", ["金額は千円です"]),
]


@pytest.mark.parametrize(("plain", "page", "wanted"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES])
def test_the_alternative_with_the_content_is_chosen(plain: str, page: str, wanted: list[str]) -> None:
    """The plain text is shown as sent; the HTML if it has more; both if each has content that the other lacks."""
    entity = many("alternative", part("text/plain; charset=utf-8", plain), part("text/html; charset=utf-8", page))
    text = opened(entity).text
    assert all(one in text for one in wanted), text
    shown = [plain.strip() in text, text.count("HTML.") + text.count("браузер") + text.count("browser")]
    assert shown[1] == 0


def test_one_alternative_is_enough() -> None:
    """What both contain appears once."""
    for _, plain, page, _ in CHOICES[:1] + CHOICES[7:8]:
        text = opened(many("alternative", part("text/plain", plain), part("text/html", page))).text
        assert text.count(plain.split()[1]) == plain.split().count(plain.split()[1])


CHARSETS = [
    ("gb2312", "鎔合同", "gb18030"),
    ("ks_c_5601-1987", "똠방각하", "cp949"),
    ("shift_jis", "①髙﨑", "cp932"),
    ("iso-8859-1", "€ – “a”", "cp1252"),
    ("iso-2022-jp", "契約書の件", "iso2022_jp"),
    ("x-unknown", "Größe und Maße der Änderung", "utf-8"),
    ("utf8", "Größe", "utf-8"),
    ("unicode-1-1-utf-7", "Größe вода", "utf-7"),
    ("utf-7", "Größe вода", "utf-7"),
    ("koi8-r", "вода", "koi8-r"),
    ("'windows-1251'", "вода", "cp1251"),
    ("cp-850", "Größe", "cp850"),
    ("us-ascii", "Größe", "utf-8"),
    ("utf-8", "Größe und Straße, für später", "cp1252"),
    ("big5", "合約內容", "cp950"),
    ("hz-gb-2312", "合同", "hz"),
]


@pytest.mark.parametrize(("declared", "text", "codec"), CHARSETS)
def test_charsets_mean_what_they_mean_to_browsers(declared: str, text: str, codec: str) -> None:
    """This holds in text, pages, attachments and headers; a wrong charset is detected where possible."""
    raw = text.encode(codec)
    coded = base64.b64encode(raw).decode()
    body = (
        f"--B\r\nContent-Type: text/plain; charset={declared}\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n"
        f"--B\r\nContent-Type: text/plain; charset={declared}; name=a.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{coded}\r\n--B--"
    )
    found = read(mail("multipart/mixed; boundary=B", body), "a.eml")
    assert found == Extracted(f"{HEAD}{text}\n\n{named('a.txt', text)}\n")
    page = mail(f"text/html; charset={declared}", f"<p>{coded}</p>".encode().replace(coded.encode(), raw))
    assert read(page, "a.eml") == Extracted(f"{HEAD}{text}\n")


LONG = "Vertrag über die Anmietung von Räumen in der Großen Straße.pdf.txt"
NAMES = [
    ('filename="a b.txt"', "a b.txt"),
    ("filename=a b.txt", "a b.txt"),
    ("filename*=UTF-8''" + quote(LONG), LONG),
    ("filename*=windows-1251'ru'%E2%EE%E4%E0.txt", "вода.txt"),
    (
        "filename*0*=UTF-8''"
        + quote(LONG[:20])
        + ";\r\n filename*1*="
        + quote(LONG[20:40])
        + f';\r\n filename*2="{LONG[40:]}"',
        LONG,
    ),
    (f'filename*0="{"a" * 60}"; filename*1="b.txt"', "a" * 60 + "b.txt"),
    ('filename="=?utf-8?B?' + base64.b64encode("вода.txt".encode()).decode() + '?="', "вода.txt"),
    ('filename="=?koi8-r?Q?=D7=CF=C4=C1?=\r\n =?koi8-r?Q?_2.txt?="', "вода 2.txt"),
    ('filename="вода.txt"', "вода.txt"),
    ("filename=\"x.txt\"; filename*=UTF-8''" + quote("вода.txt"), "вода.txt"),
    (r'filename="a \"b\".txt"', 'a "b".txt'),
    (r'filename="C:\docs\new.txt"', r"C:\docs\new.txt"),
]


@pytest.mark.parametrize(("parameter", "name"), NAMES)
def test_names_of_attachments_are_decoded(parameter: str, name: str) -> None:
    """RFC 2231, RFC 2047 and raw 8-bit names are decoded, even if they deviate from the standard."""
    body = f"--B\r\nContent-Disposition: attachment; {parameter}\r\n\r\nwords\r\n--B--"
    assert read(mail("multipart/mixed; boundary=B", body.encode()), "a.eml").text == f"{HEAD}{named(name, 'words')}\n"


def test_a_raw_name_is_in_the_encoding_of_the_mail() -> None:
    """It has eight-bit characters and no declaration."""
    text, file = part("text/plain; charset=koi8-r", "вода"), part('text/plain; name="отчёт.txt"', "x")
    body = f"--B\n{text}\n--B\n{file}\n--B--"
    assert named("отчёт.txt", "x") in read(mail("multipart/mixed; boundary=B", body.encode("koi8-r")), "a.eml").text


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "cp866", "utf-8"])
def test_raw_headers_are_decoded_like_the_rest_of_the_mail(codec: str) -> None:
    """A mail without a declared encoding uses one throughout; four letters alone would be ambiguous."""
    text = "Текст письма о договоре аренды помещения, который мы обсуждали вчера."
    raw = f"From: Анна <a@x.org>\r\nSubject: Договор\r\nMIME-Version: 1.0\r\n\r\n{text}\r\n".encode(codec)
    assert read(raw, "a.eml") == Extracted(f"Subject: Договор\nFrom: Анна <a@x.org>\n\n{text}\n")


def test_a_saved_page_is_read_as_its_text() -> None:
    """It is a mail whose styles are left out, and whose pictures, referred to by address, make one note."""
    picture = part("image/png", "iVBORw0KGgoAAAAA", "Content-Location: https://x.org/a.png", B64)
    style = part("text/css", "p {}", "Content-Location: https://x.org/a.css")
    found = read(TOP + many("related", PAGE, style, picture).encode(), "a.eml")
    assert found == Extracted(
        f"{HEAD}the text\n\n[pictures in the text, not read: a.png]\n", ("pictures in the text, not read: a.png",)
    )


SUBJECTS = [
    ("=?utf-8?B?0LLQvtC00LA=?=", "вода"),
    ("=?utf-8?b?0LLQ?= =?utf-8?b?vtC00LA=?=", "вода"),
    ("=?UTF-8?Q?Gr=C3=B6=C3?=\r\n =?UTF-8?Q?=9Fe_is_it?=", "Größe is it"),
    ("=?iso-2022-jp?B?GyRCN1lMcz1xGyhC?=", "警約書"),
    ("=?gb2312?B?" + base64.b64encode("鎔合同".encode("gb18030")).decode() + "?=", "鎔合同"),
    ("=?iso-8859-1*de?Q?Gr=F6=DFe?= and =?utf-8?Q?more?=", "Größe and more"),
    ("Re: =?x-unknown?Q?plain?= end", "Re: plain end"),
    ("a very\r\n\tlong one\r\n   folded", "a very long one folded"),
    ("Größe in raw UTF-8", "Größe in raw UTF-8"),
    ("=?utf-8?Q?broken", "=?utf-8?Q?broken"),
    ("x" * 5000, "x" * 5000),
]


@pytest.mark.parametrize(("raw", "subject"), SUBJECTS)
def test_subjects_are_decoded(raw: str, subject: str) -> None:
    """Adjacent words in one encoding are decoded together, because a letter may be split between them."""
    assert read(f"Subject: {raw}\r\nFrom: a\r\n\r\nx".encode(), "a.eml").text == f"Subject: {subject}\nFrom: a\n\nx\n"


ODD = {
    "from": b"From a@x.org Tue Mar  5 10:00:00 2024\r\n",
    "quoted from": b">From a@x.org Tue Mar  5 10:00:00 2024\r\n",
    "mark": codecs.BOM_UTF8,
    "mark and blank": codecs.BOM_UTF8 + b"\r\n \r\n",
    "blank": b"\n\n\n",
}
PLAIN_MAIL = (
    b"Received: from x\r\n\tby y\r\nX-Odd_Name: 1\r\n"
    + TOP
    + b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xd0\xb4\r\n"
)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("suffix", ["eml", ""])
def test_lines_before_a_mail_do_not_matter(name: str, suffix: str) -> None:
    """This holds whether or not the file name says that it is a mail."""
    body = ODD[name] + PLAIN_MAIL
    assert plain_text(body, f"a.{suffix}") is None
    assert read(body, f"a.{suffix}").text == f"{HEAD}д\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_mail_may_be_saved_as_utf_16(encoding: str) -> None:
    """It may or may not have a byte order mark."""
    assert read(PLAIN_MAIL.decode().encode(encoding), "a.eml").text == f"{HEAD}д\n"


@pytest.mark.parametrize("ends", [b"\n", b"\r", b"\r\r\n"])
def test_lines_may_end_in_any_way(ends: bytes) -> None:
    """Unix and classic Mac line ends are read."""
    assert read(PLAIN_MAIL.replace(b"\r\n", ends), "a.eml").text == f"{HEAD}д\n"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ("Subject:s\nFrom:a@x.org\n\nd", HEAD + "d\n"),
        ("Subject : s\nFrom : a@x.org\n\nd", HEAD + "d\n"),
        ("Subject: s\nwithout a colon\nFrom: a@x.org\n\nd", HEAD.replace(": s", ": s without a colon") + "d\n"),
        ("Subject: s\nFrom: a@x.org\n\nMore: d\n", HEAD + "More: d\n"),
        ("Subject: s\nFrom: a@x.org\nno blank line before it\nd", HEAD + "no blank line before it\nd\n"),
        ("Received:\n from x\nSubject: s\nFrom: a@x.org\n\nd", HEAD + "d\n"),
        ("X: " + "y" * 70_000 + "\nSubject: s\nFrom: a@x.org\n\nd", HEAD + "d\n"),
    ],
)
def test_odd_headers_are_read(headers: str, text: str) -> None:
    """What is no longer a header is read as text."""
    assert read(headers.encode(), "a.eml").text == text


def test_an_apple_mail_is_read_without_its_flags() -> None:
    """EMLX has a byte count before the mail and a property list after it."""
    body = b"%d     \n" % len(PLAIN_MAIL) + PLAIN_MAIL + b'<?xml version="1.0"?><plist><dict/></plist>\n'
    assert plain_text(body, "1.emlx") is None
    assert read(body, "1.emlx").text == f"{HEAD}д\n"


def test_flowed_lines_are_joined() -> None:
    """RFC 3676: by quote depth, leaving the signature alone."""
    body = "one \ntwo\n> quoted \n> on\n>> deeper\n stuffed\n-- \nAnna"
    found = read(mail("text/plain; format=flowed", body), "a.eml").text
    assert found == f"{HEAD}one two\n> quoted on\n>> deeper\nstuffed\n-- \nAnna\n"
    joined = read(mail("text/plain; format=flowed; delsp=yes", "契約 \n書"), "a.eml").text
    assert joined == f"{HEAD}契約書\n"


def test_the_mails_charset_overrides_that_of_a_page() -> None:
    """The mail's declaration takes precedence over the page's."""
    page = quopri.encodestring('<meta charset="utf-8"><p>вода</p>'.encode("cp1251")).decode()
    body = mail("text/html; charset=windows-1251", page, "Content-Transfer-Encoding: quoted-printable")
    assert read(body, "a.eml").text == f"{HEAD}вода\n"
