"""The outside world as the settings name it: the one place where core and adapters meet."""

import asyncio
import atexit
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import uvloop

from backburner.adapters.account import account
from backburner.adapters.channels import channels
from backburner.adapters.clock import SystemClock
from backburner.adapters.extraction import ChildExtractor
from backburner.adapters.http import Http
from backburner.adapters.queues import SqsQueue, queue_calls
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import ProviderKey
from backburner.adapters.storage import S3Bucket, store_calls
from backburner.capacity.timing import Pace
from backburner.memory.budget import DEFAULT_LARGE_BYTES, MEBIBYTE, MemoryBudget
from backburner.ports import Channel, Generator
from backburner.settings import Settings, from_env
from backburner.wiring import Core, Ports, assemble

T = TypeVar("T")
_CONNECT_S, _READ_S = 5.0, 20.0
_IDLE_S = 3.0
"""Longer without a call, and a suspended instance may hold connections that are dead and do not know it."""


_OWN_MEMORY_MB = 256
"""What a function needs beside a large document, or the child that reads one: itself, and `memory.OWN_BYTES`."""
_LEAST_MEMORY_MB = 200


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Bucket and queues as the settings name them, and the reader of documents."""

    bucket: S3Bucket
    pending: SqsQueue
    backlog: SqsQueue
    dead: SqsQueue
    extractor: ChildExtractor
    memory: MemoryBudget
    http: Http

    def ports(self, generator: Generator, told: Sequence[Channel] = ()) -> Ports:
        """The outside world, with a provider, and whoever is told that something has ended."""
        return Ports(
            bucket=self.bucket,
            pending=self.pending,
            backlog=self.backlog,
            dead=self.dead,
            generator=generator,
            extractor=self.extractor,
            clock=SystemClock(),
            memory=self.memory,
            channels=told,
        )

    async def drop_connections(self) -> None:
        """Close what is pooled; the next call opens anew. Must have been called before the loop of the calls ends."""
        await self.http.close()


@dataclass(kw_only=True, repr=False)
class Connected:
    """A function's core, and the loop it runs in: kept, since pooled connections belong to their loop."""

    settings: Settings
    core: Core
    cloud: Cloud
    generator: ResponsesApi
    key: ProviderKey
    runner: asyncio.Runner = field(default_factory=partial(asyncio.Runner, loop_factory=uvloop.new_event_loop))
    _rested_at: float = field(default_factory=time.time)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], context: object) -> T:
        """Run a call of the function. Raises `ConfigError` where there is no key, and whatever the work raises."""
        self.key.take(context)
        if time.time() - self._rested_at > _IDLE_S:  # the wall clock: others may stand still in a suspended instance
            self.runner.run(self._drop_connections())
        try:
            return self.runner.run(work())
        finally:
            self._rested_at = time.time()

    def close(self) -> None:
        """Close all connections and the loop: nothing can be run any more."""
        atexit.unregister(self.close)
        self.runner.run(self._drop_connections())
        self.runner.close()

    async def _drop_connections(self) -> None:
        await self.cloud.drop_connections()
        await self.generator.drop_connections()


def reach(settings: Settings, environment: Mapping[str, str]) -> Cloud:
    """Make the clients; reaches nothing yet. Raises `ConfigError` where no region is known."""
    memory, cloud = MemoryBudget(large_bytes=_large_bytes(environment)), account(environment)
    http = Http(connect_s=_CONNECT_S, read_s=_READ_S, ca_file=cloud.ca_file)
    queue = partial(SqsQueue, calls=queue_calls(http, cloud), protocol=settings.queue_protocol)
    return Cloud(
        bucket=S3Bucket(calls=store_calls(http, cloud), name=settings.bucket),
        pending=queue(url=settings.pending_queue_url),
        backlog=queue(url=settings.backlog_queue_url),
        dead=queue(url=settings.dead_queue_url),
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        memory=memory,
        http=http,
    )


def connect(
    environment: Mapping[str, str] = os.environ, *, create_limit_s: float, swap_tries: int, tells: bool = False
) -> Connected:
    """Read the settings and put a function together; `tells`: whether it tells what has ended, where that is wanted.

    Raises `ConfigError`; reaches nothing yet.
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
    told = channels(settings, cloud.http, account(environment), environment) if tells else []
    core = assemble(settings, cloud.ports(generator, told), create_limit_s=create_limit_s, swap_tries=swap_tries)
    connected = Connected(settings=settings, core=core, cloud=cloud, generator=generator, key=key)
    atexit.register(connected.close)
    return connected


def _large_bytes(environment: Mapping[str, str]) -> int:
    """What a child or a large document may use: the function's memory less our own, where the cloud tells it."""
    told_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not told_mb.isdecimal():
        return DEFAULT_LARGE_BYTES
    return max(_LEAST_MEMORY_MB, int(told_mb) - _OWN_MEMORY_MB) * MEBIBYTE
