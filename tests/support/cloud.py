"""A local S3 and SQS for all tests of a worker: each test makes a bucket and queues of its own in it.

    with serve_cloud() as endpoint:
        s3, sqs = client("s3", endpoint), client("sqs", endpoint)

Two things differ from the server as it comes. A conditional put is one step, as in S3: the server itself looks and then
writes, so that two puts at once would both win. And a receive from an empty queue answers after a moment instead of the
seconds that it was asked to wait, since no test waits for what does not come; `patient_queues` restores them.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import JSONFileLoader
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.sqs.models import SQSBackend, sqs_backends

from support.moto_server import Answer, App, Environ, serve_moto

REGION = "eu-central-1"
WAIT_S = 0.2
"""How long a receive from an empty queue waits if it was to wait for seconds."""
_receive: Callable[..., Any] = SQSBackend.receive_message
_description = cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda _, path: _description(path)
"""Otherwise each session of boto3 would read the services' descriptions again, a megabyte each."""


@contextlib.contextmanager
def serve_cloud() -> Iterator[str]:
    """Run the server on a free local port while the block runs, and give its address."""
    with serve_moto(_one_write_at_a_time) as endpoint, _receives(_hurried):
        yield endpoint


@contextlib.contextmanager
def patient_queues() -> Iterator[None]:
    """Let receives wait for messages for as long as they ask while the block runs."""
    with _receives(_receive):
        yield


def client(service: str, endpoint: str, region: str = REGION, **limits: Any) -> Any:
    """A client of the local cloud."""
    limits = {"connect_timeout": 5, "read_timeout": 20, "max_pool_connections": 32} | limits
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(**limits),
    )


def objects(bucket: str) -> dict[str, Any]:
    """The objects of a bucket, from inside the server: their `last_modified` can be moved."""
    return dict(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.items())


def put(bucket: str, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
    """Put an object from inside the server, in a tenth of the time that a request takes."""
    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    made = store.put_object(bucket, key, body, storage="STANDARD")
    made.set_metadata({f"x-amz-meta-{name.lower()}": value for name, value in metadata.items()})
    made.set_acl(store.get_bucket(bucket).acl)


def messages(queue_url: str, region: str = REGION) -> list[Any]:
    """The messages of a queue, visible or not, from inside the server: their times can be moved."""
    return list(sqs_backends[DEFAULT_ACCOUNT_ID][region].queues[queue_url.rsplit("/", 1)[1]]._messages)


def _one_write_at_a_time(app: App) -> App:
    writing = threading.Lock()

    def locked(environ: Environ) -> Answer:
        is_write = environ["REQUEST_METHOD"] in ("PUT", "DELETE")  # the queues' requests are all POST
        with writing if is_write else contextlib.nullcontext():
            return app(environ)

    return locked


@contextlib.contextmanager
def _receives(how: Callable[..., Any]) -> Iterator[None]:
    before = SQSBackend.receive_message
    SQSBackend.receive_message = how
    try:
        yield
    finally:
        SQSBackend.receive_message = before


def _hurried(queues: SQSBackend, name: str, count: int, wait_s: int, *more: Any) -> Any:
    found = _receive(queues, name, count, 0, *more)
    if found or not wait_s:
        return found
    time.sleep(WAIT_S)
    return _receive(queues, name, count, 0, *more)
