"""Runs the stand-in on loopback: in a thread for tests (`serve`), in the foreground for the operator (`run`)."""

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from backburner_cli.listening import listening
from backburner_cli.standin.http import Address, build_app
from backburner_cli.standin.provider import StandIn

_START_LIMIT_S: Final = 30.0
_STOP_LIMIT_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stand-in that is served at an address; `stand_in` is the object behind it."""

    host: str
    port: int
    stand_in: StandIn
    token: str = field(repr=False)

    @property
    def base_url(self) -> str:
        """The address for the SDK."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def control_url(self) -> str:
        """The address for control requests from other processes; it contains the token."""
        return f"http://{self.host}:{self.port}/control/{self.token}"


@contextlib.contextmanager
def serve(stand_in: StandIn | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Running]:
    """Run a stand-in in a background thread while the block runs; with port 0, on any free port."""
    stand_in = stand_in or StandIn()
    listener = listening(host, port)
    token = secrets.token_urlsafe()
    server = _Server(stand_in, token)
    thread = threading.Thread(target=server.run, args=([listener],), name="stand-in", daemon=True)
    thread.start()
    try:
        if not server.is_up.wait(_START_LIMIT_S):
            raise TimeoutError("the stand-in did not start")
        yield Running(host=host, port=listener.getsockname()[1], stand_in=stand_in, token=token)
    finally:
        server.should_exit = True
        thread.join(_STOP_LIMIT_S)


def run(host: str = "127.0.0.1", port: int = 8765, *, stand_in: StandIn | None = None) -> None:
    """Run a stand-in in the foreground until it is interrupted, with a log line for each request."""
    listener = listening(host, port)
    _log_requests()
    _Server(stand_in or StandIn(remembers=False), secrets.token_urlsafe()).run([listener])


class _Server(uvicorn.Server):
    """A server that says when it is up, can close a connection without an answer, and stops without waiting."""

    def __init__(self, stand_in: StandIn, token: str) -> None:
        self.is_up: Final = threading.Event()
        self._transports: Final[dict[Address, asyncio.Transport]] = {}
        transports = self._transports

        class Protocol(H11Protocol):
            """HTTP on connections that can be found by the client's address."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[transport.get_extra_info("peername")[:2]] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.transport.get_extra_info("peername")[:2], None)
                super().connection_lost(exc)

        app = build_app(stand_in, self._drop, token)
        quiet: dict[str, Any] = {
            "access_log": False,
            "log_config": None,
            "log_level": "warning",
            "server_header": False,
        }
        super().__init__(uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", **quiet))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and signal that the server is up."""
        await super().startup(sockets)
        self.is_up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections, even during a slow answer, then stop."""
        for transport in list(self._transports.values()):
            transport.abort()
        await super().shutdown(sockets)

    def _drop(self, client: Address) -> None:
        if transport := self._transports.get(client):
            transport.abort()


def _log_requests() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(method)s %(path)s %(status)s %(manner)s %(response_id)s"))
    requests = logging.getLogger(build_app.__module__)
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    requests.propagate = False
