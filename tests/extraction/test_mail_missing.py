"""Mails that are damaged, encrypted or contain unreadable parts say what is missing, and why."""

import base64
import codecs

import pytest

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.mail.message import read_message
from backburner.extraction.reading import read

from .mails import B64, HEAD, PAGE, PICTURE, PLAIN, QP, TOP, attached, beside, mail, many, named, opened, part

EXTERNAL = 'message/external-body; access-type=URL; URL="https://x.org/a.pdf"; name="a.pdf"'
PGP = "-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----"
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le")
NOTED = [
    ("base64 cut off", mail("text/plain", "R3LDtsOfZSBpb", B64), "Größe i", "damaged base64"),
    ("base64 with rubbish", mail("text/plain", "R3LD\n--- note ---\ntsOfZQ==", B64), "Größe", "damaged base64"),
    (
        "no base64",
        mail("text/plain", "Hello, this is text.\n\nAnna", B64),
        "Hello, this is text.",
        "not base64 although declared so",
    ),
    ("bad escapes", mail("text/plain", "a=ZZ b=C3=A4", QP), "a=ZZ bä", "in 1 places"),
    ("encoding", mail("text/plain", "as is", "Content-Transfer-Encoding: x-rot"), "as is", "transfer encoding x-rot"),
    ("cut off", mail("multipart/mixed; boundary=B", "--B\n\nfirst\n--B\n\nsecond"), "second", "been cut off"),
    ("no parts", mail("multipart/mixed; boundary=B", "just words"), "just words", "could not be separated"),
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
        "attachment a.pdf: not in the mail but stored elsewhere (URL, https://x.org/a.pdf",
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
    (
        "encrypted file",
        beside(attached("plan.docx", base64.encodebytes(ENCRYPTED).decode(), f"application/msword\n{B64}")),
        "the text",
        "attachment plan.docx: not read, an encrypted Office document: save it without a password",
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
def test_missing_content_is_reported_twice(body: bytes, text: str, note: str) -> None:
    """A note of the record reports it, and the same words are in brackets in the text."""
    found = read(body, "a.eml")
    assert text in found.text
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert found.text.count(f"[{found.notes[0]}]") == 1


def test_notes_of_an_attachment_name_the_attachment() -> None:
    """They name every mail on the way to it."""
    inner = many(
        "mixed", PLAIN, attached("p.png", PICTURE, "image/png\nContent-Transfer-Encoding: base64"), boundary="I"
    )
    found = opened(many("mixed", PLAIN, part("message/rfc822; name=inner.eml", f"Subject: i\n{inner}")))
    assert found.notes == ("inner.eml: attachment p.png: not read, a picture (PNG)",)


def test_pictures_in_the_text_are_one_note() -> None:
    """Logos that the page refers to share it; a picture that the page does not show is an attachment."""
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


def test_a_mail_whose_text_cannot_be_read_is_refused() -> None:
    """With a note, its headers would pass for the whole mail; if an attachment can be read, a note is enough."""

    def fails(body: bytes, name: str) -> Extracted:
        if name == "body.html":
            raise JobError(Reason.UNREADABLE_DOCUMENT, "a page that nobody can read")
        return read(body, name)

    with pytest.raises(JobError, match="only the headers"):
        read_message(mail("text/html", "<p>x</p>"), fails)
    found = read_message(TOP + many("mixed", PAGE, attached("a.txt")).encode(), fails)
    note = "HTML text of the mail: not read, a page that nobody can read"
    assert found == Extracted(f"{HEAD}[{note}]\n\n{named('a.txt')}\n", (note,))


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
def test_signed_content_is_read(*, streamed: bool) -> None:
    """An opaque mail is read, and a file wrapped by a signing program, binary or in base64."""
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
    """It raises no other exception."""
    with pytest.raises(JobError):
        read(envelope(b"contract words")[:cut], "a.p7m")


def test_uuencoded_files_are_attachments() -> None:
    """They may be in a text or a transfer encoding; a sentence that begins like uuencode stays a sentence."""
    lines = codecs.encode(b"uu words", "uu").decode().replace("begin 666 <data>", "begin 644 a.txt")
    found = read(mail("text/plain", f"above\n{lines}below\nbegin 100 words\nend"), "a.eml")
    assert found == Extracted(f"{HEAD}above\n\n{named('a.txt', 'uu words')}\n\nbelow\nbegin 100 words\nend\n")
    whole = mail("text/plain; name=a.txt", lines, "Content-Transfer-Encoding: x-uuencode")
    assert read(whole, "a.eml") == Extracted(f"{HEAD}{named('a.txt', 'uu words')}\n")


def test_nesting_is_bounded_and_noted() -> None:
    """Beyond the bound a note replaces the content, and a thousand levels take no time."""
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
