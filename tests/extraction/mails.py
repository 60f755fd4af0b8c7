"""Mails written as plain text, for what the standard library would not generate."""

import base64

from backburner.documents.plain_text import Extracted
from backburner.extraction.reading import read

HEAD = "Subject: s\nFrom: a@x.org\n\n"
TOP = b"From: a@x.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\0").decode()


def mail(content_type: str, body: str | bytes, *headers: str) -> bytes:
    """A mail with the usual headers."""
    lines = "".join(f"{header}\r\n" for header in (f"Content-Type: {content_type}", *headers))
    raw = body if isinstance(body, bytes) else body.replace("\r", "").replace("\n", "\r\n").encode()
    return TOP + lines.encode() + b"\r\n" + raw


def part(content_type: str, body: str, *headers: str) -> str:
    """One part of a mail."""
    lines = "".join(f"{header}\n" for header in (f"Content-Type: {content_type}", *headers))
    return f"{lines}\n{body}"


def many(kind: str, *parts: str, boundary: str = "B", parameters: str = "") -> str:
    """A multipart part."""
    body = "".join(f"--{boundary}\n{one}\n" for one in parts)
    return part(f'multipart/{kind}; boundary="{boundary}"{parameters}', f"{body}--{boundary}--\n")


def opened(entity: str) -> Extracted:
    """A part's content, read as a mail of its own."""
    return read(TOP + entity.replace("\n", "\r\n").encode(), "a.eml")


def attached(name: str, body: str = "words of it", kind: str = "text/plain") -> str:
    """An attachment."""
    return part(kind, body, f'Content-Disposition: attachment; filename="{name}"')


def named(name: str, body: str = "words of it", level: int = 2) -> str:
    """How an attachment appears in the text."""
    return f"{'#' * level} Attachment: {name}\n\n{body}"


PLAIN, PAGE = part("text/plain", "the text"), part("text/html", "<p>the text</p>")
B64, QP = "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable"


def beside(*parts: str) -> bytes:
    """A mail with a text and one other part."""
    return TOP + many("mixed", PLAIN, *parts).encode()
