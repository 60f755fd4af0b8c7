"""The operator's own connection: the functions' environment, without the provider and its key."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from backburner.adapters.connect import Cloud, reach
from backburner.answers import Answer, Trouble
from backburner.cancel import Canceller
from backburner.errors import BackburnerError, ConfigError
from backburner.inbox import Inbox
from backburner.ledger import Ledger
from backburner.parts import Parts, assemble
from backburner.settings import Settings, from_env
from backburner_cli.terminal import CommandError, reach_remedy

T = TypeVar("T")
_PRINTED = "backburner up prints them all; for a stack they are its outputs and parameters"


@dataclass(frozen=True)
class NoProvider:
    """Stands where the provider does: nothing is started, looked at or stopped from an operator's machine."""

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:  # noqa: ARG002 - the port's shape
        """Refused before anything is sent: the job waits for the checker."""
        return _REFUSED

    async def retrieve(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refused."""
        return _REFUSED

    async def cancel(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refused."""
        return _REFUSED

    async def delete(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refused."""
        return _REFUSED


_REFUSED = Trouble(status=503, sent=False, message="an operator's command asks the provider nothing")


@dataclass(frozen=True, kw_only=True)
class Office:
    """Bucket, queues and the core over them. What it opens waits in the backlog until the checker starts it."""

    settings: Settings
    cloud: Cloud
    parts: Parts

    @property
    def ledger(self) -> Ledger:
        """The records."""
        return self.parts.submitter.ledger

    @property
    def inbox(self) -> Inbox:
        """The documents."""
        return self.parts.submitter.inbox

    @property
    def canceller(self) -> Canceller:
        """Who cancels runs."""
        return self.parts.submitter.massive.canceller


def run(environment: Mapping[str, str], work: Callable[[Office], Awaitable[T]]) -> T:
    """Do something with bucket and queues. Raises `CommandError` with the remedy where they cannot be reached."""
    logging.getLogger("backburner").addHandler(logging.NullHandler())  # the command says what it does itself

    async def inside() -> T:
        office = _open(environment)
        try:
            return await work(office)
        finally:
            await office.cloud.drop_connections()

    try:
        return asyncio.run(inside())
    except ConfigError as error:
        raise CommandError(f"{error}\nThe functions' own environment is needed: {_PRINTED}.") from error
    except BackburnerError as error:
        raise CommandError(f"{error}; {reach_remedy(environment)}") from error


def _open(environment: Mapping[str, str]) -> Office:
    settings = from_env(environment, needs_key=False)
    cloud = reach(settings, environment)
    nothing_starts_here = dataclasses.replace(settings, max_in_flight=0)
    parts = assemble(nothing_starts_here, cloud.ports(NoProvider()), create_limit_s=1.0, swap_tries=12)
    return Office(settings=settings, cloud=cloud, parts=parts)
