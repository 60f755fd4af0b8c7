"""The triggers: batches of uploads and a timer, each with retries and a dead-letter queue, and messages of a queue."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backburner_cli.local.yandex.events import CREATE, UPDATE, object_message, queue_event, timer_event
from backburner_cli.local.yandex.functions import Function
from backburner_cli.local.yandex.instance import FunctionError, InstanceDiedError, TimedOutError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FAILURES = (FunctionError, InstanceDiedError, TimedOutError)
"""A call counts as failed only if the function raises, dies or takes too long."""


@dataclass(kw_only=True)
class Delivery:
    """Calls a function until it succeeds; after the last retry, gives up each message of the event separately."""

    function: Function
    give_up: Callable[[dict[str, Any]], None]
    retries: int
    interval_s: float
    ended: threading.Event = field(default_factory=threading.Event)

    def deliver(self, event: dict[str, Any]) -> None:
        """Deliver an event. Never raises, whatever the function does."""
        for attempt in range(1 + self.retries):
            if attempt and self.ended.wait(self.interval_s):
                return
            try:
                self.function.invoke(event)
            except FAILURES:
                continue
            return
        for message in [] if self.ended.is_set() else event["messages"]:
            self.give_up({"messages": [message]})


@dataclass(kw_only=True)
class ObjectTrigger:
    """Calls a function for objects that were created or changed below a prefix: `start` it, then `tell` it of them."""

    prefix: str
    batch_size: int = 10
    cutoff_s: float = 1.0
    workers: int = 2
    _messages: "queue.Queue[dict[str, Any] | None]" = field(default_factory=queue.Queue)

    def tell(self, bucket: str, key: str, kind: str) -> None:
        """Report that an object was created, changed or deleted."""
        if key.startswith(self.prefix) and kind in (CREATE, UPDATE):
            self._messages.put(object_message(bucket, key, kind))

    def start(self, delivery: Delivery) -> None:
        """Start delivering."""
        for _ in range(self.workers):
            threading.Thread(target=self._deliver, args=(delivery,), daemon=True).start()

    def stop(self) -> None:
        """Stop delivering."""
        for _ in range(self.workers):
            self._messages.put(None)

    def _deliver(self, delivery: Delivery) -> None:
        while (first := self._messages.get()) is not None:
            delivery.deliver({"messages": [first, *self._more()]})

    def _more(self) -> list[dict[str, Any]]:
        """The messages that arrive before the batch is full or its time is up."""
        batch, until = list[dict[str, Any]](), time.monotonic() + self.cutoff_s
        while len(batch) < self.batch_size - 1 and (left_s := until - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left_s)
            except queue.Empty:
                break
            if message is None:
                self._messages.put(None)
                break
            batch.append(message)
        return batch


@dataclass(kw_only=True)
class Timer:
    """Calls a function every minute, whether or not its last call has ended."""

    every_s: float = 60.0

    def start(self, delivery: Delivery) -> None:
        """Start ticking, until the delivery is ended."""
        threading.Thread(target=self._tick, args=(delivery,), daemon=True).start()

    def _tick(self, delivery: Delivery) -> None:
        while not delivery.ended.wait(self.every_s):
            threading.Thread(target=delivery.deliver, args=(timer_event(),), daemon=True).start()


@dataclass(kw_only=True)
class QueueTrigger:
    """Calls a function for each message of a queue. A message whose call failed shows again after its visibility."""

    function: Function
    sqs: "SQSClient"
    url: str
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start receiving, until `ended` is set."""
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        while not self.ended.is_set():
            try:
                answer = self.sqs.receive_message(
                    QueueUrl=self.url, WaitTimeSeconds=1, AttributeNames=["SentTimestamp"]
                )
            except (BotoCoreError, ClientError):
                self.ended.wait(1)
                continue
            for message in answer.get("Messages", []):
                threading.Thread(target=self._call, args=(message,), daemon=True).start()

    def _call(self, message: Any) -> None:
        with contextlib.suppress(*FAILURES, BotoCoreError, ClientError):
            self.function.invoke(queue_event(message))
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
