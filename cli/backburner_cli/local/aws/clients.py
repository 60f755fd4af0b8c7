"""boto3 clients of one MiniStack, each made once, all closed together."""

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from backburner_cli.local.aws.server import REGION, Server


class Clients:
    """Clients of `server` as the account's root, whatever this machine's own AWS settings are."""

    def __init__(self, server: Server, region: str = REGION) -> None:
        self.server = server
        self._session = boto3.session.Session(
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
            region_name=region,
        )
        self._made: dict[str, Any] = {}

    def get(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._made:
            self._made[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.server.endpoint,
                verify=str(self.server.ca_bundle),
                config=Config(proxies={}, read_timeout=150, max_pool_connections=32),
            )
        return self._made[service]

    def close(self) -> None:
        """Close every client."""
        for client in self._made.values():
            client.close()


@contextlib.contextmanager
def clients_of(server: Server, region: str = REGION) -> Iterator[Clients]:
    """Clients that are closed when the block ends."""
    clients = Clients(server, region)
    try:
        yield clients
    finally:
        clients.close()
