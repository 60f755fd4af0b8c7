"""Requests as they are sent, and where they go."""

import asyncio
import base64
import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from backburner.adapters.wire.answers import NoAnswerError

PIECE_BYTES = 262_144
"""A larger body is sent in pieces, so that other calls continue meanwhile."""
_PORTS = {"http": 80, "https": 443}
_OURS = frozenset({"connection", "content-length", "transfer-encoding"})
_UNSENDABLE = "the address cannot be used"
_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""What stays as it is in an address that a server redirects to."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server or a proxy."""

    is_secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """How requests get to one server."""

    place: Place
    host: str
    """The header."""
    authorization: str | None
    """From a user's name in the address."""
    proxy: Place | None
    proxy_authorization: str | None

    @property
    def is_tunnelled(self) -> bool:
        """Whether the proxy only passes bytes on."""
        return self.proxy is not None and self.place.is_secure


def route_to(origin: str, proxy: str | None) -> Route:
    """The route to `scheme://host`. Raises `NoAnswerError` if there can be none."""
    place, parts = _placed(origin, _UNSENDABLE)
    host = parts.netloc.rpartition("@")[2]
    if not host.isascii():
        host = f"{place.host}:{parts.port}" if parts.port else place.host
    if proxy is None:
        return Route(place, host, _basic(parts), None, None)
    between, proxy_parts = _placed(proxy, "the proxy's address cannot be used: it must begin with http:// or https://")
    return Route(place, host, _basic(parts), between, _basic(proxy_parts))


def _placed(address: str, problem: str) -> tuple[Place, SplitResult]:
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
        place = Place(parts.scheme == "https", (parts.hostname or "").encode("idna").decode(), port)
    except (ValueError, KeyError) as error:
        raise NoAnswerError(problem) from error
    if parts.scheme not in _PORTS or not place.host or not parts.netloc.isprintable() or " " in parts.netloc:
        raise NoAnswerError(problem)
    return place, parts


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def split(url: str) -> tuple[str, str]:
    """An address as `scheme://host` and the target of a request, which is not changed."""
    start = url.find("://") + 3
    end = url.find("/", start)
    origin, target = (url[:end], url[end:]) if end >= 0 else (url, "/")
    if "?" in origin or "#" in origin:
        end = min(at for at in (origin.find("?"), origin.find("#")) if at >= 0)
        origin, target = origin[:end], f"/{url[end:]}"
    return origin, target.partition("#")[0] if "#" in target else target


def head_of(
    method: str, target: str, route: Route, headers: Mapping[str, str], *, size_bytes: int, accepted: str
) -> bytes:
    """The head of a request. Raises `ValueError` for what cannot be sent in one."""
    given = {name.lower() for name in headers}
    if given & _OURS:
        raise ValueError(f"a request cannot have these headers: {', '.join(sorted(given & _OURS))}")
    if not target.isprintable() or " " in target:
        raise ValueError("an address with a space cannot be sent")
    if route.proxy is not None and not route.is_tunnelled:
        target = f"http://{route.host}{target}"
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {route.host}")
    if "accept-encoding" not in given:
        lines.append(f"Accept-Encoding: {accepted}")
    if route.authorization is not None and "authorization" not in given:
        lines.append(f"Authorization: {route.authorization}")
    if route.proxy_authorization is not None and not route.is_tunnelled:
        lines.append(f"Proxy-Authorization: {route.proxy_authorization}")
    if size_bytes or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {size_bytes}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\r") != breaks or text.count("\n") != breaks or "\0" in text:
        raise ValueError("a header with a line break cannot be sent")
    return f"{text}\r\n\r\n".encode()


def tunnel_of(route: Route) -> bytes:
    """The request for a tunnel to the server."""
    host = f"[{route.place.host}]" if ":" in route.place.host else route.place.host
    address = f"{host}:{route.place.port}"
    told = f"Proxy-Authorization: {route.proxy_authorization}\r\n" if route.proxy_authorization else ""
    return f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{told}\r\n".encode()


class Body:
    """A body that is sent in pieces."""

    def __init__(self, content: bytes | BinaryIO, size_bytes: int) -> None:
        """Begin with its first byte."""
        self._file = io.BytesIO(content) if isinstance(content, bytes) else content
        self._is_slow = not isinstance(content, bytes)
        self.left_bytes = size_bytes

    async def read(self) -> bytes:
        """The next piece. Raises `NoAnswerError` if a file became shorter than it was."""
        wanted = min(PIECE_BYTES, self.left_bytes)
        piece = await asyncio.to_thread(self._file.read, wanted) if self._is_slow else self._file.read(wanted)
        if len(piece) != wanted:
            raise NoAnswerError("the file was changed while it was sent")
        self.left_bytes -= wanted
        return piece


def redirected(url: str, location: str) -> str:
    """The address that an answer to `url` redirects to. Raises `NoAnswerError` if it is none."""
    try:
        return urljoin(url, quote(location, safe=_SAFE, errors="surrogateescape"))
    except ValueError as error:
        raise NoAnswerError(_UNSENDABLE) from error


def proxy_of(url: str) -> str | None:
    """The proxy for an address, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY; a proxy without a scheme is HTTP."""
    if sys.platform != "darwin" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None  # without importing what an idle tick has no other use for
    import urllib.request  # noqa: PLC0415

    proxies, parts = urllib.request.getproxies(), urlsplit(url)
    proxy = proxies.get(parts.scheme)
    if proxy is None or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
