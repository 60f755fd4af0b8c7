"""Calls over HTTP: a pool of connections for each kind of service, with the environment's proxies and certificates.

If a connection was closed under a GET, HEAD, PUT or DELETE, aiohttp repeats the request once on a new one, but never a
POST. Nothing else is retried here. A truncated body is an error, never an answer.
"""

import asyncio
import io
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from backburner.adapters.quick_imports import no_certificates, no_collection

with no_collection(), no_certificates():  # calls with TLS say what to trust: `trusting`
    import aiohttp
    from yarl import URL

_CONNECTIONS = 64
_MAX_AT_ONCE_BYTES = 1_000_000
"""A larger body is sent in pieces, so that other calls go on meanwhile (aiohttp warns from 1 MiB)."""
IDLE_S = 3.0
"""A connection that was idle for longer is not used again. Servers close theirs after a while, vLLM's after 5 s, and
whether a create arrived that was sent into one just then, nobody knows: it may be paid twice."""
_UNSET_HEADERS = frozenset({"User-Agent", "Accept", "Content-Type"})
"""Headers that a client would add by itself: only the caller's are sent."""


class NoAnswerError(Exception):
    """There was no complete answer. `is_sent` is False if the request was certainly never sent."""

    def __init__(self, name: str, *, is_sent: bool = True, is_broken_off: bool = False) -> None:
        super().__init__(name)
        self.name = name
        """What happened, in a few words that are never the other side's."""
        self.is_sent = is_sent
        self.is_broken_off = is_broken_off
        """Whether an answer had begun to arrive."""


class TooManyBytesError(Exception):
    """A body has more bytes than allowed; it was not read."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Look-up ignores the case of names."""
    body: bytes


@dataclass(kw_only=True)
class Http:
    """A pool of connections. It belongs to one event loop at a time; close it before that loop ends."""

    connect_s: float
    read_s: float
    """The time limit of each read; the caller limits the whole call."""
    ca_file: str | None = None
    is_lenient: bool = False
    """Whether compressed answers are accepted and redirects followed."""
    idle_s: float = IDLE_S
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)

    _proxies: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

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
        try:
            if limit_s is None:
                return await self._sent(method, url, headers, body, limit_bytes)
            async with asyncio.timeout(limit_s):
                return await self._sent(method, url, headers, body, limit_bytes)
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError) as error:
            raise NoAnswerError(_cause(error), is_sent=False) from error
        except TimeoutError as error:
            raise NoAnswerError(type(error).__name__) from error
        except aiohttp.ClientPayloadError as error:
            raise NoAnswerError(type(error).__name__, is_broken_off=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(type(error).__name__) from error

    async def _sent(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Path, limit_bytes: int | None
    ) -> Reply:
        if isinstance(body, Path):
            with body.open("rb") as file:
                return await self._called(method, url, headers, file, limit_bytes)
        content = io.BytesIO(body) if len(body) > _MAX_AT_ONCE_BYTES else body or None
        return await self._called(method, url, headers, content, limit_bytes)

    def _proxy(self, url: str) -> str | None:
        """The proxy for an address; the environment is read once for each pool and host."""
        scheme, _, rest = url.partition("://")
        host = f"{scheme}://{rest.partition('/')[0]}"
        if host not in self._proxies:
            self._proxies[host] = proxy_of(host)
        return self._proxies[host]

    async def _called(
        self, method: str, url: str, headers: Mapping[str, str], content: object, limit_bytes: int | None
    ) -> Reply:
        proxy = self._proxy(url)
        async with self._open().request(
            method,
            URL(url, encoded=True),
            data=content,
            headers=headers,
            allow_redirects=self.is_lenient,
            proxy=proxy,
            ssl=True if url.startswith("http:") and not (self.is_lenient or proxy) else trusting(self.ca_file),
        ) as answer:
            length = answer.content_length
            if limit_bytes is not None and length is not None and length > limit_bytes and answer.ok:
                answer.close()
                raise TooManyBytesError(length)
            return Reply(answer.status, answer.headers, await answer.read())

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._proxies.clear()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=self.idle_s),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.connect_s, sock_read=self.read_s),
                headers=None if self.is_lenient else {"Accept-Encoding": "identity"},
                skip_auto_headers=_UNSET_HEADERS,
                auto_decompress=self.is_lenient,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close all pooled connections; the next call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _cause(error: aiohttp.ClientError) -> str:
    """Why no connection was made, as the system says it; else the kind of error."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unknown host name"
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno
        return os.strerror(number).lower() if number else type(error).__name__
    return type(error).__name__


@cache
def trusting(ca_file: str | None) -> ssl.SSLContext:
    """The trusted certificates: from a file, or else from Python's packages. Read when first needed."""
    return ssl.create_default_context(cafile=ca_file or certifi.where())


def proxy_of(url: str) -> str | None:
    """The proxy for an address, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY; a proxy without a scheme is HTTP."""
    proxies, parts = urllib.request.getproxies(), urlsplit(url)
    proxy = proxies.get(parts.scheme)
    if proxy is None or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
