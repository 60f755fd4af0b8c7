"""A deployment whose real handlers run in this process, in environments that a cloud keeps warm.

world = new_world()                          # the fixture of tests/handlers; one bucket, three queues, one provider
world.upload("inbox/a.txt", "text")          # what a user does: no event yet
world.submit("inbox/a.txt")                  # the event, through functions/submit/app.py
world.settle()                               # ticks of functions/checker/app.py until nothing is left
world.result("inbox/a.txt"), world.run_record("inbox/a.txt")
"""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from support.deployment import BACKLOG, DOCUMENT, PENDING, Deployment
from support.events import SHAPES, TIMERS, s3_notification
from support.functions import context_of, load

_MAX_TICKS = 60
_NEVER_CUT_OFF_S, _CREATE_LIMIT_S = 900.0, 300.0


def unload(app: ModuleType) -> None:
    """Close what a handler's environment holds open."""
    if not app.connected.cache_info().currsize:
        return
    app.connected().close()


@dataclass
class WarmDeployment(Deployment):
    """A deployment with both functions, run in this process."""

    apps: dict[str, ModuleType] = field(default_factory=dict)

    def app(self, function: str) -> ModuleType:
        """A function's environment: the same one each time, as a cloud keeps it warm.

        It waits for a provider indefinitely, since a create cut off on a slow machine would count as an orphan.
        """
        if function not in self.apps:
            made: Any = load(function)
            made.CREATE_LIMIT_S = _CREATE_LIMIT_S
            self.apps[function] = made
        return self.apps[function]

    def connect(self) -> None:
        """Let both functions read the environment now, while it is this deployment's."""
        for function in ("submit", "checker"):
            self.app(function).connected()

    def submit(self, *keys: str, shape: str = "s3") -> None:
        """Send upload events: an S3 notification with all keys, or one event for each in the other shapes."""
        batch = shape == "s3"
        events = [s3_notification(self.bucket, keys)] if batch else [SHAPES[shape](self.bucket, key) for key in keys]
        for event in events:
            self.app("submit").handler(event, None)

    def tick(self, seconds: float = 1.0, timer: str = "aws") -> dict[str, int]:
        """Run a tick that receives messages for `seconds`, and is not cut off however slow this machine is."""
        app: Any = self.app("checker")
        app.TICK_S = seconds
        counts: dict[str, int] = app.handler(TIMERS[timer], context_of(_NEVER_CUT_OFF_S))
        return counts

    def settle(self, step_s: float = 130.0, max_ticks: int = _MAX_TICKS) -> None:
        """Tick every `step_s` of the store's time until the queues are empty, or raise `AssertionError`."""
        for _ in range(max_ticks):
            self.later(step_s)
            self.tick(0.5)
            if not self.messages(PENDING) and not self.messages(BACKLOG):
                return
        raise AssertionError(f"after {max_ticks} ticks: {self.open_records()}, {self.messages(PENDING)}")

    def process(self, key: str, body: str | bytes = DOCUMENT) -> None:
        """Process one document from upload to end."""
        self.upload(key, body)
        self.submit(key)
        self.settle()

    def close(self) -> None:
        """Close what the handlers hold open."""
        for app in self.apps.values():
            unload(app)
