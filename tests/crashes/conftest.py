"""A local S3 and SQS for the session, and stages on it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from backburner_cli.standin import StandIn, Timing, serve
from crashes.stage import REGION, Stage
from support.proxy import serve_proxy

NewStage = Callable[..., Stage]
AT_ONCE = Timing(queued_s=0.05, running_s=0, per_1000_tokens_s=0, slow_s=0.2, drip_every_s=0.01)


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow sockets: these tests speak with servers of their own."""


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a local S3 and SQS."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def clients(endpoint: str) -> Iterator[tuple[Any, Any]]:
    """Clients of the local S3 and SQS that go past the proxies."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    config = Config(connect_timeout=5, read_timeout=20)
    with (
        closing(boto3.client("s3", endpoint_url=endpoint, config=config, **keys)) as s3,
        closing(boto3.client("sqs", endpoint_url=endpoint, config=config, **keys)) as sqs,
    ):
        yield s3, sqs


@pytest.fixture
def new_stage(endpoint: str, clients: tuple[Any, Any], tmp_path: Path) -> Iterator[NewStage]:
    """Stages for one test, each with a provider of its own that is done as soon as it is asked."""
    with ExitStack() as stack:

        def make(**settings: str) -> Stage:
            running = stack.enter_context(serve(StandIn("openai", timing=AT_ONCE)))
            cloud = stack.enter_context(serve_proxy(endpoint))
            provider = stack.enter_context(serve_proxy(running.base_url))
            return Stage(*clients, cloud, endpoint, provider, running, tmp_path / "handlers.log", settings)

        yield make


@pytest.fixture
def stage(new_stage: NewStage) -> Stage:
    """A stage with the usual settings."""
    return new_stage()
