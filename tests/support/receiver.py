"""A local server that receives posts, and answers as a test says."""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.plain_server import serving

Post = tuple[dict[str, str], bytes]


@dataclass
class Receiver:
    """The posts received, with header names in lower case, and the answer to give."""

    url: str = ""
    status: int = 204
    answer: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    cuts: int = 0
    """How many posts get no answer before their connection is closed."""


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs while the block runs."""
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if told.cuts:
                told.cuts -= 1
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.answer)))
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        told.url = f"{address}/hook?for=us"
        yield told


def is_signed(post: Post, key: bytes) -> bool:
    """Whether one of a post's signatures is valid for this key."""
    headers, body = post
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split()
