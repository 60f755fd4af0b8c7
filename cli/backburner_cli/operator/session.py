"""The operator's own connection: the functions' environment, without the provider and its key."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError

from backburner.adapters.connect import Cloud, reach
from backburner.errors import BackburnerError, ConfigError
from backburner.ledger.ledger import Ledger
from backburner.outcome.cancel import Canceller
from backburner.outcome.current import CurrentJobs
from backburner.provider.answers import Answer, FailedCall
from backburner.settings import Settings, from_env
from backburner.wiring import Core, assemble
from backburner_cli.errors import CommandError
from backburner_cli.terminal import reach_remedy

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


_REFUSED = FailedCall(status=503, sent=False, message="an operator's command asks the provider nothing")


@dataclass(frozen=True, kw_only=True)
class OperatorSession:
    """Bucket, queues and the core over them. What it opens waits in the backlog until the checker starts it."""

    settings: Settings
    cloud: Cloud
    parts: Core

    @property
    def ledger(self) -> Ledger:
        """The records."""
        return self.parts.submitter.ledger

    @property
    def inbox(self) -> CurrentJobs:
        """The documents."""
        return self.parts.submitter.inbox

    @property
    def canceller(self) -> Canceller:
        """Who cancels runs."""
        return self.parts.submitter.parent_runs.canceller


def run(environment: Mapping[str, str], work: Callable[[OperatorSession], Awaitable[T]]) -> T:
    """Do something with bucket and queues. Raises `CommandError` with the remedy where they cannot be reached."""
    logging.getLogger("backburner").addHandler(logging.NullHandler())  # the command says what it does itself

    async def inside() -> T:
        return await work(_open(environment))

    try:
        return asyncio.run(inside())
    except ConfigError as error:
        raise CommandError(f"{error}\nThe functions' own environment is needed: {_PRINTED}.") from error
    except BackburnerError as error:
        raise CommandError(f"{error}; {reach_remedy(environment)}") from error
    except BotoCoreError as error:
        raise CommandError(f"{error} Set AWS_REGION, AWS_ENDPOINT_URL and credentials; {_PRINTED}.") from error


def _open(environment: Mapping[str, str]) -> OperatorSession:
    settings = from_env(environment, needs_key=False)
    cloud = reach(settings, environment)
    nothing_starts_here = dataclasses.replace(settings, max_in_flight=0)
    parts = assemble(nothing_starts_here, cloud.ports(NoProvider()), create_limit_s=1.0, swap_tries=12)
    return OperatorSession(settings=settings, cloud=cloud, parts=parts)
