"""A function: instances that take one call at a time, and as many of them as there are calls at once."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backburner_cli.local.yandex.instance import Instance, InstanceDiedError, Runtime, TimedOutError

TOKEN_S = 43_200
"""The longest life of an IAM token."""


def _token() -> dict[str, Any]:
    return {"access_token": "t1.local-iam-token", "expires_in": TOKEN_S, "token_type": "Bearer"}


@dataclass(kw_only=True)
class Function:
    """A version of a function; thread-safe."""

    name: str
    runtime: Runtime
    timeout_s: float = 100.0
    memory_mb: int = 1024
    max_instances: int = 4
    token: Callable[[], dict[str, Any] | None] = _token
    """Returns the token for the context; None for a function without a service account."""
    start: Callable[[Runtime], Instance] = Instance
    """Starts an instance."""
    instances: list[Instance] = field(default_factory=list)
    _idle: list[Instance] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free: threading.Semaphore = field(init=False)
    _history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the semaphore that limits the instances."""
        self._free = threading.Semaphore(self.max_instances)

    def invoke(self, event: Any, timeout_s: float | None = None) -> Any:
        """Call the function in an idle instance or a new one. Raises what `Instance.call` raises."""
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        with self._free:
            instance = self._take()
            try:
                result = instance.call(event, self._context(limit_s), limit_s)
            except (InstanceDiedError, TimedOutError):
                self._drop(instance)
                raise
            except BaseException:
                self._give_back(instance)
                raise
            self._give_back(instance)
            return result

    def log(self) -> list[str]:
        """Every line that its instances wrote, those of ended instances first."""
        with self._lock:
            return "".join([*self._history, *(instance.log() for instance in self.instances)]).splitlines()

    def close(self) -> None:
        """End all instances."""
        with self._lock:
            ending, self.instances, self._idle = list(self.instances), [], []
        for instance in ending:
            instance.close()

    def _take(self) -> Instance:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            instance = self.start(self.runtime)
            self.instances.append(instance)
            return instance

    def _give_back(self, instance: Instance) -> None:
        with self._lock:
            if instance in self.instances:
                self._idle.append(instance)

    def _drop(self, instance: Instance) -> None:
        with self._lock:
            if instance in self.instances:
                self.instances.remove(instance)
                self._history.append(instance.log())
            else:
                return
        instance.close()

    def _context(self, limit_s: float) -> dict[str, Any]:
        request_id = str(uuid.uuid4())
        return {
            "aws_request_id": request_id,
            "deadline_ms": int((time.time() + limit_s) * 1000),
            "function_name": self.name,
            "function_version": "local",
            "invoked_function_arn": self.name,
            "log_group_name": "local",
            "log_stream_name": "local",
            "memory_limit_in_mb": self.memory_mb,
            "request_id": request_id,
            "token": self.token(),
        }
