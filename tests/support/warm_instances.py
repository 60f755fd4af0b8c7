"""Instances of the Yandex runtime that start fast: forked from a process that has imported their libraries.

    with warm_instances(interpreter, dependencies) as start:
        instance = start(runtime)        # an `Instance` of the product, except for where its process comes from

That process has the service's interpreter and the zip's own dependencies, as an instance does. Each instance imports
the zip itself, handler and core, in the environment of its function.
"""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from backburner_cli.local.yandex.instance import Instance, Process, Runtime

Start = Callable[[Runtime], Instance]
_SOURCE = Path(__file__).with_name("instance_source.py")
_LIMIT_S = 60.0


class ForkedProcess:
    """An instance's process: a child of the warm one, which reports how it ended."""

    def __init__(self, connection: socket.socket) -> None:
        self.returncode: int | None = None
        self._connection, self._lock = connection, threading.Lock()
        self.pid = self._next_number(_LIMIT_S)

    def poll(self) -> int | None:
        """The exit code, below 0 if a signal ended it; None while it is running."""
        with suppress(BlockingIOError):
            self._end(0.0)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        self._end(_LIMIT_S)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal if it is still running."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _end(self, limit_s: float) -> None:
        with self._lock:
            if self.returncode is None:
                self.returncode = self._next_number(limit_s)
                self._connection.close()

    def _next_number(self, limit_s: float) -> int:
        self._connection.settimeout(limit_s)
        line = b""
        while not line.endswith(b"\n"):
            chunk = self._connection.recv(1)
            assert chunk, "the process of warm instances ended"
            line += chunk
        return int(line)


@contextmanager
def warm_instances(interpreter: Path, dependencies: Path) -> Iterator[Start]:
    """A way to start instances while the block runs; those that are left at the end are killed."""
    ours, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started = list[Instance]()
    command = [interpreter, "-I", "-S", "-X", "utf8", _SOURCE, str(source.fileno()), dependencies]
    with ours, subprocess.Popen(command, pass_fds=[source.fileno()], stdin=subprocess.DEVNULL) as process:
        source.close()

        class Forked(Instance):
            """An instance whose process is forked."""

            def _begin(
                self, command: Sequence[str], environment: dict[str, str], folder: Path, files: Sequence[int], log: int
            ) -> Process:
                reports, telling = socket.socketpair()
                with telling:
                    asked = {"command": command, "environment": environment, "folder": str(folder), "files": files}
                    socket.send_fds(ours, [json.dumps(asked).encode()], [telling.fileno(), log, *files])
                return ForkedProcess(reports)

        def start(runtime: Runtime) -> Instance:
            assert (runtime.interpreter, runtime.dependencies) == (interpreter, dependencies)
            started.append(Forked(runtime))
            return started[-1]

        try:
            yield start
        finally:
            for instance in started:
                instance.kill()
            ours.close()  # the process ends when no more requests can come
    assert process.returncode == 0
