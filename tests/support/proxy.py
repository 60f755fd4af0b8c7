"""A proxy in front of an HTTP server that loses answers, cuts connections or answers itself, as a rule says.

    with serve_proxy(endpoint_of_the_server) as proxy:
        proxy.rule = once(lambda request: request.method == "PUT", LOSE)
        ...                          # clients speak to proxy.url
        proxy.requests               # everything that came in, oldest first

A rule gets a `Request` and returns what to do about it: None passes it on, `LOSE` passes it on and cuts the connection
instead of answering, `CUT` cuts it at once, `HALVE` passes it on and cuts the answer in the middle of its body. A
`Say` is answered without asking the server, and another `Request` goes to the server instead. Rules may be called from
several threads at once; a rule that needs the server's answer itself calls `deliver`.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import urlsplit

from support.plain_server import (
    Connection,
    Incoming,
    Server,
    header,
    message,
    read_body,
    read_headers,
    response,
    serving,
)

_LIMIT_S = 30
_FRESH_S = 2.0
"""How long a connection to the server may have been idle; the server closes one that is idle for longer."""
_WITHOUT_BODY = (204, 304)
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


@dataclass(frozen=True)
class Request:
    """A request as it was received, with header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Say:
    """An answer of the proxy's own. A `Content-Length` among the headers is sent as it is, true or not."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Wrong(Enum):
    """What can go wrong with an answer."""

    LOSE = "lose"
    CUT = "cut"
    HALVE = "halve"


LOSE, CUT, HALVE = Wrong.LOSE, Wrong.CUT, Wrong.HALVE
Rule = Callable[[Request], Say | Wrong | Request | None]


def once(wanted: Callable[[Request], bool], act: Say | Wrong, times: int = 1) -> Rule:
    """A rule for the first `times` matching requests; the others pass."""
    left = threading.Semaphore(times)
    return lambda request: act if wanted(request) and left.acquire(blocking=False) else None


def s3_error(status: int, code: str) -> Say:
    """An error in S3's format."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'
    return Say(status, body.encode(), {"Content-Type": "application/xml"})


def deliver(request: Request, upstream: str) -> Say:
    """The server's answer to a request."""
    with contextlib.closing(_Upstream(upstream)) as server:
        return server.ask(request)


class _Upstream:
    """A connection to the server, reopened after it has been idle for long."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._address = parts.hostname, parts.port
        self._used_s = 0.0
        self._socket: socket.socket | None = None

    def ask(self, request: Request) -> Say:
        """The server's answer. Raises `ConnectionError` if the server closes the connection instead."""
        if time.monotonic() - self._used_s > _FRESH_S:
            self.close()
        if self._socket is None:
            self._open()
        answer = self._asked(request)
        self._used_s = time.monotonic()
        return answer

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket is not None:
            self._answers.close()
            self._socket.close()
            self._socket = None

    def _open(self) -> None:
        self._socket = socket.create_connection(self._address, _LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def _asked(self, request: Request) -> Say:
        kept = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        if request.body or request.method in ("POST", "PUT"):
            kept.append(("content-length", str(len(request.body))))
        self._socket.sendall(message(f"{request.method} {request.path} HTTP/1.1", kept, request.body))
        first = self._answers.readline()
        if not first:
            raise ConnectionError("the server closed the connection")
        status, headers = int(first.split()[1]), read_headers(self._answers)
        has_body = request.method != "HEAD" and status not in _WITHOUT_BODY
        content = read_body(self._answers, headers) if has_body else b""
        length = header(headers, "content-length") if request.method == "HEAD" else str(len(content))
        if header(headers, "connection").lower() == "close":
            self.close()
        passed = {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
        return Say(status, content, {**passed, "Content-Length": length or "0"})


@dataclass
class Proxy:
    """A running proxy."""

    url: str
    rule: Rule = lambda _: None
    requests: list[Request] = field(default_factory=list)


@contextlib.contextmanager
def serve_proxy(upstream: str) -> Iterator[Proxy]:
    """Run a proxy on a free port of this machine while the block runs."""
    proxy = Proxy(url="")

    class Handler(_Handler):
        """The handler of this proxy."""

    Handler.proxy, Handler.upstream = proxy, upstream
    with serving(Server(("127.0.0.1", 0), Handler)) as proxy.url:
        yield proxy


class _Handler(Connection):
    """One connection of a client, and one to the server for it."""

    timeout = _LIMIT_S
    proxy: Proxy
    upstream: str

    def setup(self) -> None:
        """Set up a connection to the server for this client."""
        super().setup()
        self.to_server = _Upstream(self.upstream)

    def finish(self) -> None:
        """Close both."""
        self.to_server.close()
        super().finish()

    def answer(self, request: Incoming) -> bytes | None:
        """Answer as the rule says, or with the server's answer."""
        headers = {name.lower(): value for name, value in request.headers}
        asked = Request(request.method, request.target, headers, request.body)
        self.proxy.requests.append(asked)
        act = self.proxy.rule(asked)
        if act is CUT:
            return None
        if isinstance(act, Say):
            return self._said(asked, act)
        answer = self.to_server.ask(act if isinstance(act, Request) else asked)
        if act is LOSE:
            return None
        if act is HALVE:
            answer = replace(answer, body=answer.body[: len(answer.body) // 2])
        return self._said(asked, answer)

    def _said(self, request: Request, answer: Say) -> bytes:
        length = answer.headers.get("Content-Length", str(len(answer.body)))
        is_head = request.method == "HEAD"
        body = b"" if is_head else answer.body
        self.is_cut_off = not is_head and length != str(len(body))
        return response(answer.status, {**answer.headers, "Content-Length": length}.items(), body)
