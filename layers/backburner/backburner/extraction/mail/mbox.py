"""A mailbox file: mails one after another, each preceded by a line `From sender date`."""

import re
from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.extraction.mail.blocks import FIRST_LEVEL, Block, Read, compose, nested
from backburner.extraction.mail.headers import parse_headers
from backburner.extraction.mail.message import message_blocks, read_message
from backburner.extraction.mail.source import cleaned
from backburner.extraction.markdown import heading

_DATED = rb"(?:\d{1,2}:\d\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b[^\r\n]{0,80}?(?:19|20)\d\d)"
_FIRST_HEADER = (
    rb"(?:Return-|Received|Delivered-|Envelope-|X-|Message-|Date|From|>?From |Sender|Reply-|To|Cc|Bcc|Subject|Status"
    rb"|MIME-|Content-|DKIM-|ARC-|Authentication-|List-|Thread-|User-|References|In-Reply-|Resent-|Old-|Original-"
    rb"|Organi[sz]ation|Precedence|Importance|Priority|Errors-|Newsgroups|Path)(?:[!-9;-~]*[ \t]*:|(?<= ))"
)
ENVELOPE = rb"From [^\r\n]{0,300}?" + _DATED + rb"[^\r\n]{0,60}\r?\n(?=(?i:" + _FIRST_HEADER + rb"))"
"""The line before a mail: it contains a date and a header follows, so that no sentence is mistaken for it."""
_FIRST = re.compile(ENVELOPE)
_NEXT = re.compile(rb"^" + ENVELOPE, re.MULTILINE)
_ENVELOPE_BYTES = 4096
_LENGTH = re.compile(rb"^content-length:", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def read_mbox(body: bytes, inner: Read) -> Extracted:
    """Each mail under a heading with its number and subject; a single mail without one."""
    mails = messages(body)
    first, second = next(mails, b""), next(mails, None)
    if second is None:
        return read_message(first, inner)
    blocks = [*_mail(1, first, inner), *_mail(2, second, inner)]
    for number, mail in enumerate(mails, 3):
        blocks += _mail(number, mail, inner)
    return compose(blocks)


def messages(body: bytes) -> Iterator[bytes]:
    """The mails without the lines before them, and with `>From` in their text unescaped."""
    position = _start(body)
    while position < len(body):
        first = _FIRST.match(body, position)
        start = first.end() if first else position
        following = _NEXT.search(body, start)
        end = following.start() if following else len(body)
        if _LENGTH.search(body, start, end):
            end = _counted_end(body, start) or end
        if not body[start:end].isspace() and end > start:
            yield _QUOTED.sub(rb"\1", body[start:end])
        position = end + len(body[end : end + _ENVELOPE_BYTES]) - len(body[end : end + _ENVELOPE_BYTES].lstrip(b"\r\n"))


def _start(body: bytes) -> int:
    head = body[:_ENVELOPE_BYTES]
    return len(head) - len(head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t "))


def _counted_end(body: bytes, start: int) -> int | None:
    """The end of a mail according to its Content-Length, if another mail begins there."""
    headers, text = parse_headers(body, start, len(body))
    length = headers.raw("content-length")
    if not length.isdigit():
        return None
    end = text + int(length[:10])
    rest = body[end : end + 512].lstrip(b"\r\n")
    return (
        end if end <= len(body) and (not rest or _FIRST.match(rest)) and body[end - 1 : end + 2].count(b"\n") else None
    )


def _mail(number: int, mail: bytes, inner: Read) -> list[Block]:
    blocks = message_blocks(cleaned(mail), inner, FIRST_LEVEL)
    first = blocks[0].text.partition("\n")[0]
    subject = first.removeprefix("Subject: ") if first.startswith("Subject: ") else ""
    title = heading(1, f"Mail {number}: {subject}" if subject else f"Mail {number}")
    return [Block(title), *nested(f"mail {number}", blocks)]
