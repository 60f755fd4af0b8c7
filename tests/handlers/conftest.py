"""A local S3 and SQS for the whole session, and worlds for the handlers on it."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from moto.sqs.models import SQSBackend

from backburner_cli.standin import StandIn, serve

from .world import AT_ONCE, World, client

NewWorld = Callable[..., World]
_FOREIGN = ("AWS_", "OPENAI_", "BACKBURNER_")
"""What the machine's own environment may hold and the handlers would read."""


@pytest.fixture(autouse=True, scope="session")
def _sockets() -> None:
    """Sockets stay open: these tests speak with servers of their own."""


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
def cloud(endpoint: str) -> Iterator[tuple[Any, Any]]:
    """Clients of the local S3 and SQS."""
    s3, sqs = client("s3", endpoint), client("sqs", endpoint)
    yield s3, sqs
    s3.close()
    sqs.close()


def worlds(endpoint: str, cloud: tuple[Any, Any]) -> Iterator[NewWorld]:
    """A way to make worlds; the last one made is the one whose environment stands."""
    s3, sqs = cloud
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
            patch.delenv(name)

        def make(
            provider: str = "openai",
            profile: Any = "openai",
            visibility_s: int = 120,
            context_tokens: int = 128_000,
            **settings: str,
        ) -> World:
            running = stack.enter_context(serve(StandIn(profile, timing=AT_ONCE, context_tokens=context_tokens)))
            made = World(s3, sqs, endpoint, running, provider, settings, visibility_s)
            for name, value in made.environment.items():
                patch.setenv(name, value)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def new_world(endpoint: str, cloud: tuple[Any, Any]) -> Iterator[NewWorld]:
    """Worlds for one test."""
    yield from worlds(endpoint, cloud)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A world with a provider that behaves."""
    return new_world()


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that are empty say so at once: for tests whose many ticks would wait for that most of the time."""
    receive: Any = SQSBackend.receive_message

    def receive_at_once(queues: SQSBackend, name: str, count: int, _wait_s: int, *more: Any) -> Any:
        return receive(queues, name, count, 0, *more)

    monkeypatch.setattr(SQSBackend, "receive_message", receive_at_once)
