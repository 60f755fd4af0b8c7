"""Opens connections: to a server or through a proxy, with and without TLS."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from aiohappyeyeballs import start_connection

from backburner.adapters.wire.answers import Incoming, NoAnswerError
from backburner.adapters.wire.connections import Connection
from backburner.adapters.wire.requests import Place, Route, tunnel_of

_NEXT_ADDRESS_S = 0.25
"""After this long the next address of a host is tried, too (RFC 8305)."""
_SUCCESS = range(200, 300)
Trusted = Callable[[], ssl.SSLContext]


async def opened(route: Route, limit_s: float, trusted: Trusted) -> Connection:
    """A connection for this route. Raises `NoAnswerError` if there is none within `limit_s`."""
    try:
        async with asyncio.timeout(limit_s):
            connection = await _connected(route.proxy or route.place, limit_s, trusted)
            return await _tunnelled(connection, route, limit_s, trusted) if route.is_tunnelled else connection
    except TimeoutError as error:
        if error.errno:  # the system's own
            raise NoAnswerError(_words(error)) from error
        raise NoAnswerError(f"no connection within {limit_s:g} s") from error
    except (OSError, RuntimeError) as error:  # uvloop raises the latter for some
        raise NoAnswerError(_words(error)) from error


async def _connected(place: Place, limit_s: float, trusted: Trusted) -> Connection:
    loop = asyncio.get_running_loop()
    addresses = await _addresses(place, loop)
    connected = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, loop=loop)
    tls: dict[str, Any] = {}
    if place.is_secure:
        tls = {"ssl": trusted(), "server_hostname": _name(place), "ssl_handshake_timeout": limit_s}
    try:
        _, connection = await loop.create_connection(lambda: Connection(loop), sock=connected, **tls)
    except BaseException:
        connected.close()
        raise
    return connection


async def _addresses(place: Place, loop: asyncio.AbstractEventLoop) -> list[Any]:
    with contextlib.suppress(socket.gaierror):  # needs no thread
        return socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)


async def _tunnelled(outer: Connection, route: Route, limit_s: float, trusted: Trusted) -> Connection:
    """A connection to the server through the proxy, with TLS inside."""
    incoming, loop = Incoming(has_body=False), asyncio.get_running_loop()
    inner = Connection(loop)
    try:
        await outer.exchange(tunnel_of(route), None, incoming, limit_s)
        _require_consent(incoming)
        transport = await loop.start_tls(
            outer.transport, inner, trusted(), server_hostname=_name(route.place), ssl_handshake_timeout=limit_s
        )
    except BaseException:
        outer.abort()
        raise
    if transport is None or inner.is_over:
        outer.abort()
        raise NoAnswerError("the connection was closed")
    inner.connection_made(transport)
    return inner


def _name(place: Place) -> str:
    """The name that a certificate has; addresses may end with a dot."""
    return place.host.rstrip(".")


def _require_consent(incoming: Incoming) -> None:
    if incoming.status not in _SUCCESS or incoming.has_leftover:
        raise NoAnswerError(f"the proxy refuses to connect: {incoming.status}")


def _words(error: Exception) -> str:
    """Why there is no connection, in the system's words or ours."""
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else "no connection"
