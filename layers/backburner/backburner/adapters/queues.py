"""A queue in any SQS-compatible service, by either of its protocols. Sends, deletes and postponements are batched.

A batch call may answer 200 with failures inside: each entry's outcome goes to the task that asked for it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backburner.adapters.account import Account
from backburner.adapters.calls import Calls
from backburner.adapters.http import Http, NoAnswerError, Reply
from backburner.adapters.queryprotocol import answer_of, form_of
from backburner.adapters.service_errors import code_of
from backburner.errors import RetryLaterError
from backburner.ports import MAX_IN_BATCH, MAX_VISIBILITY_S, Received
from backburner.settings import QueueProtocol

_MAX_BATCH_BYTES = 200_000
"""Below the 256 KB that all messages of a batch may have together."""
_LINGER_S = 0.01
"""How long a first entry waits for others, if others came at the same time before or a call is under way."""
_NOT_IN_HAND = frozenset(
    {
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)
"""Errors about a receipt whose message is gone or held by another process, which deals with it."""
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class _Batch:
    """Collects entries for one kind of batch call, and sends them together."""

    def __init__(self, call: Callable[[list[dict[str, Any]]], Awaitable[Any]]) -> None:
        self._call = call
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
        self._flushing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way = 0
        self._was_shared = False

    async def add(self, entry: dict[str, Any], tolerated: frozenset[str] = frozenset()) -> None:
        """Send an entry with the next batch. Raises `RetryLaterError` if the queue refuses it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        size = len(entry.get("MessageBody", "").encode())
        if self._size() + size > _MAX_BATCH_BYTES:
            self._flush()
        self._waiting.append((entry, done))
        if len(self._waiting) >= MAX_IN_BATCH:
            self._flush()
        elif self._timer is None:
            is_busy = self._was_shared or self._under_way > 0
            self._timer = loop.call_later(_LINGER_S if is_busy else 0.0, self._flush)
        try:
            await done
        except _EntryError as error:
            if error.code not in tolerated:
                raise RetryLaterError(f"the queue refused a message: {error.code}") from error

    def _size(self) -> int:
        return sum(len(entry.get("MessageBody", "").encode()) for entry, _ in self._waiting)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            self._was_shared = len(batch) > 1
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def _send(self, batch: list[tuple[dict[str, Any], asyncio.Future[None]]]) -> None:
        entries = [entry | {"Id": str(i)} for i, (entry, _) in enumerate(batch)]
        failed: dict[str, Exception]
        self._under_way += 1
        try:
            answer = await self._call(entries)
            failed = {entry["Id"]: _EntryError(entry.get("Code", "")) for entry in answer.get("Failed") or []}
        except Exception as error:  # noqa: BLE001 - raised in the task that waits for the entry
            failed = {entry["Id"]: error for entry in entries}
        finally:
            self._under_way -= 1
        for entry, (_, done) in zip(entries, batch, strict=True):
            if not done.done():
                problem = failed.get(entry["Id"])
                done.set_exception(problem) if problem else done.set_result(None)


class _EntryError(Exception):
    """One entry of a batch failed; `code` is the queue's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class SqsQueue:
    """One queue."""

    calls: Calls
    url: str
    protocol: QueueProtocol = QueueProtocol.JSON
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    async def visibility_s(self) -> int:
        """The queue's visibility timeout, read once."""
        if "visibility_s" not in self._cache:
            self._cache["visibility_s"] = sum(await self._numbers("VisibilityTimeout"))
        return int(self._cache["visibility_s"])

    async def count(self) -> int:
        """The approximate number of messages: visible, hidden and delayed."""
        return sum(await self._numbers(*_COUNTS))

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message that shows after `delay_s`."""
        await self._batch("SendMessageBatch").add({"MessageBody": body, "DelaySeconds": delay_s})

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive messages, waiting up to `wait_s` for the first."""
        reply = await self._reply(
            "ReceiveMessage",
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait_s,
            AttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        now_s = _time_of(reply)
        return [_received(message, now_s) for message in self._read(reply).get("Messages") or []]

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message for longer. Raises `RetryLaterError` for a delay that no queue accepts."""
        if not 0 <= delay_s <= MAX_VISIBILITY_S:
            raise RetryLaterError(f"a message cannot be hidden for {delay_s} s")
        entry = {"ReceiptHandle": message.receipt, "VisibilityTimeout": delay_s}
        await self._batch("ChangeMessageVisibilityBatch").add(entry, tolerated=_NOT_IN_HAND)

    async def delete(self, message: Received) -> None:
        """Delete a message."""
        await self._batch("DeleteMessageBatch").add({"ReceiptHandle": message.receipt}, tolerated=_NOT_IN_HAND)

    async def attributes(self, *names: str) -> dict[str, str]:
        """The queue's attributes with these names; `All` for all of them."""
        answer = await self._call("GetQueueAttributes", AttributeNames=list(names))
        return dict(answer["Attributes"])

    async def _numbers(self, *names: str) -> list[int]:
        """The values of attributes that are whole numbers."""
        told = await self.attributes(*names)
        return [int(told[name]) for name in names]

    def _batch(self, action: str) -> _Batch:
        if action not in self._cache:
            self._cache[action] = _Batch(lambda entries: self._call(action, Entries=entries))
        batch: _Batch = self._cache[action]
        return batch

    async def _call(self, action: str, **asked: Any) -> Any:
        """Make a call and read its answer. Raises `RetryLaterError` if the queue refuses it or does not answer."""
        return self._read(await self._reply(action, **asked))

    async def _reply(self, action: str, **asked: Any) -> Reply:
        asked = {"QueueUrl": self.url, **asked}
        if self.protocol is QueueProtocol.QUERY:
            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            body = form_of(action, asked)
        else:
            headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}
            body = json.dumps(asked).encode()
        try:
            reply = await self.calls.call("POST", f"{self.calls.account.sqs_url}/", None, headers, body)
        except NoAnswerError as error:
            raise RetryLaterError(f"the queue did not accept the call: {error.name}") from error
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise RetryLaterError(f"the queue did not accept the call: {code_of(reply)}")
        return reply

    def _read(self, reply: Reply) -> Any:
        try:
            return answer_of(reply.body) if self.protocol is QueueProtocol.QUERY else json.loads(reply.body or b"{}")
        except ValueError as error:
            raise RetryLaterError("the queue did not accept the call: its answer cannot be read") from error


def queue_calls(http: Http, account: Account, tries: int | None = None) -> Calls:
    """Calls to SQS, each tried at most `tries` times."""
    calls = Calls(http=http, account=account, service="sqs", code_of=code_of)
    return calls if tries is None else replace(calls, tries=tries)


def _time_of(reply: Reply) -> float:
    """The time by the queue's clock, in whole seconds; by ours if the reply does not say."""
    try:
        return parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


def _received(message: Any, now_s: float) -> Received:
    """A received message; its age is measured by the queue's clock only."""
    attributes = message.get("Attributes", {})
    sent_s = int(attributes.get("SentTimestamp", 0)) / 1000
    return Received(
        body=message["Body"],
        receipt=message["ReceiptHandle"],
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        age_s=max(0.0, now_s - sent_s) if sent_s else 0.0,
    )
