"""Batch calls that answer 200 with failures inside: each task gets exactly the outcome of its own entry."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backburner.adapters import queues
from backburner.adapters.queues import SqsQueue
from backburner.errors import RetryLaterError
from backburner.ports import Received
from support.proxy import CUT, Proxy, Request, Say, serve_proxy

from .conftest import queue_at, run

TOLERATED = [
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
]


@pytest.fixture(scope="module")
def stub() -> Iterator[Proxy]:
    """A server that answers as the test says, with nothing behind it."""
    with serve_proxy("http://127.0.0.1:1") as proxy:
        yield proxy


@pytest.fixture
def queue(stub: Proxy) -> Iterator[tuple[Proxy, SqsQueue]]:
    """A queue at that server."""
    stub.requests.clear()
    yield stub, queue_at(stub.url, f"{stub.url}/1/q")
    stub.rule = lambda _: None


def _message(n: int) -> Received:
    return Received(body="", receipt=f"receipt-{n}", receives=1, age_s=0)


def _failing(code_of: Callable[[dict[str, Any]], str | None]) -> Callable[[Request], Say]:
    """Answer a batch call: each entry fails with its code, or succeeds."""

    def rule(request: Request) -> Say:
        entries = json.loads(request.body)["Entries"]
        failed = [
            {"Id": entry["Id"], "Code": code, "SenderFault": True} for entry in entries if (code := code_of(entry))
        ]
        names = {entry["Id"] for entry in failed}
        well = [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for entry in entries]
        body = {"Successful": [entry for entry in well if entry["Id"] not in names], "Failed": failed}
        return Say(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.0"})

    return rule


def test_a_failed_send_reaches_its_sender_alone(queue: tuple[Proxy, SqsQueue]) -> None:
    """Of 25 concurrent sends in three batches, every third fails: only those raise."""
    proxy, subject = queue
    proxy.rule = _failing(lambda entry: "InternalError" if int(entry["MessageBody"]) % 3 == 0 else None)

    async def story() -> list[Any]:
        return await asyncio.gather(*(subject.send(str(n), 0) for n in range(25)), return_exceptions=True)

    ended = run(story())
    assert [isinstance(one, RetryLaterError) for one in ended] == [n % 3 == 0 for n in range(25)]
    assert [one for one in ended if not isinstance(one, RetryLaterError)] == [None] * 16
    assert sorted(len(json.loads(request.body)["Entries"]) for request in proxy.requests) == [5, 10, 10]


def test_a_batch_keeps_to_the_bytes_of_one_call(queue: tuple[Proxy, SqsQueue]) -> None:
    """The strictest service's limit is 256 KB in all."""
    proxy, subject = queue
    proxy.rule = _failing(lambda _: None)

    async def story() -> None:
        await asyncio.gather(*(subject.send("é" * 40_000, 0) for _ in range(9)))

    run(story())
    bodies = [[entry["MessageBody"] for entry in json.loads(request.body)["Entries"]] for request in proxy.requests]
    assert sum(map(len, bodies)) == 9
    assert max(len("".join(batch).encode()) for batch in bodies) <= 256_000


@pytest.mark.parametrize("verb", ["delete", "postpone"])
def test_a_failed_entry_reaches_its_caller_alone(queue: tuple[Proxy, SqsQueue], verb: str) -> None:
    """It does even if the entries have receipts."""
    proxy, subject = queue
    proxy.rule = _failing(lambda entry: "InternalError" if entry["ReceiptHandle"].endswith("7") else None)

    async def story() -> list[Any]:
        calls = [
            subject.delete(_message(n)) if verb == "delete" else subject.postpone(_message(n), n) for n in range(20)
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = run(story())
    assert [n for n, one in enumerate(ended) if one is not None] == [7, 17]
    assert all(isinstance(ended[n], RetryLaterError) for n in (7, 17))


@pytest.mark.parametrize("code", TOLERATED)
def test_a_message_that_another_process_received_is_no_error(queue: tuple[Proxy, SqsQueue], code: str) -> None:
    """Postponing or deleting it raises nothing, and does not hide another's failure."""
    proxy, subject = queue
    proxy.rule = _failing(lambda entry: "InternalError" if entry["ReceiptHandle"].endswith("1") else code)

    async def story() -> list[Any]:
        calls = [subject.postpone(_message(0), 5), subject.delete(_message(0)), subject.delete(_message(1))]
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = run(story())
    assert ended[:2] == [None, None]
    assert isinstance(ended[2], RetryLaterError)


@pytest.mark.parametrize("code", TOLERATED)
def test_a_send_tolerates_no_failure(queue: tuple[Proxy, SqsQueue], code: str) -> None:
    """A message that is not on the queue must never be taken for sent."""
    proxy, subject = queue
    proxy.rule = _failing(lambda _: code)
    with pytest.raises(RetryLaterError):
        run(subject.send("m", 0))


@pytest.mark.parametrize("act", [CUT, Say(403, b'{"__type":"AccessDenied"}'), Say(500)])
def test_a_call_that_fails_as_a_whole_reaches_everybody(queue: tuple[Proxy, SqsQueue], act: Any) -> None:
    """Each caller of the batch gets the error; none waits for ever."""
    proxy, subject = queue
    proxy.rule = lambda _: act

    async def story() -> list[Any]:
        return await asyncio.gather(*(subject.send(str(n), 0) for n in range(3)), return_exceptions=True)

    assert [type(one) for one in run(story())] == [RetryLaterError] * 3


def test_a_failed_receive_is_reported(queue: tuple[Proxy, SqsQueue]) -> None:
    """A queue's outage must not look like an empty queue."""
    proxy, subject = queue
    proxy.rule = lambda _: Say(403, b'{"__type":"AccessDenied"}')
    with pytest.raises(RetryLaterError):
        run(subject.receive(10, 0))


def test_a_cancelled_caller_does_not_affect_its_batch(queue: tuple[Proxy, SqsQueue]) -> None:
    """One of two callers is cancelled during the call, and the other still gets its outcome."""
    proxy, subject = queue
    proxy.rule = _failing(lambda _: None)

    async def story() -> None:
        first, second = (asyncio.create_task(subject.send(str(n), 0)) for n in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.wait_for(second, 5) is None

    run(story())


def test_a_message_sent_alone_does_not_wait(queue: tuple[Proxy, SqsQueue], monkeypatch: pytest.MonkeyPatch) -> None:
    """Single messages are sent at once; those that come during a call are sent together."""
    proxy, subject = queue
    monkeypatch.setattr(queues, "_LINGER_S", 60.0)
    proxy.rule = _failing(lambda _: None)

    async def story() -> None:
        for n in range(3):
            await subject.send(str(n), 0)
        await asyncio.gather(*(subject.send(str(n), 0) for n in range(4)))
        monkeypatch.setattr(queues, "_LINGER_S", 0.2)
        await asyncio.gather(subject.send("a", 0), asyncio.sleep(0.05), subject.send("b", 0))

    run(story())
    assert [len(json.loads(request.body)["Entries"]) for request in proxy.requests] == [1, 1, 1, 4, 2]


@pytest.mark.parametrize(("date", "age_s"), [("Wed, 21 Oct 2015 07:29:30 GMT", 90.0), (None, None), ("soon", None)])
def test_a_messages_age_is_by_the_queues_clock(
    queue: tuple[Proxy, SqsQueue], date: str | None, age_s: float | None
) -> None:
    """Both times are the queue's, however wrong this machine's clock; ours serves if it reports none."""
    proxy, subject = queue
    attributes = {"ApproximateReceiveCount": "2", "SentTimestamp": "1445412480000"}
    body = json.dumps({"Messages": [{"Body": "m", "ReceiptHandle": "r", "Attributes": attributes}]}).encode()
    proxy.rule = lambda _: Say(200, body, {} if date is None else {"Date": date})
    (received,) = run(subject.receive(1, 0))
    a_year_s = 365 * 86_400
    assert received.age_s == age_s if age_s is not None else received.age_s > a_year_s
