"""Outlook's mails (MSG, OFT) and its internet wrapping (TNEF) are read like other mails."""

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose

import contextlib
import struct
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.mail.compressed_rtf import decompressed
from backburner.extraction.mail.tnef import read_tnef
from backburner.extraction.reading import read

from . import outlook_files as files

SENT = datetime(2024, 3, 5, 10, tzinfo=UTC)
MAIL = {
    files.MESSAGE_CLASS: "IPM.Note", files.SUBJECT: "Größe вода", files.SENDER: "Anna", files.SENDER_SMTP: "anna@x.org",
    files.SUBMITTED: SENT,
}  # fmt: skip
HEAD = "Subject: Größe вода\nFrom: Anna <anna@x.org>\nDate: Tue, 05 Mar 2024 10:00:00 +0000\n\n"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00"
RTF = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 A;}}\f0 rtf word\par second line}"
HTML_IN_RTF = (
    rb"{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fcharset204 A;}}{\*\htmltag64 <p>}\htmlrtf \par\htmlrtf0 "
    rb"\'e2\'ee\'e4\'e0 in {\*\htmltag84 <b>}RTF{\*\htmltag92 </b>}{\*\htmltag72 </p>}}"
)


def packed(rtf: bytes) -> bytes:
    """RTF in Outlook's storage format, uncompressed except for the end mark."""
    body = b"".join(b"\x00" + rtf[place : place + 8] for place in range(0, len(rtf), 8))
    return struct.pack("<II4sI", len(body) + 12, len(rtf), b"LZFu", zlib.crc32(body)) + body


def test_a_mail_has_headers_text_attachments_and_attached_mails() -> None:
    """They are in order; each attachment is under its name, one of an attached mail a level deeper."""
    inner = files.folder(
        {files.SUBJECT: "Inner", files.SENDER: "Bob", files.BODY: "inner text"},
        [{files.FILENAME: "in.txt", files.DATA: b"in text"}],
    )
    body = files.message(
        MAIL | {files.BODY: "first line\r\nsecond line\r\n"},
        [{files.FILENAME: "a.txt", files.DATA: b"a text", files.METHOD: 1}, {files.NAME: "Fwd", files.DATA: inner}],
        [
            {files.NAME: "Bob", files.SMTP: "bob@x.org", files.KIND: 1},
            {files.NAME: "c@x.org", files.SMTP: "c@x.org", files.KIND: 1},
            {files.NAME: "Dora", files.KIND: 2},
        ],
    )
    head = HEAD.replace("Date", "To: Bob <bob@x.org>, c@x.org\nCc: Dora\nDate")
    assert read(body, "a.msg") == Extracted(
        f"{head}first line\nsecond line\n\n## Attachment: a.txt\n\na text\n\n## Attachment: Fwd\n\n"
        "Subject: Inner\nFrom: Bob\n\ninner text\n\n### Attachment: in.txt\n\nin text\n"
    )


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (1251, "Договор аренды"),
        (932, "契約書の①"),
        (936, "合同請見"),
        (949, "계약서 똠방"),
        (1250, "zażółć"),
        (65001, "дом"),
    ],
)
def test_strings_may_be_in_a_code_page(page: int, text: str) -> None:
    """Outlook before 2003 wrote them so; the mail names the code page."""
    raw = text.encode({936: "gbk"}.get(page, f"cp{page}" if page != 65001 else "utf-8"))
    strings = {files.SUBJECT: (files.STRING8, raw), files.BODY: (files.STRING8, raw), files.CODE_PAGE: page}
    body = files.message(strings, [{files.FILENAME: (files.STRING8, raw + b".txt"), files.DATA: b"x"}])
    assert read(body, "a.msg").text == f"Subject: {text}\n\n{text}\n\n## Attachment: {text}.txt\n\nx\n"


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({files.HTML: "<p>вода in <b>HTML</b></p>".encode("cp1251"), files.HTML_PAGE: 1251}, "вода in **HTML**"),
        ({files.HTML: "<p>вода in <b>HTML</b></p>"}, "вода in **HTML**"),
        ({files.RTF: packed(HTML_IN_RTF)}, "вода in **RTF**"),
        ({files.RTF: packed(RTF)}, "rtf word\n\nsecond line"),
        ({files.BODY: "view it in HTML", files.HTML: b"<p>Rent 1200</p>"}, "Rent 1200"),
        ({files.BODY: "plain as sent", files.HTML: b"<p>plain as <b>sent</b></p>"}, "plain as sent"),
        ({files.BODY: "plain as sent", files.RTF: packed(RTF)[:9]}, "[RTF text of the mail: not read, it is damaged]"),
    ],
)
def test_the_fullest_form_of_the_text_is_chosen(properties: dict[int, object], text: str) -> None:
    """It may be HTML, HTML packed in RTF, RTF, or plain text."""
    found = read(files.message(MAIL | properties), "a.msg").text
    assert " ".join(found.split()).endswith(" ".join(text.split()))


def test_what_is_not_read_is_named_with_the_reason() -> None:
    """Pictures in the text share a note; objects, links, encrypted files and other formats have one each."""
    body = files.message(
        MAIL | {files.BODY: "see", files.HTML: b'<p>see</p><img src="cid:logo@1">'},
        [
            {files.FILENAME: "logo.png", files.DATA: PICTURE, files.CONTENT_ID: "logo@1"},
            {files.FILENAME: "scan.png", files.DATA: PICTURE},
            {files.NAME: "Chart", files.METHOD: 6, files.DATA: {"CONTENTS": b"x"}},
            {files.FILENAME: "big.zip", files.LINK: "https://x.org/big.zip", files.METHOD: 7},
            {files.FILENAME: "smime.p7m", files.DATA: bytes.fromhex("3080") + bytes.fromhex("06092a864886f70d010703")},
        ],
    )
    found = read(body, "a.msg")
    assert found.notes == (
        "attachment scan.png: not read, a picture (PNG)",
        "attachment Chart: not read, an embedded object (OLE)",
        "attachment big.zip: not in the mail but stored elsewhere (https://x.org/big.zip)",
        "attachment smime.p7m: not read, encrypted (S/MIME): decrypt it and upload it again",
        "pictures in the text, not read: logo.png",
    )
    assert all(f"[{note}]" in found.text for note in found.notes)


def test_a_mail_that_is_encrypted_as_a_whole_is_refused() -> None:
    """Its headers alone are not the mail."""
    envelope = bytes.fromhex("308006092a864886f70d010703")
    body = files.message(
        MAIL | {files.MESSAGE_CLASS: "IPM.Note.SMIME"}, [{files.FILENAME: "smime.p7m", files.DATA: envelope}]
    )
    with pytest.raises(JobError, match="encrypted") as refused:
        read(body, "a.msg")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_a_signed_mail_is_read_from_its_only_attachment() -> None:
    """Outlook keeps the signed MIME as a file."""
    mime = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nsigned words\r\n--b\r\n\r\nsig\r\n--b--\r\n"
    attached = {files.FILENAME: "smime.p7m", files.DATA: mime, files.MIME: "multipart/signed"}
    assert "signed words" in read(files.message(MAIL, [attached]), "a.msg").text


def test_items_that_are_not_mails_are_noted() -> None:
    """The fields of a contact or a task are not read."""
    found = read(files.message({files.MESSAGE_CLASS: "IPM.Contact", files.SUBJECT: "Anna", files.BODY: "b"}), "a.msg")
    assert found.notes == ("an Outlook item of type IPM.Contact: only its subject, text and attachments are read",)


def test_an_outlook_file_in_another_document_makes_no_mail_of_it() -> None:
    """The container's root tells what it is."""
    document = files.compound({"WordDocument": b"x", "ObjectPool": {"_1": files.folder(MAIL)}})
    with pytest.raises(JobError, match="old Office document"):
        read(document, "a.doc")


@pytest.mark.parametrize(("mark", "says"), [(b"!BDN", "PST"), (b"\xcf\xad\x12\xfe", "DBX")])
def test_folders_of_mails_are_refused_with_a_remedy(mark: bytes, says: str) -> None:
    """Mails have to be exported one at a time."""
    with pytest.raises(JobError, match=rf"{says}.*export its mails") as refused:
        read(mark + bytes(range(256)) * 9, "a.pst")
    assert refused.value.reason is Reason.UNSUPPORTED_TYPE


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    """Nothing else is raised, however it is damaged."""
    body = bytearray(files.message(MAIL | {files.BODY: "text"}, [{files.FILENAME: "a.txt", files.DATA: b"a"}]))
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(8, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(JobError):
        assert read(bytes(body[: data.draw(st.integers(600, len(body)))]), "a.msg").text


def test_a_truncated_mail_says_so() -> None:
    """Its container still opens, but a file in it ends early."""
    body = files.message(MAIL, [{files.FILENAME: "a.txt", files.DATA: b"word " * 2000}])
    found = read(body[:-3000], "a.msg")
    assert found.text.startswith(HEAD)
    assert found.notes == ("a truncated or damaged Outlook file: parts of it may be missing",)


def attribute(level: int, number: int, body: bytes) -> bytes:
    """A TNEF attribute."""
    return struct.pack("<BII", level, number, len(body)) + body + struct.pack("<H", sum(body) & 0xFFFF)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """TNEF properties: their types, numbers and bytes."""
    packed_values = b"".join(
        struct.pack("<HHII", kind, number, 1, len(body)) + body.ljust(-(-len(body) // 4) * 4, b"\0")
        for kind, number, body in values
    )
    return struct.pack("<I", len(values)) + packed_values


TNEF = (
    b"\x78\x9f\x3e\x22\x01\x00"
    + attribute(1, 0x00069007, struct.pack("<II", 1251, 0))
    + attribute(1, 0x00018004, "Договор".encode("cp1251") + b"\0")
    + attribute(1, 0x00069003, properties((files.BINARY, files.RTF, packed(HTML_IN_RTF))))
    + attribute(2, 0x00069002, bytes(14))
    + attribute(2, 0x00018010, "отчёт.txt\0".encode("cp1251"))
    + attribute(2, 0x0006800F, b"report text")
    + attribute(2, 0x00069002, bytes(14))
    + attribute(2, 0x0006800F, PICTURE)
    + attribute(2, 0x00069005, properties((files.UNICODE, files.FILENAME, "long name.png\0".encode("utf-16-le"))))
)
PICTURE_NOTE = "attachment long name.png: not read, a picture (PNG)"


def test_a_winmail_dat_is_read() -> None:
    """Alone or attached to a mail, its text and its attachments are read."""
    found = read(TNEF, "winmail.dat")
    assert found.text == (
        "Subject: Договор\n\nвода in **RTF**\n\n## Attachment: отчёт.txt\n\nreport text\n\n"
        f"## Attachment: long name.png\n\n[{PICTURE_NOTE}]\n"
    )
    assert found.notes == (PICTURE_NOTE,)
    mail = b"From: a@x.org\nMIME-Version: 1.0\nContent-Type: application/ms-tnef; name=winmail.dat\n\n" + TNEF
    assert read(mail, "a.eml").notes == (f"winmail.dat: {PICTURE_NOTE}",)


def test_a_truncated_winmail_dat_says_so() -> None:
    """What can be read of it is read."""
    found = read(TNEF[:-60], "winmail.dat")
    assert "report text" in found.text
    assert found.notes[-1] == "a truncated or damaged TNEF file (winmail.dat): the rest is missing"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_winmail_dat_is_read_or_refused(data: st.DataObject) -> None:
    """Nothing else is raised."""
    body = bytearray(TNEF)
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(6, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(JobError):
        assert read_tnef(bytes(body), lambda *_: Extracted("x")).text


def test_compressed_rtf_is_unpacked() -> None:
    """This is the example in Microsoft's own description."""
    body = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(body) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@given(st.binary(max_size=80))
def test_invalid_compressed_rtf_is_refused_or_read(body: bytes) -> None:
    """The reader never reads beyond its end."""
    with contextlib.suppress(ValueError):
        assert len(decompressed(b"\xff" * 8 + b"LZFu" + body)) <= 9 * len(body)
        decompressed(body)
