"""The outside world as the settings name it: the one place where core and adapters meet."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import boto3
from botocore.config import Config

from backburner.adapters.clock import SystemClock
from backburner.adapters.queues import SqsQueue
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import api_key
from backburner.adapters.storage import S3Bucket
from backburner.parts import Parts, Ports, assemble
from backburner.settings import Settings, from_env

_THREADS = 32
"""Calls to bucket and queues at the same time; boto3 gains nothing from more on one core."""
_NETWORK = Config(
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=_THREADS,
    retries={"mode": "standard", "max_attempts": 4},
)


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A function's parts, and the loop they run in: kept, since pooled connections belong to their loop."""

    settings: Settings
    parts: Parts
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)


def connect(environment: Mapping[str, str] = os.environ, *, create_limit_s: float, swap_tries: int) -> Connected:
    """Read the settings and make the clients. Raises `ConfigError`; reaches nothing yet."""
    settings = from_env(environment)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="backburner")
    queue = partial(SqsQueue, client=boto3.client("sqs", config=_NETWORK), threads=threads)
    ports = Ports(
        bucket=S3Bucket(client=boto3.client("s3", config=_NETWORK), name=settings.bucket, threads=threads),
        pending=queue(url=settings.pending_queue_url),
        backlog=queue(url=settings.backlog_queue_url),
        dead=queue(url=settings.dead_queue_url),
        generator=ResponsesApi(
            base_url=settings.base_url,
            api_key=partial(api_key, settings),
            project=settings.project,
            organization=settings.organization,
        ),
        clock=SystemClock(),
    )
    return Connected(
        settings=settings, parts=assemble(settings, ports, create_limit_s=create_limit_s, swap_tries=swap_tries)
    )
