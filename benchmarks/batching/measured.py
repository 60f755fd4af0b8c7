"""A real handler in a process of its own, which counts its calls to S3 and SQS and reports its peak memory.

Each request counts as it leaves the connection pool: repeated ones too, since they cost as much.
"""

import os
import resource
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from support import forks, functions


@dataclass(frozen=True)
class Told:
    """What a process reports after an invocation, since its start. `error` is "" if the invocation went well."""

    error: str
    calls: Counter[str]
    peak_mb: float
    cpu_s: float


class Measured:
    """A function's process."""

    def __init__(self, function: str, environment: Mapping[str, str], log: str) -> None:
        """Start it."""
        self.pipe, theirs = Pipe()
        self._process = forks.fork(_serve, theirs, function, dict(environment), log)
        theirs.close()

    def invoke(self, event: Any, seconds: float = 1.0) -> Told:
        """Run one invocation to its end. Raises `EOFError` if the process dies."""
        self.pipe.send((event, seconds))
        told: Told = self.pipe.recv()
        return told

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, function: str, environment: dict[str, str], log: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forks.enter(environment, log)
    app, calls = functions.load(function), Counter[str]()
    http = app.connected().cloud.http
    send = http.call

    async def counted(method: str, url: str, headers: Mapping[str, str], *more: Any, **named: Any) -> Any:
        action = headers.get("X-Amz-Target", "").rpartition(".")[2]
        calls[f"sqs {action}" if action else f"s3 {'LIST' if 'list-type=' in url else method}"] += 1
        return await send(method, url, headers, *more, **named)

    http.call = counted
    while True:
        try:
            event, seconds = pipe.recv()
        except EOFError:
            os._exit(0)
        error = ""
        try:
            app.handler(event, functions.context_of(seconds))
        except Exception as raised:  # noqa: BLE001 - what a cloud would deliver again
            error = f"{type(raised).__name__}: {raised}"
        used = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(Told(error, calls, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime))
