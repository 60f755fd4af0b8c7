"""A queue, through boto3: any SQS-compatible service. Sends, deletes and postponements travel in batches of ten.

A batch call answers 200 with failures inside: each entry's outcome goes to the task that asked for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from backburner.errors import RetryLaterError
from backburner.ports import Received

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

T = TypeVar("T")
_MAX_IN_BATCH = 10
_MAX_BATCH_BYTES = 200_000
"""Below the 256 KB that one batch of sends may have in all."""
_MAX_HIDING_S = 43_200
_LINGER_S = 0.01
"""How long a first entry waits for company."""
_NOT_IN_HAND = frozenset(
    {
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)
"""Answers about a receipt whose message is in other hands, or gone: what was asked for is done or undone by those."""
_COUNTS: "Sequence[QueueAttributeNameType]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class _Batch:
    """Collects entries for one kind of batch call and sends them together."""

    def __init__(self, call: Callable[[list[dict[str, Any]]], Any], threads: Executor) -> None:
        self._call = call
        self._threads = threads
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
        self._flushing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, entry: dict[str, Any], tolerated: frozenset[str] = frozenset()) -> None:
        """Send an entry with the next batch. Raises `RetryLaterError` if the queue refuses it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        size = len(entry.get("MessageBody", "").encode())
        if self._size() + size > _MAX_BATCH_BYTES:
            self._flush()
        self._waiting.append((entry, done))
        if len(self._waiting) >= _MAX_IN_BATCH:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(_LINGER_S, self._flush)
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
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def _send(self, batch: list[tuple[dict[str, Any], asyncio.Future[None]]]) -> None:
        entries = [entry | {"Id": str(i)} for i, (entry, _) in enumerate(batch)]
        loop, failed = asyncio.get_running_loop(), dict[str, Exception]()
        try:
            answer = await loop.run_in_executor(self._threads, self._call, entries)
            failed = {entry["Id"]: _EntryError(entry.get("Code", "")) for entry in answer.get("Failed", [])}
        except (BotoCoreError, ClientError) as error:
            failed = {entry["Id"]: _no_answer(error) for entry in entries}
        except Exception as error:  # noqa: BLE001 - the task that waits for the entry gets it
            failed = {entry["Id"]: error for entry in entries}
        for entry, (_, done) in zip(entries, batch, strict=True):
            if not done.done():
                problem = failed.get(entry["Id"])
                done.set_exception(problem) if problem else done.set_result(None)


class _EntryError(Exception):
    """One entry of a batch failed; `code` as the queue says it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class SqsQueue:
    """One queue. Calls run in `threads`, since boto3 blocks."""

    client: "SQSClient"
    url: str
    threads: Executor
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    async def visibility_s(self) -> int:
        """The queue's own visibility timeout; asked for once."""
        if "visibility_s" not in self._cache:
            self._cache["visibility_s"] = sum(await self._attributes("VisibilityTimeout"))
        return int(self._cache["visibility_s"])

    async def count(self) -> int:
        """About how many messages it holds: those that show, those in hand and the delayed ones."""
        return sum(await self._attributes(*_COUNTS))

    async def send(self, body: str, delay_s: int) -> None:
        """Make a message that shows after `delay_s`."""
        await self._batch("send_message_batch").add({"MessageBody": body, "DelaySeconds": delay_s})

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Take messages, waiting for the first."""
        answer = await self._run(
            lambda: self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait_s,
                AttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        )
        return [_received(message) for message in answer.get("Messages", [])]

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a message in hand for longer. Raises `RetryLaterError` for a delay that no queue takes."""
        if not 0 <= delay_s <= _MAX_HIDING_S:
            raise RetryLaterError(f"a message cannot be hidden for {delay_s} s")
        entry = {"ReceiptHandle": message.receipt, "VisibilityTimeout": delay_s}
        await self._batch("change_message_visibility_batch").add(entry, tolerated=_NOT_IN_HAND)

    async def delete(self, message: Received) -> None:
        """Remove a message."""
        await self._batch("delete_message_batch").add({"ReceiptHandle": message.receipt}, tolerated=_NOT_IN_HAND)

    async def _attributes(self, *names: "QueueAttributeNameType") -> list[int]:
        """Attributes that are whole numbers."""
        answer = await self._run(lambda: self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names))
        return [int(answer["Attributes"][name]) for name in names]

    def _batch(self, operation: str) -> _Batch:
        if operation not in self._cache:
            call = getattr(self.client, operation)
            self._cache[operation] = _Batch(lambda entries: call(QueueUrl=self.url, Entries=entries), self.threads)
        batch: _Batch = self._cache[operation]
        return batch

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)
        except (BotoCoreError, ClientError) as error:
            raise _no_answer(error) from error


def _received(message: Any) -> Received:
    attributes = message.get("Attributes", {})
    sent_s = int(attributes.get("SentTimestamp", 0)) / 1000
    now_s = datetime.now(UTC).timestamp()
    return Received(
        body=message["Body"],
        receipt=message["ReceiptHandle"],
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        age_s=max(0.0, now_s - sent_s) if sent_s else 0.0,
    )


def _no_answer(error: BotoCoreError | ClientError) -> RetryLaterError:
    code = error.response["Error"].get("Code") if isinstance(error, ClientError) else type(error).__name__
    return RetryLaterError(f"the queue does not take the call: {code}")
