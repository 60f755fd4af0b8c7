"""SQS in memory, over its JSON protocol: messages with delays and visibility, batches of ten."""

import heapq
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from benching.wire import Answer, Request

VISIBILITY_S = 120
_JSON = {"Content-Type": "application/x-amz-json-1.0"}


class _Message:
    __slots__ = ("body", "receipt", "receives", "sent_at", "shows_at")

    def __init__(self, receipt: str, body: str, shows_at: float) -> None:
        self.receipt, self.body, self.shows_at = receipt, body, shows_at
        self.receives, self.sent_at = 0, time.time()


class _Queue:
    def __init__(self) -> None:
        self.messages: dict[str, _Message] = {}
        self.heap: list[tuple[float, int, _Message]] = []

    def show(self, message: _Message, number: int) -> None:
        heapq.heappush(self.heap, (message.shows_at, number, message))


class Queues:
    """All queues, made by their first call."""

    def __init__(self) -> None:
        self.queues: dict[str, _Queue] = {}
        self.calls: Counter[str] = Counter()
        self.returns_at_once = False
        """Whether a postponed message is visible again at once, so that looks never end."""
        self._numbers = itertools.count()

    def answer(self, request: Request) -> Answer | None:
        """Answer a call; None if it may wait and there is nothing to receive yet."""
        name = (request.header(b"x-amz-target") or "").rpartition(".")[2]
        is_new, request.came_at = not request.came_at, request.came_at or time.time()
        self.calls[name] += is_new
        asked: dict[str, Any] = json.loads(request.body)
        queue = self.queues.setdefault(asked["QueueUrl"].rpartition("/")[2], _Queue())
        match name:
            case "ReceiveMessage":
                told = self._received(queue, asked.get("MaxNumberOfMessages", 1))
                if not told and time.time() < request.came_at + asked.get("WaitTimeSeconds", 0):
                    return None
            case "SendMessageBatch":
                told = self._each(asked, lambda entry: self._send(queue, entry))
            case "SendMessage":
                self._send(queue, asked)
                told = {"MessageId": "m", "MD5OfMessageBody": ""}
            case "DeleteMessageBatch":
                told = self._each(asked, lambda entry: queue.messages.pop(entry["ReceiptHandle"], None))
            case "ChangeMessageVisibilityBatch":
                told = self._each(asked, lambda entry: self._hide(queue, entry))
            case "GetQueueAttributes":
                told = {"Attributes": {"VisibilityTimeout": str(VISIBILITY_S)}}
            case _:
                return 400, _JSON, b'{"__type":"InvalidAction"}'
        return 200, _JSON, json.dumps(told).encode()

    def show(self, holding: str, of_queue: str = "") -> int:
        """Make the messages with a text visible, in one queue or in all, and hide the rest; returns how many."""
        shown = 0
        for name, queue in self.queues.items():
            queue.heap = []
            for message in queue.messages.values():
                is_wanted = holding in message.body and of_queue in (name, "")
                message.shows_at = 0.0 if is_wanted else time.time() + 1e6
                shown += is_wanted
                queue.show(message, next(self._numbers))
        return shown

    def _received(self, queue: _Queue, most: int) -> dict[str, Any]:
        now, taken = time.time(), list[dict[str, Any]]()
        while queue.heap and len(taken) < most and queue.heap[0][0] <= now:
            shows_at, _, message = heapq.heappop(queue.heap)
            if message.receipt not in queue.messages or shows_at != message.shows_at:
                continue
            message.receives += 1
            self._show(queue, message, now + VISIBILITY_S)
            attributes = {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int(message.sent_at * 1000)),
            }
            taken.append(
                {
                    "MessageId": "m",
                    "ReceiptHandle": message.receipt,
                    "Body": message.body,
                    "MD5OfBody": "",
                    "Attributes": attributes,
                }
            )
        return {"Messages": taken} if taken else {}

    def _each(self, asked: dict[str, Any], act: Callable[[Any], Any]) -> dict[str, Any]:
        for entry in asked["Entries"]:
            act(entry)
        well = [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for entry in asked["Entries"]]
        return {"Successful": well, "Failed": []}

    def _send(self, queue: _Queue, entry: Any) -> None:
        receipt = f"receipt-{next(self._numbers)}"
        message = _Message(receipt, entry["MessageBody"], 0.0)
        queue.messages[receipt] = message
        self._show(queue, message, time.time() + entry.get("DelaySeconds", 0))

    def _hide(self, queue: _Queue, entry: Any) -> None:
        if message := queue.messages.get(entry["ReceiptHandle"]):
            delay_s = 0 if self.returns_at_once else entry["VisibilityTimeout"]
            self._show(queue, message, time.time() + delay_s)

    def _show(self, queue: _Queue, message: _Message, at: float) -> None:
        message.shows_at = at
        queue.show(message, next(self._numbers))
