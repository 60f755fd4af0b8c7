"""As much of HTTP/1.1 as a test server needs, in a fraction of the standard library's time.

    class Handler(Connection):
        @abstractmethod
    def answer(self, request: Incoming) -> bytes | None: ...

    with serving(Server(("127.0.0.1", 0), Handler)) as address: ...

The standard library reads headers with its email parser, which costs more than most answers do; and its servers
check many times a second whether they should end.
"""

import contextlib
import socket
import socketserver
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import IO, Any

from werkzeug.serving import DechunkedInput

_MAX_LINE = 65_536
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Incoming:
    """A request as it was received, with header names as the client wrote them."""

    method: str
    target: str
    headers: Headers
    body: bytes


class Server(socketserver.ThreadingTCPServer):
    """A server with a thread for each connection, which does not mind clients that hang up."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a connection that was closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Connection(socketserver.StreamRequestHandler, ABC):
    """One connection of a client, for many requests in turn."""

    disable_nagle_algorithm = True
    is_cut_off = False
    """Whether the last answer was shorter than it claims, so that no other can follow it."""

    def handle(self) -> None:
        """Answer until the client sends no more, wants the connection closed, or gets no answer."""
        while request := self._next():
            answer = self.answer(request)
            if answer is None:
                return
            self.wfile.write(answer)
            if self.is_cut_off or header(request.headers, "connection").lower() == "close":
                return

    @abstractmethod
    def answer(self, request: Incoming) -> bytes | None:
        """The answer to send; None closes the connection."""

    def _next(self) -> Incoming | None:
        first = self.rfile.readline(_MAX_LINE)
        if not first.strip():
            return None
        method, target, _ = first.decode("latin-1").split(" ", 2)
        headers = read_headers(self.rfile)
        if header(headers, "expect").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Incoming(method, target, headers, read_body(self.rfile, headers))


def header(headers: Headers, wanted: str) -> str:
    """A header's value by its name in lower case, "" where there is none."""
    return next((value for name, value in headers if name.lower() == wanted), "")


def read_headers(source: IO[bytes]) -> Headers:
    """Read all lines up to the empty one."""
    headers = []
    while (line := source.readline(_MAX_LINE)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value.strip()))
    return headers


def response(status: int, headers: Iterable[tuple[str, str]], content: bytes) -> bytes:
    """An answer as bytes on the wire."""
    return message(f"HTTP/1.1 {status} {_PHRASES.get(status, '')}", headers, content)


def message(first: str, headers: Iterable[tuple[str, str]], content: bytes) -> bytes:
    """A first line, headers and a body as bytes on the wire."""
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1") + content


def date() -> str:
    """The time in the format of headers."""
    return _date(int(time.time()))


@lru_cache(1)
def _date(at: int) -> str:
    return formatdate(at, usegmt=True)


def read_body(source: IO[bytes], headers: Headers) -> bytes:
    """Read the body, which is empty if the headers give no length."""
    if "chunked" in header(headers, "transfer-encoding").lower():
        return DechunkedInput(source).read()
    return source.read(int(header(headers, "content-length") or 0))


@contextlib.contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[str]:
    """Run a server while the block runs, and give its address. It waits only for clients, so a last one ends it."""
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            server.handle_request()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = server.server_address[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        is_over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
        server.server_close()
