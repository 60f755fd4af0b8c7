"""The operator's connection to a deployment: the functions' environment, without the provider and its key.

Commands that only read get `Records`; those that change something get an `OperatorSession`, which has the core.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from backburner.adapters.clock import SystemClock
from backburner.capacity.limits import Counters
from backburner.errors import BackburnerError, ConfigError
from backburner.ledger.keys import FOLDER, GOVERNOR
from backburner.ledger.ledger import Ledger
from backburner.outcome.current_job import CurrentJobs
from backburner.provider.answers import Answer, FailedCall
from backburner_cli.errors import CommandError
from backburner_cli.operator.backend import Backend, reached
from backburner_cli.operator.deployment import EXPORTED, FOLDER_STATE, HOW_TO_NAME
from backburner_cli.operator.job_index import JobIndex
from backburner_cli.operator.kept_entries import KeptEntries
from backburner_cli.terminal import reach_remedy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from backburner.jobs.replay import Replayer
    from backburner.maintenance.audit import Auditor
    from backburner.maintenance.overview import OverviewReader
    from backburner.maintenance.snapshot import Progress
    from backburner.memory.budget import MemoryBudget
    from backburner.outcome.cancel import Canceller
    from backburner.ports import Bucket, Extractor
    from backburner.settings import Settings
    from backburner.wiring.core import Core

T = TypeVar("T")
_WHERE = "backburner up prints them; for a stack, they are in the outputs and parameters"


@dataclass(frozen=True)
class NoProvider:
    """A `Generator` that refuses every call: an operator's machine does not call the provider."""

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:  # noqa: ARG002 - the port's shape
        """Refuse before anything is sent, so that the job waits for the checker."""
        return _REFUSED

    async def retrieve(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refuse."""
        return _REFUSED

    async def cancel(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refuse."""
        return _REFUSED

    async def delete(self, response_id: str) -> Answer:  # noqa: ARG002
        """Refuse."""
        return _REFUSED


_REFUSED = FailedCall(status=503, sent=False, message="an operator's command does not call the provider")


@dataclass(frozen=True, kw_only=True)
class Records:
    """Access to the bucket for commands that only read: nothing here starts, stops or sends anything."""

    settings: Settings
    identity: str
    """Unique to the deployment."""
    bucket: Bucket
    current_jobs: CurrentJobs
    extractor: Extractor
    memory: MemoryBudget

    def index(self, environment: Mapping[str, str]) -> JobIndex:
        """The index of all runs, kept on this disk."""
        kept = KeptEntries.of(environment, self.identity)
        return JobIndex(bucket=self.bucket, kept=kept, is_far=self.settings.bucket != FOLDER)

    async def counters(self) -> Counters:
        """The governor's counters; empty ones if the bucket has none, or they cannot be decoded."""
        stored = await self.bucket.get(GOVERNOR)
        try:
            return msgspec.json.decode(stored.body, type=Counters) if stored else Counters()
        except msgspec.DecodeError:
            return Counters()


@dataclass(frozen=True, kw_only=True)
class OperatorSession:
    """Bucket, queues, and the core over them. Runs that it opens wait in the backlog until the checker starts them."""

    settings: Settings
    backend: Backend
    core: Core

    @property
    def ledger(self) -> Ledger:
        """The records."""
        return self.core.ledger

    @property
    def current_jobs(self) -> CurrentJobs:
        """The documents."""
        return self.core.current_jobs

    @property
    def canceller(self) -> Canceller:
        """Cancels runs."""
        return self.core.canceller

    @property
    def replayer(self) -> Replayer:
        """Runs documents again."""
        return self.core.replayer

    @property
    def overview(self) -> OverviewReader:
        """Counts documents by their state."""
        from backburner.maintenance.overview import OverviewReader

        return OverviewReader(bucket=self.backend.bucket, sweeper=self.core.tick.sweeper)

    def auditor(self, progress: Progress) -> Auditor:
        """Audits the bucket, and reports the progress."""
        from backburner.maintenance.audit import Auditor

        return Auditor(
            bucket=self.backend.bucket,
            ledger=self.ledger,
            governor=self.core.governor,
            sweeper=self.core.tick.sweeper,
            journal=self.core.journal,
            pending=self.backend.pending,
            backlog=self.backend.backlog,
            progress=progress,
        )


def run(environment: Mapping[str, str], work: Callable[[OperatorSession], Awaitable[T]]) -> T:
    """Do the work with bucket and queues. Raises `CommandError` with the remedy if they cannot be reached."""
    return _plainly(environment, lambda backend: work(_session(backend)))


def read(environment: Mapping[str, str], work: Callable[[Records], Awaitable[T]]) -> T:
    """Do the work, which only reads the bucket. Raises `CommandError` with the remedy if it cannot be reached."""
    return _plainly(environment, lambda backend: work(records_of(backend)))


def _plainly(environment: Mapping[str, str], work: Callable[[Backend], Awaitable[T]]) -> T:
    logging.getLogger("backburner").addHandler(logging.NullHandler())  # the command reports its progress itself

    async def inside() -> T:
        async with reached(environment) as backend:
            return await work(backend)

    try:
        return asyncio.run(inside())
    except ConfigError as error:
        if not any(name.startswith("BACKBURNER_") for name in environment):
            settings = "the functions' settings, BACKBURNER_BUCKET, BACKBURNER_PENDING_QUEUE_URL and the others"
            raise CommandError(f"{HOW_TO_NAME}.\nOr export {settings}: {_WHERE}.") from error
        named = "" if environment.get(EXPORTED) else f"{HOW_TO_NAME}.\nOr export the functions' settings. "
        raise CommandError(f"{named}{error}\nThe functions' own settings are needed: {_WHERE}.") from error
    except BackburnerError as error:
        state = environment.get(FOLDER_STATE)
        remedy = f"may you write to {state}, and is it on a local disk?" if state else reach_remedy(environment)
        raise CommandError(f"{error}; {remedy}") from error


def _session(backend: Backend) -> OperatorSession:
    from backburner.wiring.core import assemble  # slow to import, and not needed to read

    nothing_starts_here = dataclasses.replace(backend.settings, max_in_flight=0)
    core = assemble(nothing_starts_here, backend.ports(NoProvider()), create_limit_s=1.0, swap_tries=12)
    return OperatorSession(settings=backend.settings, backend=backend, core=core)


def read_here(settings: Settings, work: Callable[[Records], Awaitable[T]]) -> T:
    """Do something that needs no deployment: recipes are those that ship, and nothing was ever run."""
    from backburner.adapters.extraction import ChildExtractor
    from backburner.memory.budget import MemoryBudget
    from backburner_cli.operator.shipped import ShippedBucket

    logging.getLogger("backburner").addHandler(logging.NullHandler())
    bucket, memory = ShippedBucket(), MemoryBudget()
    records = Records(
        settings=settings,
        identity="",
        bucket=bucket,
        current_jobs=CurrentJobs(bucket=bucket, ledger=Ledger(bucket), settings=settings, clock=SystemClock()),
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        memory=memory,
    )

    async def inside() -> T:
        return await work(records)

    return asyncio.run(inside())


def records_of(backend: Backend) -> Records:
    """Access to a deployment's bucket for reading only."""
    return Records(
        settings=backend.settings,
        identity=backend.identity,
        bucket=backend.bucket,
        current_jobs=CurrentJobs(
            bucket=backend.bucket, ledger=Ledger(backend.bucket), settings=backend.settings, clock=SystemClock()
        ),
        extractor=backend.extractor,
        memory=backend.memory,
    )
