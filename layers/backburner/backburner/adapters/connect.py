"""The outside world as the settings name it: the one place where core and adapters meet."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from backburner.adapters.clock import SystemClock
from backburner.adapters.extraction import ChildExtractor
from backburner.adapters.queryprotocol import QueryLoader
from backburner.adapters.queues import SqsQueue
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import ProviderKey
from backburner.adapters.storage import S3Bucket
from backburner.capacity.timing import Pace
from backburner.errors import ConfigError
from backburner.memory.budget import DEFAULT_LARGE_BYTES, MEBIBYTE, MemoryBudget
from backburner.ports import Generator
from backburner.settings import QueueProtocol, Settings, from_env
from backburner.wiring import Core, Ports, assemble

T = TypeVar("T")
_THREADS = 32
"""Calls to bucket and queues at the same time; boto3 gains nothing from more on one core."""
_NETWORK = Config(
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=_THREADS,
    retries={"mode": "standard", "max_attempts": 4},
    request_checksum_calculation="when_required",  # S3-compatible services need not know Amazon's newer checksums
    response_checksum_validation="when_required",
)
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

    def ports(self, generator: Generator) -> Ports:
        """The outside world, with a provider."""
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

    def drop_connections(self) -> None:
        """Close what is pooled; the next call opens anew."""
        for client in (self.bucket.client, self.pending.client):
            client.close()


@dataclass(kw_only=True)
class Connected:
    """A function's core, and the loop it runs in: kept, since pooled connections belong to their loop."""

    settings: Settings
    core: Core
    cloud: Cloud
    generator: ResponsesApi
    key: ProviderKey
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _rested_at: float = field(default_factory=time.time)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], context: object) -> T:
        """Run a call of the function. Raises `ConfigError` where there is no key, and whatever the work raises."""
        self.key.take(context)
        if time.time() - self._rested_at > _IDLE_S:  # the wall clock: others may stand still in a suspended instance
            self.cloud.drop_connections()
            self.runner.run(self.generator.drop_connections())
        try:
            return self.runner.run(work())
        finally:
            self._rested_at = time.time()


def reach(settings: Settings, environment: Mapping[str, str]) -> Cloud:
    """Make the clients; reaches nothing yet. Raises `ConfigError` where no region is known."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="backburner")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")  # boto3 reads only the second
    memory = MemoryBudget(large_bytes=_large_bytes(environment))
    session = boto3.session.Session(region_name=region, botocore_session=speaking(settings.queue_protocol))
    try:
        bucket = S3Bucket(client=session.client("s3", config=_NETWORK), name=settings.bucket, threads=threads)
        queue = partial(SqsQueue, client=session.client("sqs", config=_NETWORK), threads=threads)
    except BotoCoreError as error:
        raise ConfigError(f"no client for bucket and queues: {error} Set AWS_REGION.") from error
    return Cloud(
        bucket=bucket,
        pending=queue(url=settings.pending_queue_url),
        backlog=queue(url=settings.backlog_queue_url),
        dead=queue(url=settings.dead_queue_url),
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        memory=memory,
    )


def speaking(protocol: QueueProtocol) -> botocore.session.Session | None:
    """A session whose SQS speaks the older protocol, None where the usual one will do."""
    if protocol is QueueProtocol.JSON:
        return None
    session = botocore.session.Session()
    session.register_component("data_loader", QueryLoader(session.get_config_variable("data_path")))
    return session


def connect(environment: Mapping[str, str] = os.environ, *, create_limit_s: float, swap_tries: int) -> Connected:
    """Read the settings and put a function together. Raises `ConfigError`; reaches nothing yet."""
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
    core = assemble(settings, cloud.ports(generator), create_limit_s=create_limit_s, swap_tries=swap_tries)
    return Connected(settings=settings, core=core, cloud=cloud, generator=generator, key=key)


def _large_bytes(environment: Mapping[str, str]) -> int:
    """What a child or a large document may use: the function's memory less our own, where the cloud tells it."""
    told_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not told_mb.isdecimal():
        return DEFAULT_LARGE_BYTES
    return max(_LEAST_MEMORY_MB, int(told_mb) - _OWN_MEMORY_MB) * MEBIBYTE
