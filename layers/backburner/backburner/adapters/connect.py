"""Connects the core to the adapters that the settings name: the composition root of both functions."""

import asyncio
import atexit
import gc
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from backburner.adapters.quick_imports import no_collection

with no_collection():  # half of what a process that finds nothing to do takes is imports
    import uvloop

    from backburner.adapters.account import account
    from backburner.adapters.channels import channels
    from backburner.adapters.clock import SystemClock
    from backburner.adapters.extraction import ChildExtractor
    from backburner.adapters.http import IDLE_S, Http
    from backburner.adapters.queues import SqsQueue, queue_calls
    from backburner.adapters.responses import ResponsesApi
    from backburner.adapters.secret import ProviderKey
    from backburner.adapters.storage import S3Bucket, store_calls
    from backburner.capacity.timing import Pace
    from backburner.memory.budget import DEFAULT_LARGE_BYTES, MEBIBYTE, MemoryBudget
    from backburner.ports import Channel, Generator
    from backburner.settings import Settings, from_env
    from backburner.wiring.core import Core, assemble
    from backburner.wiring.foundation import Ports

T = TypeVar("T")
_CONNECT_S, _READ_S = 5.0, 20.0


_OWN_MEMORY_MB = 256
"""What a function needs beside a large document, or the child that reads one: Python, and `memory.OWN_BYTES`."""
_MIN_MEMORY_MB = 200


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The bucket and queues that the settings name, and the extractor."""

    bucket: S3Bucket
    pending: SqsQueue
    backlog: SqsQueue
    dead: SqsQueue
    ticks: SqsQueue | None
    extractor: ChildExtractor
    memory: MemoryBudget
    http: Http

    def ports(self, generator: Generator, notified: Sequence[Channel] = ()) -> Ports:
        """All ports of the core, with this provider and these channels."""
        return Ports(
            bucket=self.bucket,
            pending=self.pending,
            backlog=self.backlog,
            dead=self.dead,
            generator=generator,
            extractor=self.extractor,
            clock=SystemClock(),
            memory=self.memory,
            channels=notified,
            ticks=self.ticks,
        )

    async def drop_connections(self) -> None:
        """Close pooled connections; the next call opens new ones. Call it before the event loop of the calls ends."""
        await self.http.close()


@dataclass(kw_only=True, repr=False)
class Connected:
    """A function's core, and its event loop, which is kept because pooled connections belong to a loop."""

    settings: Settings
    core: Core
    cloud: Cloud
    generator: ResponsesApi
    key: ProviderKey
    runner: asyncio.Runner = field(default_factory=partial(asyncio.Runner, loop_factory=uvloop.new_event_loop))
    _rested_at: float = field(default_factory=time.time)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], context: object) -> T:
        """Run one call of the function. Raises `ConfigError` if there is no key, and whatever the work raises."""
        self.key.take(context)
        if time.time() - self._rested_at > IDLE_S:  # the wall clock: the pool's own may stop in a suspended instance
            self.runner.run(self._drop_connections())
        try:
            return self.runner.run(work())
        finally:
            self._rested_at = time.time()

    def close(self) -> None:
        """Close all connections and the loop; `run` cannot be called again."""
        atexit.unregister(self.close)
        self.runner.run(self._drop_connections())
        self.runner.close()

    async def _drop_connections(self) -> None:
        await self.cloud.drop_connections()
        await self.generator.drop_connections()


def reach(settings: Settings, environment: Mapping[str, str]) -> Cloud:
    """Make the clients; makes no call yet. Raises `ConfigError` if no region is known."""
    memory, cloud = MemoryBudget(large_bytes=_large_bytes(environment)), account(environment)
    http = Http(connect_s=_CONNECT_S, read_s=_READ_S, ca_file=cloud.ca_file)
    queue = partial(SqsQueue, calls=queue_calls(http, cloud), protocol=settings.queue_protocol)
    return Cloud(
        bucket=S3Bucket(calls=store_calls(http, cloud), name=settings.bucket),
        pending=queue(url=settings.pending_queue_url),
        backlog=queue(url=settings.backlog_queue_url),
        dead=queue(url=settings.dead_queue_url),
        ticks=None if settings.ticks_queue_url is None else queue(url=settings.ticks_queue_url),
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        memory=memory,
        http=http,
    )


def connect(
    environment: Mapping[str, str] = os.environ, *, create_limit_s: float, swap_tries: int, notifies: bool = False
) -> Connected:
    """Read the settings and assemble a function; `notifies`: whether it sends notifications, if they are on.

    Raises `ConfigError`; makes no call yet.
    """
    settings = from_env(environment)
    key, cloud, rate = ProviderKey(settings=settings), reach(settings, environment), settings.profile.creates_per_second
    generator = ResponsesApi(
        base_url=settings.base_url,
        api_key=key,
        keeps_key=not key.is_token,
        project=settings.project,
        organization=settings.organization,
        creates=None if rate is None else Pace(rate, SystemClock()),
    )
    notified = channels(settings, cloud.http, account(environment), environment) if notifies else []
    core = assemble(settings, cloud.ports(generator, notified), create_limit_s=create_limit_s, swap_tries=swap_tries)
    connected = Connected(settings=settings, core=core, cloud=cloud, generator=generator, key=key)
    atexit.register(connected.close)
    gc.freeze()  # what is there now stays: the garbage collector need not search it each time
    return connected


def _large_bytes(environment: Mapping[str, str]) -> int:
    """What a child or a large document may use: the function's memory, if it is known, less our own share."""
    memory_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not memory_mb.isdecimal():
        return DEFAULT_LARGE_BYTES
    return max(_MIN_MEMORY_MB, int(memory_mb) - _OWN_MEMORY_MB) * MEBIBYTE
