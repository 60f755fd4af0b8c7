"""A proxy in front of an HTTP server that loses answers, cuts connections or answers itself, where a rule says so.

    with serve_proxy(endpoint_of_the_server) as proxy:
        proxy.rule = once(lambda request: request.method == "PUT", LOSE)
        ...                          # clients speak to proxy.url
        proxy.requests               # everything that came in, oldest first

A rule gets a `Request` and returns what to do about it: None passes it on, `LOSE` passes it on and cuts the connection
instead of answering, `CUT` cuts it at once, `HALVE` passes it on and cuts the answer in the middle of its body, and an
`Say` is answered without asking the server, and another `Request` goes to the server instead. Rules may be called from
several threads at once; `deliver` asks the server on a rule's own account.
"""

import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_LIMIT_S = 30
_FRESH_S = 2.0
"""How long a connection to the server may have been idle; a server closes one that is for longer."""
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


@dataclass(frozen=True)
class Request:
    """A request as it came in; header names in lower case."""

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
    """A rule for the first so many requests that are wanted; the others pass."""
    left = threading.Semaphore(times)
    return lambda request: act if wanted(request) and left.acquire(blocking=False) else None


def s3_error(status: int, code: str) -> Say:
    """An error as S3 words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'
    return Say(status, body.encode(), {"Content-Type": "application/xml"})


def deliver(request: Request, upstream: str) -> Say:
    """What the server at an address answers to a request."""
    with contextlib.closing(_connection(upstream)) as server:
        return _answer(server, request)


def _connection(upstream: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=_LIMIT_S)


def _answer(server: http.client.HTTPConnection, request: Request) -> Say:
    kept = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
    server.request(request.method, request.path, request.body, kept)
    answer = server.getresponse()
    content = answer.read()
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
    length = answer.headers["Content-Length"] if request.method == "HEAD" else str(len(content))
    return Say(answer.status, content, {**headers, "Content-Length": length or "0"})


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
    server = _Server(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_LIMIT_S)


class _Server(ThreadingHTTPServer):
    """A server that does not mind clients which hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a connection that was closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _LIMIT_S
    proxy: Proxy
    upstream: str
    used_s = 0.0
    """When the server was last asked over this client's connection to it."""

    def setup(self) -> None:
        """Have a connection to the server for each one of a client."""
        super().setup()
        self.to_server = _connection(self.upstream)

    def finish(self) -> None:
        """Close both."""
        self.to_server.close()
        super().finish()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.proxy.requests.append(request)
        act = self.proxy.rule(request)
        if isinstance(act, Say):
            self._send(act.status, act.headers, act.body)
        elif act is CUT:
            self.close_connection = True
        elif isinstance(act, Request):
            self._pass(act, None)
        else:
            self._pass(request, act)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - names that the server looks for

    def _pass(self, request: Request, act: Wrong | None) -> None:
        if time.monotonic() - self.used_s > _FRESH_S:
            self.to_server.close()  # it is opened again where it is used
        answer, self.used_s = _answer(self.to_server, request), time.monotonic()
        if act is LOSE:
            self.close_connection = True
            return
        half = answer.body[: len(answer.body) // 2] if act is HALVE else answer.body
        self._send(answer.status, answer.headers, half)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        length = headers.get("Content-Length", str(len(body)))
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.close_connection = length != str(len(body))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
