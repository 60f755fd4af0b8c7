"""Object Storage as a proxy for another S3: reports objects that were written, and re-cases metadata names."""

import contextlib
import http.client
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from backburner_cli.local.yandex.events import CREATE, DELETE, UPDATE

Tell = Callable[[str, str, str], None]
"""Called with bucket, key and kind of event after an object was written or deleted."""
_LIMIT_S = 60
_META = "x-amz-meta-"
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})
_OK = range(200, 300)


@dataclass(frozen=True)
class Call:
    """An incoming request; header names in lower case, the key raw."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def writes(self) -> str | None:
        """The kind of event that the request causes if it succeeds."""
        match self.method:
            case _ if not self.key:
                return None
            case "PUT" if "acl" in self.query:
                return UPDATE
            case "PUT":
                return None if self.query.keys() - {"x-id"} else CREATE
            case "POST":
                return CREATE if "uploadId" in self.query else None
            case "DELETE":
                return None if "uploadId" in self.query else DELETE
        return None

    @property
    def access_key(self) -> str:
        """The access key that signed it."""
        return self.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]


Refuse = Callable[[Call], str | None]
"""Returns an error code to answer with 403, or None to let the call pass."""


@contextlib.contextmanager
def object_storage(
    upstream: str, tell: Tell, *, refuse: Refuse = lambda _: None, ca_bundle: str | None = None
) -> Iterator[str]:
    """Serve on a free port of this machine until the block ends. Yields the address."""
    tls = ssl.create_default_context(cafile=ca_bundle) if upstream.startswith("https") else None

    class Handler(_Handler):
        """The handler of this server."""

    Handler.upstream, Handler.tls, Handler.tell, Handler.refuse = (
        urlsplit(upstream).netloc,
        tls,
        staticmethod(tell),
        staticmethod(refuse),
    )
    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """A server that ignores clients which hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, except closed connections."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _LIMIT_S
    upstream: str
    tls: ssl.SSLContext | None
    tell: Tell
    refuse: Refuse

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = self._call(body)
        if code := self.refuse(call):
            answer = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>no</Message></Error>"
            self._send(403, {"Content-Type": "application/xml"}, answer.encode())
            return
        status, headers, content = self._ask(body)
        if status in _OK and call.writes:
            self.tell(call.bucket, call.key, call.writes)
        self._send(status, headers, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - names that the server looks for

    def _call(self, body: bytes) -> Call:
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Call(self.command, bucket, key, parse_qs(address.query, keep_blank_values=True), headers, body)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = (
            http.client.HTTPSConnection(self.upstream, timeout=_LIMIT_S, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(self.upstream, timeout=_LIMIT_S)
        )
        with contextlib.closing(connection):
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            connection.request(self.command, self.path, body or None, kept | {"Content-Length": str(len(body))})
            answer = connection.getresponse()
            content = answer.read()
        headers = {_recased(name): value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        length = answer.headers["Content-Length"] if self.command == "HEAD" else None
        return answer.status, headers | {"Content-Length": length or str(len(content))}, content

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def _recased(name: str) -> str:
    return name.title() if name.lower().startswith(_META) else name
