"""Everything a function needs, put together from the settings: the one place where core and adapters meet."""

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
from backburner.check import Checker
from backburner.finish import Finisher
from backburner.generate import Starter
from backburner.inbox import Inbox
from backburner.ledger import Ledger
from backburner.pacing import Durations, Pace
from backburner.settings import Settings, from_env
from backburner.submit import Submitter
from backburner.tick import Tick, WatchedQueue

_THREADS = 32
"""Calls to bucket and queues at the same time; boto3 gains nothing from more on one core."""
_NETWORK = Config(
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=_THREADS,
    retries={"mode": "standard", "max_attempts": 4},
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the two functions run, and the loop they run it in: kept, since pooled connections belong to their loop."""

    settings: Settings
    submitter: Submitter
    tick: Tick
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)


def connect(environment: Mapping[str, str] = os.environ, *, create_limit_s: float) -> Parts:
    """Read the settings and make the clients. Raises `ConfigError`; reaches nothing yet."""
    settings, clock = from_env(environment), SystemClock()
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="backburner")
    sqs = boto3.client("sqs", config=_NETWORK)
    bucket = S3Bucket(client=boto3.client("s3", config=_NETWORK), name=settings.bucket, threads=threads)
    queue = partial(SqsQueue, client=sqs, threads=threads)
    pending = WatchedQueue(queue=queue(url=settings.pending_queue_url), clock=clock)
    backlog = WatchedQueue(queue=queue(url=settings.backlog_queue_url), clock=clock)
    generator = ResponsesApi(
        base_url=settings.base_url,
        api_key=partial(api_key, settings),
        project=settings.project,
        organization=settings.organization,
    )
    ledger = Ledger(bucket)
    inbox = Inbox(
        bucket=bucket,
        ledger=ledger,
        bucket_name=settings.bucket,
        profile=settings.profile,
        project=settings.project,
        default_model=settings.model,
    )
    finisher = Finisher(bucket=bucket, ledger=ledger, inbox=inbox, pending=pending, clock=clock)
    starter = Starter(
        bucket=bucket,
        ledger=ledger,
        finisher=finisher,
        generator=generator,
        pending=pending,
        backlog=backlog,
        clock=clock,
        profile=settings.profile,
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        create_limit_s=create_limit_s,
    )
    submitter = Submitter(
        bucket=bucket,
        ledger=ledger,
        inbox=inbox,
        starter=starter,
        finisher=finisher,
        provider_name=settings.provider,
        base_url=settings.base_url,
    )
    checker = Checker(
        ledger=ledger,
        submitter=submitter,
        starter=starter,
        finisher=finisher,
        generator=generator,
        pending=pending,
        dead=queue(url=settings.dead_queue_url),
        profile=settings.profile,
        pace=Pace(settings.polls_per_second, clock),
        durations=Durations(),
        deadline_s=settings.deadline_s,
    )
    tick = Tick(
        checker=checker, pending=pending, backlog=backlog, clock=clock, polls_per_second=settings.polls_per_second
    )
    return Parts(settings=settings, submitter=submitter, tick=tick)
