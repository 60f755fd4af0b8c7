"""Clients of the local S3 and SQS, and the two subjects of every contract."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from backburner.adapters.connect import speaking
from backburner.adapters.folder.queues import FolderQueue
from backburner.adapters.queues import SqsQueue
from backburner.adapters.storage import S3Bucket
from backburner.ports import Bucket, Queue
from backburner.settings import QueueProtocol
from support.cloud import client
from support.fakes import FakeBucket, FakeQueue, World
from support.folders import FolderPorts, folder_ports
from support.proxy import Proxy, serve_proxy

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]
VISIBILITY_S = 30
_NAMES = itertools.count()


@dataclass(frozen=True)
class BucketSubject:
    """A bucket under contract, and how to run what speaks to it."""

    kind: str
    bucket: Bucket
    run: Run


@dataclass(frozen=True)
class QueueSubject:
    """A queue under contract; `pass_s` lets so much time pass."""

    kind: str
    queue: Queue
    run: Run


@pytest.fixture(scope="session")
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for the calls of boto3."""
    with ThreadPoolExecutor(16) as executor:
        yield executor


def quick_client(service: str, endpoint: str) -> Any:
    """A client with short limits and at most one retry."""
    limits = {"connect_timeout": 2, "read_timeout": 5, "retries": {"mode": "standard", "max_attempts": 2}}
    return client(service, endpoint, **limits)


@pytest.fixture(scope="session")
def s3(endpoint: str) -> Any:
    """A client of the local S3."""
    return quick_client("s3", endpoint)


@pytest.fixture(scope="session")
def sqs(endpoint: str) -> Any:
    """A client of the local SQS."""
    return quick_client("sqs", endpoint)


@pytest.fixture(scope="session")
def sqs_query(endpoint: str) -> Any:
    """A client of the local SQS that speaks the older form protocol."""
    session = boto3.session.Session(botocore_session=speaking(QueueProtocol.QUERY), region_name="eu-central-1")
    return session.client("sqs", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture(scope="session")
def proxied(endpoint: str) -> Iterator[tuple[Proxy, Any]]:
    """A proxy in front of the local cloud, and an S3 client that goes through it."""
    with serve_proxy(endpoint) as proxy:
        yield proxy, quick_client("s3", proxy.url)


@pytest.fixture
def new_bucket(s3: Any, threads: ThreadPoolExecutor) -> S3Bucket:
    """A bucket of the test's own."""
    name = f"bucket-{next(_NAMES)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return S3Bucket(client=s3, name=name, threads=threads)


@pytest.fixture
def wire(new_bucket: S3Bucket, proxied: tuple[Proxy, Any], threads: ThreadPoolExecutor) -> Iterator[Any]:
    """The test's own bucket through a proxy: `wire.proxy`, `wire.bucket`, `wire.direct`."""
    proxy, through = proxied
    proxy.requests.clear()
    yield Wire(proxy, S3Bucket(client=through, name=new_bucket.name, threads=threads), new_bucket)
    proxy.rule = lambda _: None


@dataclass(frozen=True)
class Wire:
    """A bucket that is reached through a proxy, and directly."""

    proxy: Proxy
    bucket: S3Bucket
    direct: S3Bucket


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Callable[[], FolderPorts]]:
    """Bucket and queues over a folder; each call is another process's view of the same ones."""
    opened: list[FolderPorts] = []

    def reach() -> FolderPorts:
        opened.append(folder_ports(tmp_path, name=f"process{len(opened)}"))
        return opened[-1]

    yield reach
    for ports in opened:
        ports.database.close()


@pytest.fixture(params=["fake", "s3", "folder"])
def bucket(request: pytest.FixtureRequest) -> BucketSubject:
    """Each kind of bucket in turn."""
    if request.param == "folder":
        return BucketSubject("folder", request.getfixturevalue("folder")().bucket, asyncio.run)
    if request.param == "fake":
        world = World()
        return BucketSubject("fake", FakeBucket(world), world.run)
    return BucketSubject("s3", request.getfixturevalue("new_bucket"), asyncio.run)


@pytest.fixture
def new_queue(sqs: Any, threads: ThreadPoolExecutor) -> SqsQueue:
    """A queue of the test's own."""
    attributes = {"VisibilityTimeout": str(VISIBILITY_S)}
    url = sqs.create_queue(QueueName=f"queue-{next(_NAMES)}", Attributes=attributes)["QueueUrl"]
    return SqsQueue(client=sqs, url=url, threads=threads)


@pytest.fixture(params=["fake", "sqs", "sqs-query", "folder"])
def queue(request: pytest.FixtureRequest) -> QueueSubject:
    """Each kind of queue in turn; `sqs-query` speaks the older form protocol."""
    if request.param == "folder":
        ports: FolderPorts = request.getfixturevalue("folder")()
        return QueueSubject("folder", FolderQueue(room=ports.room, name="q", visible_s=VISIBILITY_S), asyncio.run)
    if request.param == "fake":
        world = World()
        return QueueSubject("fake", FakeQueue(world, visibility=VISIBILITY_S), world.run)
    queue: SqsQueue = request.getfixturevalue("new_queue")
    if request.param == "sqs-query":
        queue = dataclasses.replace(queue, client=request.getfixturevalue("sqs_query"), _cache={})
    return QueueSubject("sqs", queue, asyncio.run)
