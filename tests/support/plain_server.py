"""What a server of tests needs of HTTP/1.1, in a fraction of the standard library's time.

    class Handler(Connection):
        @abstractmethod
    def answer(self, request: Incoming) -> bytes | None: ...

    with serving(Server(("127.0.0.1", 0), Handler)) as address: ...

The standard library reads headers with its parser for mails, which costs more than most answers do; and its servers
look at the clock many times a second, to see whether they are to end.
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
    """A request as it came in, with the names of its headers as the client wrote them."""

    method: str
    target: str
    headers: Headers
    body: bytes


class Server(socketserver.ThreadingTCPServer):
    """A server with a thread for each connection; it does not mind clients that hang up."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a connection that was closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Connection(socketserver.StreamRequestHandler, ABC):
    """One connection of a client: many requests, one after the other."""

    disable_nagle_algorithm = True
    is_cut_off = False
    """Whether the last answer was shorter than it says: no other can follow it."""

    def handle(self) -> None:
        """Answer until the client has no more to ask, wants the connection closed, or there is no answer for it."""
        while request := self._next():
            answer = self.answer(request)
            if answer is None:
                return
            self.wfile.write(answer)
            if self.is_cut_off or header(request.headers, "connection").lower() == "close":
                return

    @abstractmethod
    def answer(self, request: Incoming) -> bytes | None:
        """What is sent back; None closes the connection."""

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
    """All lines up to the empty one."""
    headers = []
    while (line := source.readline(_MAX_LINE)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value.strip()))
    return headers


def response(status: int, headers: Iterable[tuple[str, str]], content: bytes) -> bytes:
    """An answer as it goes over the wire."""
    return message(f"HTTP/1.1 {status} {_PHRASES.get(status, '')}", headers, content)


def message(first: str, headers: Iterable[tuple[str, str]], content: bytes) -> bytes:
    """A first line, headers and a body as they go over the wire."""
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1") + content


def date() -> str:
    """The time as a header has it."""
    return _date(int(time.time()))


@lru_cache(1)
def _date(at: int) -> str:
    return formatdate(at, usegmt=True)


def read_body(source: IO[bytes], headers: Headers) -> bytes:
    """What comes after the headers; nothing where they do not say how long it is."""
    if "chunked" in header(headers, "transfer-encoding").lower():
        return DechunkedInput(source).read()
    return source.read(int(header(headers, "content-length") or 0))


@contextlib.contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[str]:
    """Let a server serve while the block runs; its address. It waits for clients alone, so its end is one."""
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
