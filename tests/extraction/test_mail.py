"""Mails as programs really write them: nothing in them is lost, and what cannot be read is named with the reason."""

# ruff: noqa: RUF001 - the letters are of other alphabets on purpose

import base64
import codecs
import quopri
from urllib.parse import quote

import pytest

from backburner.documents import Extracted, plain_text
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

HEAD = "Subject: s\nFrom: a@x.org\n\n"
TOP = b"From: a@x.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\0").decode()


def mail(content_type: str, body: str | bytes, *headers: str) -> bytes:
    """A mail with usual headers."""
    lines = "".join(f"{header}\r\n" for header in (f"Content-Type: {content_type}", *headers))
    raw = body if isinstance(body, bytes) else body.replace("\r", "").replace("\n", "\r\n").encode()
    return TOP + lines.encode() + b"\r\n" + raw


def part(content_type: str, body: str, *headers: str) -> str:
    """A part of a mail."""
    lines = "".join(f"{header}\n" for header in (f"Content-Type: {content_type}", *headers))
    return f"{lines}\n{body}"


def many(kind: str, *parts: str, boundary: str = "B", parameters: str = "") -> str:
    """A part of parts."""
    body = "".join(f"--{boundary}\n{one}\n" for one in parts)
    return part(f'multipart/{kind}; boundary="{boundary}"{parameters}', f"{body}--{boundary}--\n")


def opened(entity: str) -> Extracted:
    """What a part says as a mail of its own."""
    return read(TOP + entity.replace("\n", "\r\n").encode(), "a.eml")


def attached(name: str, body: str = "words of it", kind: str = "text/plain") -> str:
    """An attachment."""
    return part(kind, body, f'Content-Disposition: attachment; filename="{name}"')


def named(name: str, body: str = "words of it", level: int = 2) -> str:
    """How an attachment stands in the text."""
    return f"{'#' * level} Attachment: {name}\n\n{body}"


PLAIN, PAGE = part("text/plain", "the text"), part("text/html", "<p>the text</p>")
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
def test_everything_is_read_wherever_it_hangs(name: str) -> None:
    """Each thing once, in order."""
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
def test_the_form_that_holds_the_words_is_shown(plain: str, page: str, wanted: list[str]) -> None:
    """The plain one as it was sent; the page where it holds more; both where each holds what the other lacks."""
    entity = many("alternative", part("text/plain; charset=utf-8", plain), part("text/html; charset=utf-8", page))
    text = opened(entity).text
    assert all(one in text for one in wanted), text
    shown = [plain.strip() in text, text.count("HTML.") + text.count("браузер") + text.count("browser")]
    assert shown[1] == 0


def test_one_form_is_enough() -> None:
    """What both hold is shown once."""
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
    """In the text, in a page, in an attachment and in a header; a wrong one is found out where it can be."""
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
    """RFC 2231, RFC 2047, raw 8-bit, and none of them quite as it should be."""
    body = f"--B\r\nContent-Disposition: attachment; {parameter}\r\n\r\nwords\r\n--B--"
    assert read(mail("multipart/mixed; boundary=B", body.encode()), "a.eml").text == f"{HEAD}{named(name, 'words')}\n"


def test_a_raw_name_is_in_the_encoding_of_the_mail() -> None:
    """Eight bits without any word about them."""
    text, file = part("text/plain; charset=koi8-r", "вода"), part('text/plain; name="отчёт.txt"', "x")
    body = f"--B\n{text}\n--B\n{file}\n--B--"
    assert named("отчёт.txt", "x") in read(mail("multipart/mixed; boundary=B", body.encode("koi8-r")), "a.eml").text


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
    """Words of one encoding together, for letters are split between them."""
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
def test_what_stands_before_a_mail_does_not_matter(name: str, suffix: str) -> None:
    """With and without a name that says that it is one."""
    body = ODD[name] + PLAIN_MAIL
    assert plain_text(body, f"a.{suffix}") is None
    assert read(body, f"a.{suffix}").text == f"{HEAD}д\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_mail_may_be_saved_as_utf_16(encoding: str) -> None:
    """With a mark and without."""
    assert read(PLAIN_MAIL.decode().encode(encoding), "a.eml").text == f"{HEAD}д\n"


@pytest.mark.parametrize("ends", [b"\n", b"\r", b"\r\r\n"])
def test_lines_may_end_in_any_way(ends: bytes) -> None:
    """As Unix and the oldest Macs wrote them."""
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
    """And what is no header any more is text."""
    assert read(headers.encode(), "a.eml").text == text


def test_a_mail_of_apple_is_read_without_its_flags() -> None:
    """EMLX: a count of bytes before it, a list of properties behind it."""
    body = b"%d     \n" % len(PLAIN_MAIL) + PLAIN_MAIL + b'<?xml version="1.0"?><plist><dict/></plist>\n'
    assert plain_text(body, "1.emlx") is None
    assert read(body, "1.emlx").text == f"{HEAD}д\n"


B64, QP = "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable"
EXTERNAL = 'message/external-body; access-type=URL; URL="https://x.org/a.pdf"; name="a.pdf"'
PGP = "-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----"


def beside(*parts: str) -> bytes:
    """A mail with a text and something else."""
    return TOP + many("mixed", PLAIN, *parts).encode()


NOTED = [
    ("base64 cut off", mail("text/plain", "R3LDtsOfZSBpb!!", B64), "Größe i", "damaged base64"),
    ("base64 with rubbish", mail("text/plain", "R3LD\n--- note ---\ntsOfZQ==", B64), "Größe", "damaged base64"),
    ("bad escapes", mail("text/plain", "a=ZZ b=C3=A4", QP), "a=ZZ bä", "in 1 places"),
    ("encoding", mail("text/plain", "as is", "Content-Transfer-Encoding: x-rot"), "as is", "transfer encoding x-rot"),
    ("cut off", mail("multipart/mixed; boundary=B", "--B\n\nfirst\n--B\n\nsecond"), "second", "been cut off"),
    ("no parts", mail("multipart/mixed; boundary=B", "just words"), "just words", "could not be told apart"),
    ("PGP/MIME", beside(many("encrypted", PLAIN, boundary="E")), "the text", "encrypted text (PGP)"),
    (
        "S/MIME",
        beside(part("application/pkcs7-mime; name=smime.p7m", "MIAGCSqGSIb3DQEHA6CA", B64)),
        "the text",
        "attachment smime.p7m: not read, encrypted (S/MIME)",
    ),
    ("PGP in text", mail("text/plain", f"see\n{PGP}\nend"), "end", "encrypted text (PGP)"),
    (
        "yEnc",
        mail("text/plain", "see\n=ybegin line=128 size=3 name=a.bin\nabc\n=yend size=3\nend"),
        "end",
        "attachment a.bin: not read",
    ),
    (
        "external",
        beside(part(EXTERNAL, "Content-Type: application/pdf\n")),
        "the text",
        "attachment a.pdf: not in the mail but elsewhere (URL, https://x.org/a.pdf",
    ),
    ("partial", mail("message/partial; number=2; total=3; id=x", "middle words"), "middle words", "piece 2 of 3"),
    (
        "first piece",
        mail("message/partial; number=1; total=3; id=x", "Subject: big\n\nfirst words"),
        "Subject: big\n\nfirst words",
        "piece 1 of 3",
    ),
    (
        "picture",
        beside(attached("p.png", PICTURE, f"image/png\n{B64}")),
        "the text",
        "p.png: not read, a picture (PNG)",
    ),
    ("empty file", beside(attached("e.txt", "")), "the text", "attachment e.txt: no text in it"),
    (
        "archive",
        beside(attached("z.zip", "UEsFBgAA", f"application/zip\n{B64}")),
        "the text",
        "attachment z.zip: not read",
    ),
]


@pytest.mark.parametrize(("body", "text", "note"), [case[1:] for case in NOTED], ids=[case[0] for case in NOTED])
def test_what_is_missing_is_said_twice(body: bytes, text: str, note: str) -> None:
    """In a note of the record, and in the same words in brackets in the text, once each."""
    found = read(body, "a.eml")
    assert text in found.text
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert found.text.count(f"[{found.notes[0]}]") == 1


def test_notes_of_an_attachment_name_the_attachment() -> None:
    """Through as many mails as it is in."""
    inner = many(
        "mixed", PLAIN, attached("p.png", PICTURE, "image/png\nContent-Transfer-Encoding: base64"), boundary="I"
    )
    found = opened(many("mixed", PLAIN, part("message/rfc822; name=inner.eml", f"Subject: i\n{inner}")))
    assert found.notes == ("inner.eml: attachment p.png: not read, a picture (PNG)",)


def test_pictures_in_the_text_are_one_note() -> None:
    """Logos are referred to by the page; a picture that it does not show is an attachment."""
    picture = part("image/png; name={0}.png", PICTURE, "Content-ID: <{0}@x>", "Content-Transfer-Encoding: base64")
    page = part("text/html", '<p>words</p><img src="cid:one@x"><img src="cid:two@x">')
    found = opened(many("related", page, *(picture.format(name) for name in ("one", "two", "other"))))
    assert found.notes == (
        "attachment other.png: not read, a picture (PNG)",
        "pictures in the text, not read: one.png, two.png",
    )
    assert found.text.endswith("[pictures in the text, not read: one.png, two.png]\n")


@pytest.mark.parametrize("kind", ["multipart/encrypted; boundary=B", "application/pkcs7-mime"])
def test_a_mail_that_is_encrypted_as_a_whole_is_refused(kind: str) -> None:
    """Its headers alone are not the mail."""
    body = base64.b64encode(bytes.fromhex("308006092a864886f70d010703a080")).decode()
    with pytest.raises(JobError, match="encrypted") as refused:
        read(mail(kind, body, "Content-Transfer-Encoding: base64"), "a.eml")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def envelope(content: bytes, *, streamed: bool = False) -> bytes:
    """A signed envelope, with lengths or, as large ones are written, without."""

    def element(tag: int, body: bytes) -> bytes:
        if streamed and tag & 0x20:
            return bytes([tag, 0x80]) + body + b"\0\0"
        size = len(body).to_bytes(3, "big")
        return bytes([tag, 0x83]) + size + body

    data, signed = bytes.fromhex("06092a864886f70d010701"), bytes.fromhex("06092a864886f70d010702")
    pieces = [content[place : place + 7] for place in range(0, len(content), 7)]
    octets = element(0x24, b"".join(element(4, piece) for piece in pieces)) if streamed else element(4, content)
    inside = b"\x02\x01\x01" + element(0x31, b"") + element(0x30, data + element(0xA0, octets)) + element(0x31, b"")
    return element(0x30, signed + element(0xA0, element(0x30, inside)))


@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_signed_is_read(*, streamed: bool) -> None:
    """An opaque mail, and a file that a signing program wrapped, as bytes or as letters."""
    mime = envelope(b"Content-Type: text/plain\r\n\r\nsigned words", streamed=streamed)
    kind = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    found = read(mail(kind, base64.encodebytes(mime), "Content-Transfer-Encoding: base64"), "a.eml")
    assert found == Extracted(
        f"{HEAD}signed words\n\n[signature smime.p7m: not checked]\n", ("signature smime.p7m: not checked",)
    )
    wrapped = envelope(b"contract words", streamed=streamed)
    assert read(wrapped, "contract.txt.p7m").text == "contract words"
    assert read(base64.encodebytes(wrapped), "contract.txt.p7m").text == "contract words"


@pytest.mark.parametrize("cut", range(5, 70, 5))
def test_a_damaged_envelope_is_refused(cut: int) -> None:
    """Not a traceback."""
    with pytest.raises(JobError):
        read(envelope(b"contract words")[:cut], "a.p7m")


def test_files_between_the_lines_are_attachments() -> None:
    """Uuencode, in a text and as a transfer encoding; a sentence that begins like it is a sentence."""
    lines = codecs.encode(b"uu words", "uu").decode().replace("begin 666 <data>", "begin 644 a.txt")
    found = read(mail("text/plain", f"above\n{lines}below\nbegin 100 words\nend"), "a.eml")
    assert found == Extracted(f"{HEAD}above\n\n{named('a.txt', 'uu words')}\n\nbelow\nbegin 100 words\nend\n")
    whole = mail("text/plain; name=a.txt", lines, "Content-Transfer-Encoding: x-uuencode")
    assert read(whole, "a.eml") == Extracted(f"{HEAD}{named('a.txt', 'uu words')}\n")


def test_flowed_lines_are_joined() -> None:
    """RFC 3676: by quote depth, with the signature left alone."""
    body = "one \ntwo\n> quoted \n> on\n>> deeper\n stuffed\n-- \nAnna"
    found = read(mail("text/plain; format=flowed", body), "a.eml").text
    assert found == f"{HEAD}one two\n> quoted on\n>> deeper\nstuffed\n-- \nAnna\n"
    joined = read(mail("text/plain; format=flowed; delsp=yes", "契約 \n書"), "a.eml").text
    assert joined == f"{HEAD}契約書\n"


def test_nesting_is_bounded_and_said() -> None:
    """A hostile mail of many levels fails by a note, a thousand of them take no time."""
    tree = PLAIN
    for level in range(1000):
        tree = many("mixed", tree, attached(f"{level}.txt"), boundary=f"L{level}-")
    found = opened(tree)
    assert found.notes == ("parts nested deeper than 20: not read, upload them by themselves",)
    assert named("999.txt") in found.text
    mails = "the text"
    for level in range(60):
        mails = part("message/rfc822", f"Subject: {level}\n{mails}" if level else f"Subject: 0\n\n{mails}")
    assert any("nested deeper than 20" in note for note in opened(mails).notes)


def test_a_quoted_printable_page_says_its_own_charset_in_vain() -> None:
    """What the mail says of it goes first."""
    page = quopri.encodestring('<meta charset="utf-8"><p>вода</p>'.encode("cp1251")).decode()
    body = mail("text/html; charset=windows-1251", page, "Content-Transfer-Encoding: quoted-printable")
    assert read(body, "a.eml").text == f"{HEAD}вода\n"
