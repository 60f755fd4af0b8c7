"""Calls over HTTP: a pool of connections for each kind of service, with the environment's proxies and certificates.

If a connection was closed under a GET, HEAD, PUT or DELETE before any byte of an answer came, the request is sent once
more on a new one; a POST never is. Nothing else is retried here. A truncated body is an error, never an answer.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import certifi

from backburner.adapters.quick_imports import no_collection

with no_collection():
    from backburner.adapters.wire.answers import (
        Incoming,
        LostConnectionError,
        NoAnswerError,
        Reply,
        TooManyBytesError,
        unpacked,
    )
    from backburner.adapters.wire.pool import Pool
    from backburner.adapters.wire.requests import (
        PIECE_BYTES,
        Body,
        Route,
        head_of,
        proxy_of,
        redirected,
        route_to,
        split,
    )

__all__ = ["IDLE_S", "Http", "NoAnswerError", "Reply", "TooManyBytesError", "proxy_of", "trusting"]

IDLE_S = 3.0
"""A connection that was idle for longer is not used again. Servers close theirs after a while, vLLM's after 5 s, and
whether a create arrived that was sent into one just then, nobody knows: it may be paid twice."""
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
_MOVED, _FOUND, _SEE_OTHER = 301, 302, 303
_PRIVATE = frozenset({"authorization", "cookie", "host", "proxy-authorization"})
"""Headers that another server must not see."""


@dataclass(slots=True)
class _Call:
    """One call, and what has become of it."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | BinaryIO
    size_bytes: int
    limit_bytes: int | None
    is_sent: bool = False
    """Whether any byte was given to a connection."""


@dataclass(kw_only=True)
class Http:
    """A pool of connections. It belongs to one event loop at a time; close it before that loop ends."""

    connect_s: float
    """The time limit for a connection, with TLS and the proxy's consent."""
    read_s: float
    """The time limit of each read, and of each write; the caller limits the whole call."""
    ca_file: str | None = None
    is_lenient: bool = False
    """Whether compressed answers are accepted and redirects followed."""
    idle_s: float = IDLE_S
    _pool: Pool | None = field(default=None, init=False, repr=False)
    _routes: dict[str, Route] = field(default_factory=dict, init=False, repr=False)

    async def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Path = b"",
        *,
        limit_bytes: int | None = None,
        limit_s: float | None = None,
    ) -> Reply:
        """Send a request once, with `url` unchanged. Raises `NoAnswerError`, and `TooManyBytesError` on success."""
        call = _Call(method, url, headers, b"", 0, limit_bytes)
        try:
            if limit_s is None:
                return await self._sent(call, body)
            async with asyncio.timeout(limit_s):
                return await self._sent(call, body)
        except NoAnswerError as error:
            error.is_sent = call.is_sent
            raise
        except TimeoutError as error:
            name = "timed out" if limit_s is None else f"no whole answer within {limit_s:g} s"  # a file's disk may
            raise NoAnswerError(name, is_sent=call.is_sent) from error
        except OSError as error:
            raise NoAnswerError((error.strerror or type(error).__name__).lower(), is_sent=call.is_sent) from error

    async def _sent(self, call: _Call, body: bytes | Path) -> Reply:
        if isinstance(body, bytes):
            call.content, call.size_bytes = body, len(body)
            return await self._followed(call)
        with body.open("rb") as file:
            call.content, call.size_bytes = file, os.fstat(file.fileno()).st_size
            return await self._followed(call)

    async def _followed(self, call: _Call) -> Reply:
        """The answer, from where the server redirects to if this pool is lenient."""
        pool = self._open()
        if not self.is_lenient:
            return await self._asked(call, pool)
        for _ in range(_MAX_REDIRECTS):
            reply = await self._asked(call, pool)
            location = reply.headers.get("Location")
            if reply.status not in _REDIRECTS or not location:
                return unpacked(reply)
            _redirect(call, reply.status, location)
        raise NoAnswerError("too many redirects")

    async def _asked(self, call: _Call, pool: Pool) -> Reply:
        try:
            return await self._exchanged(call, pool, is_new=False)
        except LostConnectionError:
            if call.method not in _REPEATABLE:
                raise
        return await self._exchanged(call, pool, is_new=True)

    async def _exchanged(self, call: _Call, pool: Pool, *, is_new: bool) -> Reply:
        """Send the request over one connection."""
        origin, target = split(call.url)
        route = self._route(origin)
        accepted = "gzip, deflate" if self.is_lenient else "identity"
        first = head_of(call.method, target, route, call.headers, size_bytes=call.size_bytes, accepted=accepted)
        rest = None
        if isinstance(call.content, bytes) and call.size_bytes <= PIECE_BYTES:
            first += call.content
        else:
            if not isinstance(call.content, bytes):
                call.content.seek(0)
            rest = Body(call.content, call.size_bytes)
            first += await rest.read()
        incoming = Incoming(has_body=call.method != "HEAD", limit_bytes=call.limit_bytes)
        connection, is_kept = await pool.take(route, is_new=is_new), False
        try:
            if connection.is_over:
                raise LostConnectionError("the connection was closed")
            call.is_sent = True
            is_kept = await connection.exchange(first, rest, incoming, self.read_s)
        finally:
            pool.give_back(route, connection, is_kept=is_kept)
        return incoming.reply()

    def _route(self, origin: str) -> Route:
        """The route to a host; the environment is read once for each pool and host."""
        route = self._routes.get(origin)
        if route is None:
            route = route_to(origin, None)
            if (proxy := proxy_of(origin)) is not None:
                route = route_to(origin, proxy)
            self._routes[origin] = route
        return route

    def _open(self) -> Pool:
        loop = asyncio.get_running_loop()
        if self._pool is None or self._pool.loop is not loop:
            self._routes.clear()
            self._pool = Pool(connect_s=self.connect_s, idle_s=self.idle_s, trusted=partial(trusting, self.ca_file))
        return self._pool

    async def close(self) -> None:
        """Close all pooled connections; the next call opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None and pool.loop is asyncio.get_running_loop():
            await pool.close()


def _redirect(call: _Call, status: int, location: str) -> None:
    """Change a call to what the server asks for, as browsers do. Another server gets no credentials."""
    if (status == _SEE_OTHER and call.method != "HEAD") or (status in (_MOVED, _FOUND) and call.method == "POST"):
        call.method, call.content, call.size_bytes = "GET", b"", 0
    url = redirected(call.url, location)
    if route_to(split(url)[0], None).place != route_to(split(call.url)[0], None).place:
        call.headers = {name: value for name, value in call.headers.items() if name.lower() not in _PRIVATE}
    call.url = url


@cache
def trusting(ca_file: str | None) -> ssl.SSLContext:
    """The trusted certificates: from a file, or else from Python's packages. Read when first needed."""
    return ssl.create_default_context(cafile=ca_file or certifi.where())
