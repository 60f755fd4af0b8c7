"""One instance of a function as a process: called, suspended, resumed, killed."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

_GUEST = Path(__file__).with_name("runtime.py")
_PASSED_ON = ("LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR")


class FunctionError(Exception):
    """The handler raised; this has its message."""


class InstanceDiedError(Exception):
    """The process ended during a call."""


class TimedOutError(Exception):
    """The call exceeded the function's timeout, and its instance was killed."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a function's instances are started with. `code` is the unpacked zip."""

    interpreter: Path
    code: Path
    dependencies: Path
    entrypoint: str
    environment: Mapping[str, str] = field(repr=False)


class Process(Protocol):
    """What an instance needs of its process."""

    pid: int
    returncode: Any
    """The exit code, below 0 if a signal ended it; None while it runs."""

    def poll(self) -> int | None:
        """The exit code, None while it runs."""

    def wait(self) -> int:
        """The exit code, once it has ended."""

    def send_signal(self, number: signal.Signals, /) -> None:
        """Send it a signal, if it is still there."""


class Instance:
    """A running process. It takes one call at a time, as in the cloud."""

    def __init__(self, runtime: Runtime) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        lifeline, self._lifeline = os.pipe()
        inside = (requests, answers, lifeline)
        self._in_call = threading.Lock()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the instance
        try:
            command = [
                *(str(runtime.interpreter), "-I", "-S", "-X", "utf8", str(_GUEST)),
                *(*map(str, inside), runtime.entrypoint, str(runtime.code), str(runtime.dependencies)),
            ]
            self._process = self._begin(command, _environment(runtime), runtime.code, inside, self._log.fileno())
        finally:
            for descriptor in inside:
                os.close(descriptor)

    def _begin(
        self, command: Sequence[str], environment: dict[str, str], folder: Path, files: Sequence[int], log: int
    ) -> Process:
        """Start the process, which gets some of our open files and writes to the log."""
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=files,
            start_new_session=True,  # Ctrl-C reaches only the parent, which ends its instances itself
        )

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def call(self, event: Any, context: Mapping[str, Any], limit_s: float) -> Any:
        """Run the handler once. Raises `FunctionError`, `InstanceDiedError` or `TimedOutError`."""
        with self._in_call:
            try:
                os.write(self._requests, json.dumps({"event": event, "context": dict(context)}).encode() + b"\n")
            except BrokenPipeError:
                raise InstanceDiedError(f"it ended before the call: {self.log()[-500:]}") from None
            answer = self._answer(time.monotonic() + limit_s)
        if problem := answer.get("error"):
            raise FunctionError(f"{problem['errorType']}: {problem['errorMessage']}")
        return answer["result"]

    def suspend(self) -> None:
        """Suspend the process, as the service does with an idle instance."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """Everything it has written so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def kill(self) -> None:
        """Kill the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill the process, wait for a call under way to end, and close all files."""
        self.kill()
        with self._in_call:
            for descriptor in (self._requests, self._answers, self._lifeline):
                os.close(descriptor)
            self._log.close()

    def _answer(self, until: float) -> dict[str, Any]:
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if not selector.select(max(0.0, until - time.monotonic())):
                    self.kill()
                    raise TimedOutError("the call was ended: it took longer than the function may")
                chunk = os.read(self._answers, 65_536)
                if not chunk:
                    self._process.wait()
                    raise InstanceDiedError(f"exit code {self._process.returncode}: {self.log()[-2000:]}")
                received += chunk
        answer: dict[str, Any] = json.loads(received)
        return answer


def _environment(runtime: Runtime) -> dict[str, str]:
    """The variables that the service documents, and those that the function is configured with."""
    own = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    documented = {
        "_HANDLER": runtime.entrypoint,
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "LAMBDA_RUNTIME_DIR": str(_GUEST.parent),
        "LAMBDA_TASK_ROOT": str(runtime.code),
        "LD_LIBRARY_PATH": str(runtime.code / "shared-libs"),
        "PATH": os.defpath,
        "PYTHONUNBUFFERED": "1",
    }
    return own | documented | {"PYTHONHASHSEED": "random"} | dict(runtime.environment)
