"""Serves the console on 127.0.0.1 until it is stopped."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn

from backburner.ledger.keys import FOLDER, INBOX
from backburner_cli.console.actions import Actions
from backburner_cli.console.app import Pages, build_app
from backburner_cli.console.documents import Documents
from backburner_cli.console.guard import Guard
from backburner_cli.console.index import WatchedIndex
from backburner_cli.console.limits import Limits
from backburner_cli.console.recipes import Recipes
from backburner_cli.console.runs import Runs
from backburner_cli.console.versions import BucketVersions, NoVersions
from backburner_cli.operator.session import records_of

if TYPE_CHECKING:
    import socket

    from backburner_cli.console.versions import Versions
    from backburner_cli.operator.session import OperatorSession

HOST = "127.0.0.1"
_STOP_LIMIT_S = 2
Stop = Callable[[], None]
"""Stops the server soon; call it in the server's event loop."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """The console's address; `token` opens it."""

    port: int
    token: str = field(repr=False)
    ticket: str = field(repr=False)
    """Opens it once, instead of the token."""

    @property
    def url(self) -> str:
        """The URL to print."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    @property
    def url_once(self) -> str:
        """The URL to start a browser with: other users can read command lines, but the ticket works only once."""
        return f"http://{HOST}:{self.port}/?token={self.ticket}"


async def serve(
    session: OperatorSession,
    environment: Mapping[str, str],
    listener: socket.socket,
    deployment: str,
    ready: Callable[[Address, Stop], None],
) -> None:
    """Serve until Ctrl-C or a call of `Stop`; `ready` is called once it answers. The index is kept on this disk.

    Raises `BackburnerError` if the bucket cannot be reached, before anything is served.
    """
    async for _ in session.backend.bucket.listed(INBOX):
        break
    address = Address(port=listener.getsockname()[1], token=secrets.token_urlsafe(32), ticket=secrets.token_urlsafe(32))
    records = records_of(session.backend)
    index = WatchedIndex(records.index(environment))
    actions = Actions(session, index)
    documents = Documents(records=records)
    pages = Pages(
        deployment=deployment,
        index=index,
        documents=documents,
        recipes=Recipes(bucket=session.backend.bucket, documents=documents),
        runs=Runs(bucket=session.backend.bucket, documents=documents, versions=_versions(session, environment)),
        actions=actions,
        limits=Limits(session),
    )
    guard = Guard(build_app(pages), address.port, address.token, [address.ticket])
    fresh = asyncio.create_task(index.keep_fresh())
    try:
        await _Server(guard, lambda stop: ready(address, stop)).serve(sockets=[listener])
    finally:
        fresh.cancel()  # Ctrl-C cancels this task too, and that must not be swallowed here
        await asyncio.gather(fresh, *actions.stop(), return_exceptions=True)


def _versions(session: OperatorSession, environment: Mapping[str, str]) -> Versions:
    """Where earlier texts may be found."""
    bucket = session.settings.bucket
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return NoVersions() if bucket == FOLDER else BucketVersions(bucket=bucket, region=region)


class _Server(uvicorn.Server):
    """A server that calls `is_up` once it answers."""

    def __init__(self, guard: Guard, is_up: Callable[[Stop], None]) -> None:
        quiet: dict[str, Any] = {
            "access_log": False,
            "log_config": None,
            "log_level": "warning",
            "server_header": False,
        }
        super().__init__(
            uvicorn.Config(
                guard, http="h11", ws="none", lifespan="off", timeout_graceful_shutdown=_STOP_LIMIT_S, **quiet
            )
        )
        self._is_up = is_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call `is_up`."""
        await super().startup(sockets)
        self._is_up(self._stop)

    def _stop(self) -> None:
        self.should_exit = True
