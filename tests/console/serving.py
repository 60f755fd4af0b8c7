"""A console in a thread of this process, and the requests that a browser would send to it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from backburner_cli.console.server import HOST, Address, Stop, serve
from backburner_cli.listening import listening
from backburner_cli.operator.session import run

_LIMIT_S = 30.0
_ANSWER_LIMIT_S = 120.0
"""Far more than any answer takes: no test here measures how fast the console is on a busy machine."""


@dataclass(frozen=True)
class Served:
    """A running console; `http` has its cookie, and sends the headers that its page would send."""

    address: Address
    http: httpx2.Client

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.address.port}"

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to a GET, as JSON."""
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ready(self) -> Any:
        """The overview, once the bucket has been read."""
        return self.until(lambda told: told["is_ready"])

    def until(self, holds: Any) -> Any:
        """The overview, once it satisfies a condition."""
        for _ in range(600):
            overview = self.get("/api/overview")
            if holds(overview):
                return overview
            threading.Event().wait(0.05)
        raise AssertionError({name: value for name, value in overview.items() if name != "bars"})


@contextlib.contextmanager
def served(environment: Mapping[str, str], deployment: str = "a test's deployment") -> Iterator[Served]:
    """Serve a deployment during the block. The environment must be this process's own too: boto3 reads no other."""
    listener, is_up = listening(HOST, 0), threading.Event()
    given = {"XDG_CACHE_HOME": "/dev/null/no", **environment}  # nothing is written to this user's cache
    served_at: list[Any] = []

    def ready(address: Address, stop: Stop) -> None:
        served_at.extend((address, asyncio.get_running_loop(), stop))
        is_up.set()

    def work() -> None:
        run(environment, lambda session: serve(session, given, listener, deployment, ready))

    thread = threading.Thread(target=work, daemon=True)
    with listener:
        thread.start()
        assert is_up.wait(_LIMIT_S), "the console did not start"
        address, loop, stop = served_at
        origin = f"http://127.0.0.1:{address.port}"
        try:
            with httpx2.Client(base_url=origin, headers={"origin": origin}, timeout=_ANSWER_LIMIT_S) as http:
                assert http.get("/", params={"token": address.token}).status_code == 200
                yield Served(address, http)
        finally:
            loop.call_soon_threadsafe(stop)
            thread.join(_LIMIT_S)
