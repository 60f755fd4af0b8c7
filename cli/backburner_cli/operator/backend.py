"""A deployment's bucket and queues, whether in a cloud or in a local folder."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from backburner.ledger.keys import FOLDER
from backburner.settings import Settings, from_env
from backburner_cli.operator.deployment import FOLDER_STATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from backburner.maintenance.audit import Counted
    from backburner.memory.budget import MemoryBudget
    from backburner.ports import Bucket, Extractor, Generator, Queue
    from backburner.wiring.foundation import Ports
    from backburner_cli.operator.folder_states import RunState

    class CountedQueue(Queue, Counted, Protocol):
        """A queue whose messages can be counted."""


FOLDER_QUEUES: Final = {
    "BACKBURNER_BUCKET": FOLDER,
    "BACKBURNER_PENDING_QUEUE_URL": "http://folder/pending",
    "BACKBURNER_BACKLOG_QUEUE_URL": "http://folder/backlog",
    "BACKBURNER_DEAD_QUEUE_URL": "http://folder/dead",
    "BACKBURNER_TICKS_PER_MINUTE": "1",
}
"""Settings that are the same for every folder, which has no timer."""
_CHECKER: Final = "the checker's next tick"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Bucket, queues and extractor. `carrier` is what will carry out the operator's requests, in words."""

    settings: Settings
    identity: str
    """Unique to the deployment."""
    bucket: Bucket
    pending: CountedQueue
    backlog: CountedQueue
    dead: CountedQueue
    extractor: Extractor
    memory: MemoryBudget
    carrier: str = _CHECKER
    hint: str = ""
    """What the operator has to do first so that requests are carried out, if anything."""

    def say_hint(self, *, is_needed: bool) -> None:
        """Print the hint on standard error, if there is one."""
        if is_needed and self.hint:
            from backburner_cli.terminal import err

            err.print(self.hint, markup=False)

    def ports(self, generator: Generator) -> Ports:
        """All ports of the core, with this provider."""
        from backburner.adapters.clock import SystemClock
        from backburner.wiring.foundation import Ports

        return Ports(
            bucket=self.bucket,
            pending=self.pending,
            backlog=self.backlog,
            dead=self.dead,
            generator=generator,
            extractor=self.extractor,
            clock=SystemClock(),
            memory=self.memory,
        )


@asynccontextmanager
async def reached(environment: Mapping[str, str]) -> AsyncIterator[Backend]:
    """The bucket and queues that an environment names, until the block ends. Raises `ConfigError`, `CommandError`."""
    settings = from_env(environment, needs_key=False)
    if named := environment.get(FOLDER_STATE):
        from backburner_cli.operator.folder_states import state_of

        async with _folder(settings, state_of(Path(named))) as backend:
            yield backend
        return
    from backburner.adapters.connect import reach

    cloud = reach(settings, environment)
    try:
        yield Backend(
            settings=settings,
            identity=f"{cloud.bucket.calls.account.s3_url} {settings.bucket}",
            bucket=cloud.bucket,
            pending=cloud.pending,
            backlog=cloud.backlog,
            dead=cloud.dead,
            extractor=cloud.extractor,
            memory=cloud.memory,
        )
    finally:
        await cloud.drop_connections()


@asynccontextmanager
async def _folder(settings: Settings, state: RunState) -> AsyncIterator[Backend]:
    """The backend of a folder, for one more process that works on it but runs nothing.

    Messages that it has sent are visible to others once it has left.
    """
    from backburner.adapters.folder.database import Database
    from backburner.adapters.folder.presence import Presence
    from backburner_cli.operator.folder_ports import folder_ports
    from backburner_cli.operator.folder_states import COMMAND

    presence = Presence(folder=state.processes, name=f"{COMMAND}{secrets.token_hex(6)}")
    database = Database(state.database)
    ports = folder_ports(state, database, presence.name)
    presence.enter()
    try:
        yield Backend(
            settings=settings,
            identity=str(state.state),
            bucket=ports.bucket,
            pending=ports.pending,
            backlog=ports.backlog,
            dead=ports.dead,
            extractor=ports.extractor,
            memory=ports.memory,
            **_carried_out(state),
        )
    finally:
        with suppress(Exception):
            await presence.leave(ports.bucket.objects)
        database.close()


def _carried_out(state: RunState) -> dict[str, str]:
    if state.is_at_work:
        return {"carrier": "the backburner run at work in this folder"}
    remedy = f"No backburner run is at work in {state.folder}: start it again with the same options to carry this out."
    return {"carrier": "the next backburner run in this folder", "hint": remedy}
