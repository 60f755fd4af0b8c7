"""However a mail's parts are nested, encoded and named, nothing in it is lost silently.

The trees are made and walked by the standard library, and read by our own reader.
"""

from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.documents.plain_text import Extracted
from backburner.extraction.mail.mbox import messages
from backburner.extraction.mail.message import read_message
from backburner.extraction.markdown import missing
from backburner.extraction.reading import read

ENCODINGS = ("base64", "quoted-printable", "8bit")
KINDS = ("mixed", "related", "alternative", "signed", "digest", "report", "parallel", "unknown")
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00"
CYRILLIC = "\u0432\u043e\u0434\u0430"


class Numbers:
    """Words that each occur only once."""

    def __init__(self) -> None:
        self.last = 0

    def word(self) -> str:
        """The next word."""
        self.last += 1
        return f"word{self.last}x"


def leaf(draw: st.DrawFn, numbers: Numbers) -> EmailMessage:
    """A text, a page, a readable file, or a picture, with a word planted in it or in its name."""
    part, word, encoding = EmailMessage(), numbers.word(), draw(st.sampled_from(ENCODINGS))
    match draw(st.sampled_from(["plain", "page", "file", "picture", "unnamed"])):
        case "plain":
            part.set_content(f"{CYRILLIC} {word}\n", charset=draw(st.sampled_from(["utf-8", "koi8-r"])), cte=encoding)
        case "page":
            part.set_content(f"<p>{word}</p>", subtype="html", cte=encoding)
        case "file":
            name = f"{CYRILLIC} {numbers.word()}.txt"
            part.set_content(word, filename=name, disposition=draw(st.sampled_from(["attachment", "inline"])))
        case "picture":
            part.set_content(PICTURE, "image", "png", filename=f"{word}.png")
        case _:
            part.set_content(word.encode(), "application", "octet-stream")
    return part


def tree(draw: st.DrawFn, numbers: Numbers, deeper: int) -> EmailMessage:
    """A leaf, a mail, or parts."""
    kind = draw(st.sampled_from(["leaf", "leaf", "parts", "mail"])) if deeper else "leaf"
    if kind == "leaf":
        return leaf(draw, numbers)
    part = EmailMessage()
    if kind == "mail":
        inner = tree(draw, numbers, deeper - 1)
        inner["Subject"] = numbers.word()
        part.set_content(inner)
        return part
    part["Content-Type"] = f'multipart/{draw(st.sampled_from(KINDS))}; boundary="of {numbers.word()}"'
    for _ in range(draw(st.integers(1, 4))):
        part.attach(tree(draw, numbers, deeper - 1))
    return part


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A mail as bytes, with any line end."""
    mail = tree(draw, Numbers(), 4)
    mail["From"] = "a@x.org"
    return mail.as_bytes(policy=mail.policy.clone(linesep=draw(st.sampled_from(["\n", "\r\n"]))))


def words_of(part: Message, *, is_choice: bool = False) -> list[str]:
    """What the standard library's own walk finds: words and file names, except text that has a better alternative."""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        return [str(inner["Subject"]), *words_of(inner)]
    if part.is_multipart():
        of_parts = part.get_content_type() == "multipart/alternative"
        return [word for one in part.get_payload() for word in words_of(one, is_choice=is_choice or of_parts)]
    if name := part.get_filename():
        return [name] if part.get_content_type() == "image/png" else [name, part.get_content().strip()]
    if is_choice and part.get_content_maintype() == "text":
        return []
    content = part.get_content()
    text = content.decode() if isinstance(content, bytes) else content
    return [text.replace("<p>", "").replace("</p>", "").strip()]


@settings(max_examples=40, deadline=None)
@given(mails())
def test_every_word_and_every_name_is_in_the_text(body: bytes) -> None:
    """Each file that cannot be read is also in the notes, with the words that are in the text."""
    found = read_message(body, plain)
    for word in words_of(message_from_bytes(body, EmailMessage, policy=policy.default)):
        assert word in found.text
        assert not word.endswith(".png") or any(word in note for note in found.notes)
    assert all(missing(note[note.rindex("attachment ") :]) in found.text for note in found.notes if ".png" in note)


def plain(body: bytes, name: str) -> Extracted:
    """The text of a page or a file, without the slow page reader."""
    if name == "body.html":
        return Extracted(body.decode("utf-8-sig").replace("<p>", "").replace("</p>", ""))
    return read(body, name)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab >\nFrom:é", max_size=40), min_size=2, max_size=5))
def test_a_mailbox_gives_back_the_mails_that_were_put_in(bodies: list[str]) -> None:
    """Quoted lines that look like the start of a mail are restored."""
    written = [b"From: a@x.org\n\n" + body.encode() for body in bodies]
    box = b"".join(b"From a@x.org Tue Mar  5 10:00:00 2024\n" + quoted(mail) + b"\n\n" for mail in written)
    assert [mail.rstrip(b"\n") for mail in messages(box)] == [mail.rstrip(b"\n") for mail in written]


def quoted(mail: bytes) -> bytes:
    """The mail as mboxrd programs write it, which keep every level of quoting."""
    head, _, body = mail.partition(b"\n\n")
    lines = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in body.split(b"\n")]
    return head + b"\n\n" + b"\n".join(lines)


def test_an_unquoted_from_line_does_not_start_a_mail() -> None:
    """It does not if the mail declares its length (mboxcl2), or if no header follows."""
    inside = "From b@x.org Tue Mar  5 11:00:00 2024\nFrom: b@x.org\n\nnot a mail\n"
    first = f"From: a@x.org\nContent-Length: {len(inside)}\n\n{inside}"
    begin, last = "From a@x.org Tue Mar  5 10:00:00 2024\n", "From: c@x.org\n\nlast\n"
    box = f"{begin}{first}\n{begin}{last}"
    assert [mail.decode() for mail in messages(box.encode())] == [first, last]
    sentences = "From here at 10:00 on it rained\nNote: all day.\n\nFrom January 2024\nSubject: is not one\n"
    mail = f"From: a@x.org\n\nWords\n{sentences}"
    assert [one.decode() for one in messages(f"{begin}{mail}".encode())] == [mail]


@pytest.mark.parametrize(
    "line",
    ["From - Tue Mar 05 10:00:00 2024", "From 17@xxx Tue Mar 05 10:00:00 +0000 2024", "From a@x.org Tue Mar 5 2024"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_mailboxes_of_many_programs_are_recognised(line: str, end: str) -> None:
    """Thunderbird's, Gmail's, and one whose dates have no time."""
    box = f"{line}\nX-Status: 1\nFrom: a\n\nfirst\n\n{line}\nReceived: x\nFrom: b\n\nsecond\n".replace("\n", end)
    assert read(box.encode(), "a.mbox").text == "# Mail 1\n\nFrom: a\n\nfirst\n\n# Mail 2\n\nFrom: b\n\nsecond\n"


def test_a_text_that_begins_like_a_mailbox_is_text() -> None:
    """A sentence, a log, and a file with the name of a text stay text."""
    for text in ("From here on: it rained.\nAll day.\n", "From 10:00 it rained.\nNote: all day.\n"):
        assert read(text.encode(), "a").text == text
    box = "From a@x.org Tue Mar  5 10:00:00 2024\nFrom: a@x.org\n\nx\n"
    assert read(box.encode(), "a.txt").text == box
    assert read(box.encode(), "Inbox").text == "From: a@x.org\n\nx\n"
