"""HTTP/1.1 for servers that must not be the bottleneck: one loop, requests parsed by hand, answers in one write."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from uvloop import new_event_loop

_STATUS = {200: "OK", 204: "No Content", 206: "Partial Content", 400: "Bad Request", 404: "Not Found", 409: "Conflict"}
_END = b"\r\n\r\n"


@dataclass(slots=True)
class Request:
    """A request, whole. `head` is its lines in lower case, for `header`."""

    method: str
    target: str
    """Path and query as they came."""
    head: bytes
    raw_head: bytes
    body: bytes
    came_at: float = 0.0
    """For a handler that lets a request wait: when it first came."""

    def header(self, name: bytes) -> str | None:
        """A header's value, None if it was not sent; `name` in lower case."""
        at = self.head.find(b"\r\n" + name + b":")
        if at < 0:
            return None
        begin = at + len(name) + 3
        end = self.raw_head.find(b"\r\n", begin)
        return self.raw_head[begin : end if end >= 0 else None].decode("latin-1").strip()


Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""
Handler = Callable[[Request], Answer | None]
"""Answers a request; None if there is no answer yet, as from a queue that is still empty: it is asked again."""
_AGAIN_S = 0.05


class _Connection(asyncio.Protocol):
    def __init__(self, handler: Handler, wait_s: Callable[[], float]) -> None:
        self._handler, self._wait_s = handler, wait_s
        self._buffer = b""
        self._is_awaited = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        out = []
        while (told := self._next()) is not None:
            out.append(told)
        if out:
            self._transport.write(b"".join(out))

    def _next(self) -> bytes | None:
        """The answer to the next request that has arrived whole; None if there is none yet."""
        end = self._buffer.find(_END)
        if end < 0:
            return None
        raw = self._buffer[:end]
        head = raw.lower()
        length, at = 0, head.find(b"\r\ncontent-length:")
        if at >= 0:
            stop = head.find(b"\r\n", at + 2)
            length = int(head[at + 17 : stop if stop >= 0 else None])
        until = end + 4 + length
        if len(self._buffer) < until:
            if b"\r\nexpect: 100-continue" in head and not self._is_awaited:
                self._is_awaited = True
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        self._is_awaited = False
        method, target, _ = raw[: raw.find(b"\r\n")].decode("latin-1").split(" ")
        request = Request(method, target, head, raw, self._buffer[end + 4 : until])
        self._buffer = self._buffer[until:]
        answer = self._handler(request)
        if answer is None:
            asyncio.get_running_loop().call_later(_AGAIN_S, self._answer_late, request)
            return None
        if wait_s := self._wait_s():
            asyncio.get_running_loop().call_later(wait_s, self._write, answer)
            return None
        return self._written(answer)

    def _answer_late(self, request: Request) -> None:
        """Ask again for an answer that was not ready. No client sends two requests at once, so the order is kept."""
        answer = self._handler(request)
        if answer is None and not self._transport.is_closing():
            asyncio.get_running_loop().call_later(_AGAIN_S, self._answer_late, request)
        elif answer is not None:
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._written(answer))

    def _written(self, answer: Answer) -> bytes:
        status, headers, body = answer
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if "Content-Length" not in headers:
            lines += f"Content-Length: {len(body)}\r\n"
        return f"HTTP/1.1 {status} {_STATUS.get(status, 'Status')}\r\n{lines}\r\n".encode("latin-1") + body


def serve(handler: Handler, ready: Callable[[int], None], wait_s: Callable[[], float] = float) -> None:
    """Serve on a free port of this machine until the process ends; `ready` is called with the port.

    Each answer is sent `wait_s` after its request was carried out.
    """
    loop = new_event_loop()

    async def run() -> None:
        server: Any = await loop.create_server(lambda: _Connection(handler, wait_s), "127.0.0.1", 0, backlog=1024)
        ready(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    loop.run_until_complete(run())
