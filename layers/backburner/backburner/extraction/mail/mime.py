"""The tree of a mail's MIME parts, found by their boundaries.

The standard library's parser copies a mail several times, recurses until it raises `RecursionError`, and takes an
attached mail sent as base64 for text. This one keeps offsets into a single byte string.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from backburner.extraction.mail.headers import NO_HINT, CharsetHint, Headers, parse_headers
from backburner.extraction.mail.transfer import decode_transfer

_PREAMBLE = re.compile(rb"multi-?part|mime", re.IGNORECASE)
_GUESSED_BOUNDARY = re.compile(
    rb"^--([^\r\n]{1,200}?)[ \t]*\r?\n(?:[ \t]*\r?\n)?(?=content-[a-z-]+[ \t]*:)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class Part:
    """A MIME part or a whole mail: its headers, and the range of its body in the source."""

    source: bytes
    headers: Headers
    start: int
    end: int
    default: str = "text/plain"

    @cached_property
    def kind(self) -> str:
        """Its media type in lower case; the default if none, or no valid one, is declared."""
        declared = self.headers.value("content-type")
        if "/" in declared:
            return "".join(declared.split())
        return {"html": "text/html", "multipart": "multipart/mixed"}.get(declared, self.default)

    @property
    def name(self) -> str:
        """Its file name; "" if it has none."""
        return self.headers.parameter("content-disposition", "filename") or self.headers.parameter(
            "content-type", "name"
        )

    @property
    def disposition(self) -> str:
        """Its disposition: `attachment`, `inline` or ""."""
        return self.headers.value("content-disposition")

    @property
    def charset(self) -> str:
        """Its declared charset."""
        return self.headers.parameter("content-type", "charset")

    @property
    def encoding(self) -> str:
        """Its declared transfer encoding."""
        return self.headers.value("content-transfer-encoding").strip("\"'; ")

    @property
    def raw(self) -> bytes:
        """Its body, still encoded."""
        return self.source[self.start : self.end]

    def content(self) -> tuple[bytes, str | None]:
        """Its body with the transfer encoding decoded, and what is wrong with it."""
        return decode_transfer(self.raw, self.encoding)


@dataclass(frozen=True)
class Multipart:
    """The contents of a multipart: its parts, and the text before and after them."""

    parts: tuple[Part, ...]
    before: bytes = b""
    after: bytes = b""
    is_closed: bool = True


def parse_entity(source: bytes, charset_hint: CharsetHint = NO_HINT) -> Part:
    """A mail, or any other entity with headers, as the root of its parts."""
    headers, body = parse_headers(source, 0, len(source), charset_hint)
    return Part(source, headers, body, len(source))


def split_parts(part: Part) -> Multipart:
    """The parts of a multipart; none if no boundary is found, not even an undeclared one."""
    declared = part.headers.raw_parameter("content-type", "boundary")
    marks = _marks(part, declared) if declared else []
    if not marks:
        guessed = _GUESSED_BOUNDARY.search(part.source, part.start, part.end)
        marks = _marks(part, guessed[1]) if guessed else []
    if not marks:
        return Multipart(())
    default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
    ends = [*(mark.start() for mark in marks[1:]), part.end]
    parts, after = [], []
    for mark, end in zip(marks, ends, strict=True):
        first, last = min(mark.end() + 1, end), _without_line_end(part.source, mark.end() + 1, end)
        if mark[1]:
            after.append(part.source[first:last])
        else:
            headers, body = parse_headers(part.source, first, last, part.headers.charset_hint)
            parts.append(Part(part.source, headers, body, last, default))
    before = part.source[part.start : marks[0].start()]
    trailer = b"\n".join(text for text in after if _is_content(text))
    return Multipart(tuple(parts), before if _is_content(before) else b"", trailer, any(mark[1] for mark in marks))


def _marks(part: Part, boundary: bytes) -> list[re.Match[bytes]]:
    pattern = re.compile(rb"^--" + re.escape(boundary.rstrip()) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    return list(pattern.finditer(part.source, part.start, part.end))


def _without_line_end(source: bytes, start: int, end: int) -> int:
    """The end of a part: the line break before a boundary belongs to the boundary."""
    if end > start and source[end - 1 : end] == b"\n" and end < len(source):
        end -= 1
        if end > start and source[end - 1 : end] == b"\r":
            end -= 1
    return end


def _is_content(text: bytes) -> bool:
    """Whether text outside the parts says more than that this is a multipart."""
    return bool(text.strip()) and not (len(text) < 500 and _PREAMBLE.search(text))  # noqa: PLR2004
