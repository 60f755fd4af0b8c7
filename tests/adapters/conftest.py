"""Clients of the local S3 and SQS, and the subjects of every contract."""

import asyncio
import dataclasses
import itertools
import warnings
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backburner.adapters.account import Account, account
from backburner.adapters.folder.queues import FolderQueue
from backburner.adapters.http import Http
from backburner.adapters.queues import SqsQueue, queue_calls
from backburner.adapters.storage import S3Bucket, store_calls
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
_TRIES = 2
POOL = Http(connect_s=2, read_s=5)
"""The pool that all adapters here share; it belongs to the loop of one `run` at a time."""


@dataclass(frozen=True)
class BucketSubject:
    """A bucket under contract, and how to run a story that calls it."""

    kind: str
    bucket: Bucket
    run: Run


@dataclass(frozen=True)
class QueueSubject:
    """A queue under contract; `pass_s` lets this much time pass."""

    kind: str
    queue: Queue
    run: Run


def run(story: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, but the connections are closed before the loop ends."""

    async def story_and_close() -> T:
        try:
            return await story
        finally:
            await POOL.close()

    return asyncio.run(story_and_close())


def at(url: str) -> Account:
    """An account at a local address."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return account({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": url, **keys})


def bucket_at(url: str, name: str) -> S3Bucket:
    """A bucket whose calls are tried at most twice."""
    return S3Bucket(calls=store_calls(POOL, at(url), tries=_TRIES), name=name)


def queue_at(url: str, queue_url: str) -> SqsQueue:
    """A queue whose calls are tried at most twice."""
    return SqsQueue(calls=queue_calls(POOL, at(url), tries=_TRIES), url=queue_url)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def tell(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a story in a loop that must have nothing left in it at the end."""

    def run(story: Coroutine[Any, Any, Any]) -> Any:
        async def story_and_close() -> Any:
            outcome = await story
            async with asyncio.timeout(1):
                while len(asyncio.all_tasks()) > 1:  # a server may not have noticed yet that its client left
                    await asyncio.sleep(0.001)
            timers = getattr(asyncio.get_running_loop(), "_scheduled", [])
            assert not [timer for timer in timers if not timer.cancelled()]
            return outcome

        with warnings.catch_warnings(), asyncio.Runner(loop_factory=request.param) as runner:
            warnings.simplefilter("error")
            return runner.run(story_and_close())

    return run


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("store.test")]
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a store")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    hidden = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(hidden + made.public_bytes(pem))
    return path


@pytest.fixture(scope="session")
def s3(endpoint: str) -> Any:
    """A client of the local S3."""
    return client("s3", endpoint)


@pytest.fixture(scope="session")
def sqs(endpoint: str) -> Any:
    """A client of the local SQS."""
    return client("sqs", endpoint)


@pytest.fixture(scope="session")
def proxied(endpoint: str) -> Iterator[Proxy]:
    """A proxy in front of the local cloud."""
    with serve_proxy(endpoint) as proxy:
        yield proxy


@pytest.fixture
def new_bucket(s3: Any, endpoint: str) -> S3Bucket:
    """A bucket for this test only."""
    name = f"bucket-{next(_NAMES)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return bucket_at(endpoint, name)


@pytest.fixture
def wire(new_bucket: S3Bucket, proxied: Proxy) -> Iterator[Any]:
    """The test's bucket through a proxy: `wire.proxy`, `wire.bucket`, `wire.direct`."""
    proxied.requests.clear()
    yield Wire(proxied, bucket_at(proxied.url, new_bucket.name), new_bucket)
    proxied.rule = lambda _: None


@dataclass(frozen=True)
class Wire:
    """A bucket that can be reached through a proxy or directly."""

    proxy: Proxy
    bucket: S3Bucket
    direct: S3Bucket


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Callable[[], FolderPorts]]:
    """A bucket and queues over a folder; each call gives another process's view of the same ones."""
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
    return BucketSubject("s3", request.getfixturevalue("new_bucket"), run)


@pytest.fixture
def new_queue(sqs: Any, endpoint: str) -> SqsQueue:
    """A queue for this test only."""
    attributes = {"VisibilityTimeout": str(VISIBILITY_S)}
    url = sqs.create_queue(QueueName=f"queue-{next(_NAMES)}", Attributes=attributes)["QueueUrl"]
    return queue_at(endpoint, url)


@pytest.fixture(params=["fake", "sqs", "sqs-query", "folder"])
def queue(request: pytest.FixtureRequest) -> QueueSubject:
    """Each kind of queue in turn; `sqs-query` uses the older query protocol."""
    if request.param == "folder":
        ports: FolderPorts = request.getfixturevalue("folder")()
        return QueueSubject("folder", FolderQueue(room=ports.room, name="q", visible_s=VISIBILITY_S), asyncio.run)
    if request.param == "fake":
        world = World()
        return QueueSubject("fake", FakeQueue(world, visibility=VISIBILITY_S), world.run)
    queue: SqsQueue = request.getfixturevalue("new_queue")
    if request.param == "sqs-query":
        queue = dataclasses.replace(queue, protocol=QueueProtocol.QUERY, _cache={})
    return QueueSubject("sqs", queue, run)
