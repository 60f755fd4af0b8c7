"""The outside world as the settings name it: the one place where core and adapters meet."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from backburner.adapters.clock import SystemClock
from backburner.adapters.extraction import DEFAULT_MEMORY_BYTES, ChildExtractor
from backburner.adapters.queues import SqsQueue
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import api_key
from backburner.adapters.storage import S3Bucket
from backburner.errors import ConfigError
from backburner.parts import Parts, Ports, assemble
from backburner.ports import Generator
from backburner.settings import Settings, from_env

_THREADS = 32
"""Calls to bucket and queues at the same time; boto3 gains nothing from more on one core."""
_NETWORK = Config(
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=_THREADS,
    retries={"mode": "standard", "max_attempts": 4},
)


_OWN_MEMORY_MB = 256
"""What a function needs beside the child that reads a document."""
_LEAST_MEMORY_MB = 200


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Bucket and queues as the settings name them, and the reader of documents."""

    bucket: S3Bucket
    pending: SqsQueue
    backlog: SqsQueue
    dead: SqsQueue
    extractor: ChildExtractor

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
        )


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A function's parts, and the loop they run in: kept, since pooled connections belong to their loop."""

    settings: Settings
    parts: Parts
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)


def reach(settings: Settings, environment: Mapping[str, str]) -> Cloud:
    """Make the clients; reaches nothing yet. Raises `ConfigError` where no region is known."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="backburner")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")  # boto3 reads only the second
    session = boto3.session.Session(region_name=region)
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
        extractor=ChildExtractor(memory_bytes=_memory_bytes(environment)),
    )


def connect(environment: Mapping[str, str] = os.environ, *, create_limit_s: float, swap_tries: int) -> Connected:
    """Read the settings and put a function together. Raises `ConfigError`; reaches nothing yet."""
    settings = from_env(environment)
    generator = ResponsesApi(
        base_url=settings.base_url,
        api_key=partial(api_key, settings),
        project=settings.project,
        organization=settings.organization,
    )
    ports = reach(settings, environment).ports(generator)
    parts = assemble(settings, ports, create_limit_s=create_limit_s, swap_tries=swap_tries)
    return Connected(settings=settings, parts=parts)


def _memory_bytes(environment: Mapping[str, str]) -> int:
    """What a child may use: the function's memory less our own, where the cloud tells how much that is."""
    told_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not told_mb.isdecimal():
        return DEFAULT_MEMORY_BYTES
    return max(_LEAST_MEMORY_MB, int(told_mb) - _OWN_MEMORY_MB) * 1024 * 1024
