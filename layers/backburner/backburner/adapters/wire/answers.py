"""An answer, read piece by piece: all of it or an error, never a wrong body. Nothing here knows of sockets."""

import zlib
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httptools

MAX_HEAD_BYTES = 65_536
"""The limit on all heads and trailers of one answer together."""
MAX_REFUSAL_BYTES = 1_048_576
"""The limit on a refusal's body, if the caller has a limit for bodies."""
MAX_UNPACKED_BYTES = 67_108_864
"""The limit on a compressed body."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
_DEFLATE = 8
"""How the first byte of zlib's format ends; some servers leave that format out."""


class NoAnswerError(Exception):
    """There was no complete answer. `is_sent` is False if the request was certainly never sent."""

    def __init__(self, name: str, *, is_sent: bool = True, is_broken_off: bool = False) -> None:
        super().__init__(name)
        self.name = name
        """What happened, in a few words that are never the other side's."""
        self.is_sent = is_sent
        self.is_broken_off = is_broken_off
        """Whether an answer had begun to arrive."""


class LostConnectionError(NoAnswerError):
    """The connection was closed before the first byte of an answer."""


class TooManyBytesError(Exception):
    """A body has more bytes than allowed; it was not read to its end."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes = size_bytes
        """Its length, or what had come of it if the answer does not tell its length."""


class Headers(Mapping[str, str]):
    """The headers of an answer as they came. Look-up ignores the case of names and finds the first; `items` has all."""

    __slots__ = ("_all", "_first")

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        """Keep names and values."""
        self._all = fields
        self._first = {name.lower(): value for name, value in reversed(fields)}

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._all)

    def __len__(self) -> int:
        return len(self._all)

    def get(self, name: str, default: Any = None) -> Any:
        """The first value of a name."""
        return self._first.get(name.lower(), default)

    def items(self) -> ItemsView[str, str]:
        """Names and values, in the order in which they came."""
        return _Fields(self)


class _Fields(ItemsView[str, str]):
    """All fields, also those whose name came before."""

    _mapping: Headers

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._mapping._all)  # noqa: SLF001 - a view of it


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Look-up ignores the case of names."""
    body: bytes


class Incoming:
    """What has come of the answer to one request; `has_body` is False for HEAD and CONNECT."""

    __slots__ = (
        "_body", "_fields", "_has_body", "_head_bytes", "_is_headed", "_limit_bytes", "_parser", "_refused",
        "_size_bytes", "_status", "has_begun", "has_leftover", "is_kept", "is_whole",
    )  # fmt: skip

    def __init__(self, *, has_body: bool = True, limit_bytes: int | None = None) -> None:
        """Expect an answer whose body, if it is a success, has at most `limit_bytes`."""
        self._has_body, self._limit_bytes = has_body, limit_bytes
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._head_bytes = self._size_bytes = self._status = 0
        self._is_headed = False
        self._refused: NoAnswerError | TooManyBytesError | None = None
        self.has_begun = self.is_whole = False
        self.is_kept = False
        """Whether the server keeps the connection."""
        self.has_leftover = False
        """Whether there were bytes after the answer that nobody asked for."""
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )  # odd servers; none of it moves the end of a body

    def feed(self, data: bytes) -> None:
        """Take what has arrived. Raises `NoAnswerError` if it is malformed, `TooManyBytesError` if it is too long."""
        assert self._parser is not None, "this answer has ended"
        self.has_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._parser = None
            if not self.is_whole:
                raise self._refused or NoAnswerError("the answer is malformed", is_broken_off=True) from error
            self.has_leftover = True
        if self.is_whole:
            self._parser = None  # it refers to this object, too
            if not self._has_body and not data.endswith(b"\n"):
                self.has_leftover = True
        elif not self._is_headed:
            self._count_head(len(data))

    def end(self, *, is_cut_off: bool = False) -> None:
        """Take it that no more will arrive. Raises `NoAnswerError` if something is missing, or may be."""
        self._parser = None
        if self.is_whole:
            return
        framing = (b"content-length", b"transfer-encoding")
        if is_cut_off or not self._is_headed or any(name.lower() in framing for name, _ in self._fields):
            if not self.has_begun:
                raise LostConnectionError("the connection was closed")
            raise NoAnswerError("the answer broke off", is_broken_off=True)
        self.is_whole = True

    @property
    def status(self) -> int:
        """The status, once the head has come."""
        return self._status

    def reply(self) -> Reply:
        """The whole answer."""
        assert self.is_whole, "an answer is whole or an error"
        fields = [(name.decode("latin-1"), value.decode(errors="surrogateescape")) for name, value in self._fields]
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Reply(self._status, Headers(fields), body)

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Begin an answer, or what should not be there after it."""
        if self.is_whole:
            self.has_leftover = True
            raise ValueError("bytes after the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers are not needed by anybody."""
        self._count_head(len(name) + len(value) + 4)
        if not self._is_headed:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """End the head: of the answer, or of an interim one (1xx), which is skipped."""
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:  # noqa: PLR2004
            self._fields.clear()
            return
        self._status, self._is_headed = status, True
        self.is_kept = parser.should_keep_alive()
        if not self._has_body:
            self.is_whole = True
        elif self._limit_bytes is not None:
            self._check_size(max((int(v) for n, v in self._fields if n.lower() == b"content-length"), default=0))

    def on_chunk_header(self) -> None:
        """Begin a chunk."""
        self.has_leftover |= self.is_whole

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self.is_whole:
            self.has_leftover = True
            return
        self._body.append(body)
        self._size_bytes += len(body)
        if self._limit_bytes is not None:
            self._check_size(self._size_bytes)

    def on_message_complete(self) -> None:
        """End the answer, if it is not an interim one."""
        self.is_whole = self._is_headed

    def _count_head(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refused = NoAnswerError("the answer's head is too long", is_broken_off=True)
            raise self._refused

    def _check_size(self, size_bytes: int) -> None:
        """Refuse a body that is longer than the caller wants, even if its length was not announced."""
        assert self._limit_bytes is not None
        if size_bytes <= self._limit_bytes:
            return
        if 200 <= self._status < 300:  # noqa: PLR2004
            self._refused = TooManyBytesError(size_bytes)
            raise self._refused
        if size_bytes > max(self._limit_bytes, MAX_REFUSAL_BYTES):
            self._refused = NoAnswerError("the answer is too long")
            raise self._refused


def unpacked(reply: Reply, most_bytes: int = MAX_UNPACKED_BYTES) -> Reply:
    """The reply with its body as it was before gzip or deflate. Raises `NoAnswerError` for a malformed or long one."""
    encoding = reply.headers.get("Content-Encoding", "").strip().lower()
    if not reply.body or encoding not in ("gzip", "x-gzip", "deflate"):
        return reply
    is_gzip = encoding != "deflate"
    form = _GZIP if is_gzip else _ZLIB if reply.body[0] & 0xF == _DEFLATE else _RAW
    parts, left, rest = list[bytes](), most_bytes, reply.body
    while rest and (not parts or rest.strip(b"\0")):
        one = zlib.decompressobj(form)
        try:
            parts.append(one.decompress(rest, left + 1))
        except zlib.error as error:
            raise NoAnswerError("the answer is malformed", is_broken_off=True) from error
        left, rest = left - len(parts[-1]), one.unused_data
        if left < 0:
            raise NoAnswerError("the answer is too long")
        if not one.eof or (rest and not is_gzip):
            raise NoAnswerError("the answer is malformed", is_broken_off=True)
    return Reply(reply.status, reply.headers, b"".join(parts))
