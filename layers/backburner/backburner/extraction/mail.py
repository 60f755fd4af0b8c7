"""A mail as Markdown: its main headers, its text as the sender wrapped it, and the attachments that can be read.

The standard library reads mails, not the library that reads the rest: that one joins the lines of plain text.
"""

from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from backburner.errors import JobError
from backburner.extraction.encodings import text_of

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MOST_NESTED = 20
"""Parts in parts; what lies deeper is left out."""

Read = Callable[[bytes, str], str]
"""How a page or an attachment is read: its bytes and its name. Raises `JobError`."""


def mail_text(body: bytes, read: Read) -> str:
    """Headers, text and attachments. An attachment that cannot be read is named, with the reason."""
    message = message_from_bytes(body, EmailMessage, policy=policy.default)
    blocks = (block.strip("\n") for block in _mail(message, read, _MOST_NESTED))
    return "\n\n".join(block for block in blocks if block.strip()) + "\n"


def _mail(message: Message, read: Read, deeper: int) -> Iterator[str]:
    yield "\n".join(f"{name}: {value}" for name in _HEADERS if (value := _header(message, name)))
    yield from _part(message, read, deeper)


def _part(part: Message, read: Read, deeper: int) -> Iterator[str]:
    if not deeper:
        return
    kind, inner = part.get_content_type(), _inner(part)
    if kind == "message/rfc822" and inner:
        yield "## Attached mail"
        yield from _mail(inner[0], read, deeper - 1)
    elif kind == "multipart/alternative" and inner:
        yield from _part(_preferred(inner), read, deeper - 1)
    elif part.is_multipart():
        for one in inner:
            yield from _part(one, read, deeper - 1)
    elif kind in ("text/plain", "text/html") and not part.get_filename():
        text = _text_of(part)
        yield _read(read, text.encode("utf-8", "replace"), "body.html") if kind == "text/html" else text
    else:
        name = part.get_filename() or kind
        yield f"## Attachment: {name}"
        yield _read(read, _bytes_of(part), name)


def _inner(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _preferred(alternatives: list[Message]) -> Message:
    """Plain text if there is any, else what the sender thought best: it comes last."""
    plain = (one for one in alternatives if one.get_content_type() == "text/plain" and _bytes_of(one).strip())
    return next(plain, alternatives[-1])


def _read(read: Read, body: bytes, name: str) -> str:
    try:
        return read(body, name)
    except JobError as error:
        return f"(not read: {error.reason})"


def _header(message: Message, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, TypeError):  # malformed ones make the standard library stumble
        return ""


def _text_of(part: Message) -> str:
    body = _bytes_of(part)
    try:
        text = body.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = text_of(body) or ""
    return text.replace("\r\n", "\n")


def _bytes_of(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
