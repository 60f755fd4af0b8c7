"""A deployment as on Yandex Cloud: the built zip in instances of the local Cloud Functions runtime.

Bucket and queues are a local S3 and SQS behind `AWS_ENDPOINT_URL_S3` and `_SQS`, with static keys in ru-central1. The
bucket is reached through the local Object Storage, so that uploads make events, metadata comes back re-cased, and the
bucket's policy can be enforced. Everything else is as in a warm deployment, whose time can be moved.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backburner_cli.local.yandex.events import object_event, timer_event
from backburner_cli.local.yandex.functions import Function
from backburner_cli.local.yandex.instance import Instance, Runtime
from support.functions import RESERVED_S
from support.warm_deployment import WarmDeployment

REGION = "ru-central1"
TOKEN = "t1.local-iam-token"


@dataclass(frozen=True)
class Installed:
    """The unpacked zip, with the interpreter and the dependencies that it runs with."""

    interpreter: Path
    code: Path
    dependencies: Path


@dataclass(kw_only=True)
class YandexDeployment(WarmDeployment):
    """A bucket, its queues, both functions and a provider."""

    installed: Installed
    storage: str
    """The address of the local Object Storage."""
    queue_address: str = ""
    token: Callable[[], dict[str, Any] | None] | None = None
    start: Callable[[Runtime], Instance] = Instance
    functions: dict[str, Function] = field(default_factory=dict)
    storage_events: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the bucket and the queues, and the environment that Terraform gives the functions."""
        super().__post_init__()
        for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "OPENAI_API_KEY"):
            self.environment.pop(name, None)
        self.environment |= {
            "AWS_ENDPOINT_URL_S3": self.storage,
            "AWS_ENDPOINT_URL_SQS": self.queue_address or self.endpoint,
            **{f"BACKBURNER_{name.upper()}_QUEUE_URL": _address(url) for name, url in self.queues.items()},
            **self.settings,
        }

    def function(self, name: str, **environment: str) -> Function:
        """A function, made when it is first needed; its access key is its name."""
        if name not in self.functions:
            own = {**self.environment, "AWS_ACCESS_KEY_ID": name, **environment}
            entrypoint = f"{name}.handler"
            runtime = Runtime(
                interpreter=self.installed.interpreter,
                code=self.installed.code,
                dependencies=self.installed.dependencies,
                entrypoint=entrypoint,
                environment=own,
            )
            more = {} if self.token is None else {"token": self.token}
            self.functions[name] = Function(name=name, runtime=runtime, start=self.start, **more)
        return self.functions[name]

    def submit(self, *keys: str, shape: str = "yandex") -> None:
        """Send one batch of upload events."""
        assert shape == "yandex"
        self.function("submit").invoke(object_event(self.bucket, keys))

    def tick(self, seconds: float = 1.0, timer: str = "yandex") -> dict[str, int]:
        """Run one tick that stays for what falls due within `seconds`."""
        assert timer == "yandex"
        counts: dict[str, int] = self.function("checker").invoke(timer_event(), seconds + RESERVED_S)
        return counts

    def logs(self) -> list[str]:
        """Every line that a function has logged."""
        return [line for function in self.functions.values() for line in function.log()]

    def close(self) -> None:
        """End all instances."""
        for function in self.functions.values():
            function.close()


def _address(url: str) -> str:
    """A queue's address as Message Queue gives it, which differs from the endpoint and must not be built by hand."""
    return (
        f"https://message-queue.api.cloud.yandex.net/b1glocal000000000001/dj6local000000000001/{url.rsplit('/', 1)[1]}"
    )
