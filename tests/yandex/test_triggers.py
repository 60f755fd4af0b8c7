"""The triggers as Terraform sets them up (batches, retries, dead letters, a timer) and the whole flow with them."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from backburner.events import TickSource, tick_source
from backburner.maintenance.dead_letters import Kind, understand
from backburner_cli.local.provider import chosen_provider
from backburner_cli.local.yandex.cloud import yandex_cloud
from backburner_cli.local.yandex.events import CREATE, DELETE, timer_event
from backburner_cli.local.yandex.instance import FunctionError
from backburner_cli.local.yandex.triggers import Delivery, ObjectTrigger, QueueTrigger, Timer


@dataclass
class Recorder:
    """A function that records its events, and fails as often as the test says."""

    failures: int = 0
    events: list[Any] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, event: Any) -> None:
        """Take one call."""
        with self._lock:
            self.events.append(event)
            if len(self.events) <= self.failures:
                raise FunctionError("no")

    @property
    def keys(self) -> list[str]:
        """The keys of all messages that came."""
        return [message["details"]["object_id"] for event in self.events for message in event["messages"]]


def _eventually(condition: Callable[[], object], limit_s: float = 60) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def _delivery(function: Recorder, given_up: list[Any], retries: int = 2) -> Delivery:
    return Delivery(function=function, give_up=given_up.append, retries=retries, interval_s=0.01)  # type: ignore[arg-type]


def test_uploads_come_in_batches_of_at_most_ten() -> None:
    """Uploads below the prefix come in batches, and a deletion is not an upload."""
    function, trigger = Recorder(), ObjectTrigger(prefix="inbox/", cutoff_s=0.2, workers=1)
    for number in range(12):
        trigger.tell("bucket", f"inbox/{number}", CREATE)
    trigger.tell("bucket", "results/a", CREATE)
    trigger.tell("bucket", "inbox/gone", DELETE)
    trigger.start(_delivery(function, []))
    _eventually(lambda: len(function.keys) == 12)
    trigger.stop()
    assert [len(event["messages"]) for event in function.events] == [10, 2]
    assert function.keys == [f"inbox/{number}" for number in range(12)]


def test_a_call_that_fails_is_tried_again_and_then_given_up() -> None:
    """The whole batch is repeated each time, and each message becomes a dead letter that names its document."""
    given_up: list[Any] = []
    function = Recorder(failures=99)
    trigger = ObjectTrigger(prefix="inbox/", cutoff_s=0.1, workers=1)
    for key in ("inbox/a", "inbox/b"):
        trigger.tell("bucket", key, CREATE)
    trigger.start(_delivery(function, given_up))
    _eventually(lambda: len(given_up) == 2)
    trigger.stop()
    assert function.keys == ["inbox/a", "inbox/b"] * 3
    letters = [understand(json.dumps(event)) for event in given_up]
    assert [(letter.kind, letter.keys) for letter in letters] == [
        (Kind.EVENT, ("inbox/a",)),
        (Kind.EVENT, ("inbox/b",)),
    ]


def test_a_tick_that_fails_is_tried_once_more() -> None:
    """Its dead letter may be dropped."""
    given_up: list[Any] = []
    delivery = _delivery(Recorder(failures=99), given_up, retries=1)
    Timer(every_s=0.01).start(delivery)
    _eventually(lambda: given_up)
    delivery.ended.set()
    assert understand(json.dumps(given_up[0])).kind is Kind.TICK


def test_uploads_become_results_by_themselves() -> None:
    """No test calls a function: the zip, its triggers and a timer faster than a minute do it all."""
    with (
        chosen_provider({}, "yandex") as provider,
        yandex_cloud(provider, progress=lambda _: None, timer_s=4.0, retry_s=0.5) as cloud,
    ):
        names = [f"отчёт {number} + 1%.txt" for number in range(3)]
        for name in names:
            body = f"Report {name} says that the harbour moved 4200 containers.".encode()
            cloud.s3.put_object(Bucket=cloud.bucket, Key=f"inbox/{name}", Body=body)
        wanted = {f"results/{name}.run.json" for name in names}

        def keys() -> set[str]:
            listed = cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix="results/").get("Contents", [])
            return {one["Key"] for one in listed}

        _eventually(lambda: wanted <= keys())
        assert provider.stand_in is not None
        assert len(provider.stand_in.generations) == 3


def test_the_timers_tick_brings_further_ones() -> None:
    """With four a minute: the first message starts a tick after a quarter of a minute, and is deleted."""
    with (
        chosen_provider({}, "yandex") as provider,
        yandex_cloud(
            provider, progress=lambda _: None, retry_s=0.5, settings={"BACKBURNER_TICKS_PER_MINUTE": "4"}
        ) as cloud,
    ):
        checker = cloud.functions["checker"]
        checker.invoke(timer_event())

        def started_by(source: str) -> int:
            return sum(f'"started_by":"{source}"' in line for line in checker.log())

        _eventually(lambda: started_by("message") == 1)
        assert started_by("timer") == 1


@dataclass
class QueueOfOne:
    """A queue with one message, as boto3 reaches it."""

    deleted: list[str] = field(default_factory=list)
    received: int = 0

    def receive_message(self, **_: Any) -> dict[str, Any]:
        """The message, once; then none."""
        self.received += 1
        time.sleep(0.01)
        message = {"MessageId": "1", "MD5OfBody": "", "Body": "tick", "ReceiptHandle": "receipt"}
        return {"Messages": [message]} if self.received == 1 else {}

    def delete_message(self, **asked: str) -> None:
        """Note it."""
        self.deleted.append(asked["ReceiptHandle"])


@pytest.mark.parametrize(("failures", "deleted"), [(0, ["receipt"]), (1, [])])
def test_a_message_is_deleted_only_after_a_call_that_succeeds(failures: int, deleted: list[str]) -> None:
    """A tick that failed is not repeated at once: its message is hidden, and expires before it would show."""
    function, sqs = Recorder(failures=failures), QueueOfOne()
    trigger = QueueTrigger(function=function, sqs=sqs, url="url")  # type: ignore[arg-type]
    trigger.start()
    _eventually(lambda: function.events and sqs.received > 3)
    trigger.ended.set()
    assert tick_source(function.events[0]) is TickSource.MESSAGE
    assert sqs.deleted == deleted
