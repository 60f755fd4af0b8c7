"""The tree of a mail's parts, found by their boundaries.

The standard library's parser copies a mail several times, goes down by recursion until it ends in `RecursionError`,
and takes an attached mail that is sent as base64 for its text. This one keeps places in one array of bytes.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from backburner.extraction.mail.headers import NOTHING, Headers, Surroundings, parsed
from backburner.extraction.mail.transfer import undone

_PREAMBLE = re.compile(rb"multi-?part|mime", re.IGNORECASE)
_GUESSED_BOUNDARY = re.compile(
    rb"^--([^\r\n]{1,200}?)[ \t]*\r?\n(?:[ \t]*\r?\n)?(?=content-[a-z-]+[ \t]*:)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class Part:
    """A part, or a whole mail: its headers, and where its body stands in the source."""

    source: bytes
    headers: Headers
    begin: int
    end: int
    default: str = "text/plain"

    @cached_property
    def kind(self) -> str:
        """Its type in small letters; the default where none is declared, or one that is no type."""
        declared = self.headers.value("content-type")
        if "/" in declared:
            return "".join(declared.split())
        return {"html": "text/html", "multipart": "multipart/mixed"}.get(declared, self.default)

    @property
    def name(self) -> str:
        """The file name that it is given; "" if it has none."""
        return self.headers.parameter("content-disposition", "filename") or self.headers.parameter(
            "content-type", "name"
        )

    @property
    def disposition(self) -> str:
        """Whether it says that it is an `attachment` or `inline`."""
        return self.headers.value("content-disposition")

    @property
    def charset(self) -> str:
        """The encoding of characters that it declares."""
        return self.headers.parameter("content-type", "charset")

    @property
    def encoding(self) -> str:
        """The transfer encoding that it declares."""
        return self.headers.value("content-transfer-encoding").strip("\"'; ")

    @property
    def raw(self) -> bytes:
        """Its body as it stands."""
        return self.source[self.begin : self.end]

    def content(self) -> tuple[bytes, str | None]:
        """Its body without the transfer encoding, and what is wrong with it."""
        return undone(self.raw, self.encoding)


@dataclass(frozen=True)
class Inside:
    """What a part of parts holds: its parts, and text that stands before and behind them."""

    parts: tuple[Part, ...]
    before: bytes = b""
    after: bytes = b""
    is_closed: bool = True


def opened(source: bytes, surroundings: Surroundings = NOTHING) -> Part:
    """A mail, or any other entity with headers, as the part that holds all others."""
    headers, body = parsed(source, 0, len(source), surroundings)
    return Part(source, headers, body, len(source))


def inside(part: Part) -> Inside:
    """Its parts; none where no boundary can be found, not even one that is not the declared one."""
    declared = part.headers.raw_parameter("content-type", "boundary")
    marks = _marks(part, declared) if declared else []
    if not marks:
        guessed = _GUESSED_BOUNDARY.search(part.source, part.begin, part.end)
        marks = _marks(part, guessed[1]) if guessed else []
    if not marks:
        return Inside(())
    default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
    ends = [*(mark.start() for mark in marks[1:]), part.end]
    parts, after = [], []
    for mark, end in zip(marks, ends, strict=True):
        first, last = min(mark.end() + 1, end), _without_line_end(part.source, mark.end() + 1, end)
        if mark[1]:
            after.append(part.source[first:last])
        else:
            headers, body = parsed(part.source, first, last, part.headers.surroundings)
            parts.append(Part(part.source, headers, body, last, default))
    before = part.source[part.begin : marks[0].start()]
    behind = b"\n".join(text for text in after if _is_said(text))
    return Inside(tuple(parts), before if _is_said(before) else b"", behind, any(mark[1] for mark in marks))


def _marks(part: Part, boundary: bytes) -> list[re.Match[bytes]]:
    pattern = re.compile(rb"^--" + re.escape(boundary.rstrip()) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    return list(pattern.finditer(part.source, part.begin, part.end))


def _without_line_end(source: bytes, begin: int, end: int) -> int:
    """The line end before a boundary belongs to the boundary."""
    if end > begin and source[end - 1 : end] == b"\n" and end < len(source):
        end -= 1
        if end > begin and source[end - 1 : end] == b"\r":
            end -= 1
    return end


def _is_said(text: bytes) -> bool:
    """Whether text outside of the parts says more than that there are parts."""
    return bool(text.strip()) and not (len(text) < 500 and _PREAMBLE.search(text))  # noqa: PLR2004
