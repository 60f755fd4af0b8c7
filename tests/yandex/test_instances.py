"""Instances take one call at a time, run side by side, are suspended and resumed, are cut off, and may lack a token."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from backburner.adapters.http import IDLE_S
from backburner_cli.local.yandex.events import object_event
from backburner_cli.local.yandex.instance import FunctionError, TimedOutError
from support.proxy import serve_proxy
from support.yandex_deployment import TOKEN, YandexDeployment

from .conftest import NewWorld

KEY = "inbox/letter.txt"


def test_two_instances_at_once_do_the_same_work_once(world: YandexDeployment) -> None:
    """With the same batch twice at once, then two ticks at once, there is one generation a document."""
    keys = [f"inbox/{number}.txt" for number in range(6)]
    for key in keys:
        world.upload(key, f"The document {key} speaks of the harbour.")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: world.submit(*keys), range(2)))
        assert len(world.function("submit").instances) == 2
        world.later(4)
        list(pool.map(lambda _: world.tick(), range(2)))
        assert len(world.function("checker").instances) == 2
    world.settle()
    assert world.problems() == []
    assert len(world.creates()) == 6


def test_a_call_that_takes_too_long_is_ended_and_nothing_is_lost(new_world: NewWorld) -> None:
    """The instance is killed in the middle of its create, and the guard takes over."""
    world = new_world(BACKBURNER_MODEL="stand-in/retrieve-slow")
    world.upload(KEY)
    with pytest.raises(TimedOutError):
        world.function("submit").invoke(object_event(world.bucket, [KEY]), 0.05)
    assert world.function("submit").instances == []
    world.submit(KEY)
    world.settle()
    assert world.problems() == []


class Blackhole:
    """Passes bytes on; `swallow` silently kills every connection that is open."""

    def __init__(self, upstream: str) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[tuple[socket.socket, threading.Event]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def swallow(self) -> None:
        """Silence all connections that are open now."""
        for _, dead in self._open:
            dead.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far, dead = socket.create_connection(self._upstream), threading.Event()
                self._open += [(near, dead), (far, dead)]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, target, dead), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, dead: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                if not dead.is_set():
                    target.sendall(chunk)
            if not dead.is_set():
                target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close every connection, and accept no more."""
        for one in (self._listener, *(one for one, _ in self._open)):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def blackholes() -> Iterator[Callable[[str], Blackhole]]:
    """A way to put a `Blackhole` in front of a server."""
    with contextlib.ExitStack() as stack:
        yield lambda upstream: stack.enter_context(contextlib.closing(Blackhole(upstream)))


def test_connections_that_died_in_a_suspended_instance_are_not_used(
    new_world: NewWorld, endpoint: str, blackholes: Callable[[str], Blackhole]
) -> None:
    """No create is lost on such a connection, so no orphan is suspected, and no read waits for it."""
    queues = blackholes(endpoint)
    world = new_world(queue_address=queues.url)
    provider = blackholes(world.running.base_url)
    submit = world.function("submit", OPENAI_BASE_URL=f"{provider.url}/v1")
    for key in (KEY, "inbox/other.txt"):
        world.upload(key, f"{key} speaks of the harbour.")
    world.submit(KEY)
    (instance,) = submit.instances
    instance.suspend()
    queues.swallow()
    provider.swallow()
    time.sleep(IDLE_S + 0.2)  # the one thing that only real time can do: a suspended clock
    instance.resume()
    began = time.monotonic()
    world.submit("inbox/other.txt")
    assert time.monotonic() - began < 5
    assert submit.instances == [instance]
    world.settle()
    assert world.problems() == []
    assert {world.run_record(key)["suspected_orphans"] for key in (KEY, "inbox/other.txt")} == {0}
    assert len(world.creates()) == 2


@contextlib.contextmanager
def metadata_service(value: str) -> Iterator[tuple[str, list[str | None]]]:
    """A metadata service that returns a token, and the flavour that it was asked with."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Metadata-Flavor"])
            body = json.dumps({"access_token": value, "expires_in": 43_200, "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize(("expires_s", "expected"), [(43_200, TOKEN), (300, "t1.renewed")])
def test_the_api_key_is_the_calls_own_token(new_world: NewWorld, expires_s: int, expected: str) -> None:
    """It comes with the call's context; one that might expire within the call is replaced before use."""
    token = {"access_token": TOKEN, "expires_in": expires_s, "token_type": "Bearer"}
    world = new_world(token=lambda: token)
    with metadata_service("t1.renewed") as (address, asked), serve_proxy(world.running.base_url[:-3]) as proxy:
        world.function("submit", OPENAI_BASE_URL=f"{proxy.url}/v1", YC_METADATA_ADDR=address)
        world.upload(KEY)
        world.submit(KEY)
        assert [request.headers["authorization"] for request in proxy.requests] == [f"Bearer {expected}"]
        assert asked == ([] if expected == TOKEN else ["Google"])


def test_a_function_without_key_and_service_account_says_so(new_world: NewWorld) -> None:
    """It says so at its first call, with the remedy, and starts nothing."""
    world = new_world(token=lambda: None)
    world.upload(KEY)
    with pytest.raises(FunctionError, match=r"ConfigError: .*give the function a service account"):
        world.submit(KEY)
    assert world.keys("ledger/") == []
