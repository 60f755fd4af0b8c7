"""What is sent to channels is signed and bounded, and gives an error if it was not accepted."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.channels import EventBus, MessageQueue, SnsTopic, Webhook, channels, signed_headers
from backburner.adapters.http import Http
from backburner.errors import ConfigError, RetryLaterError
from backburner.ports import Channel
from backburner.settings import Settings, from_env
from support.cloud import REGION, client
from support.proxy import Say, serve_proxy
from support.receiver import Receiver, is_signed, receiving

from .conftest import at

BODY = json.dumps({"id": "document_1_1", "type": "document.done", "data": {"key": "inbox/a é.txt"}}).encode()
KEY, OLD_KEY = bytes(range(32)), bytes(range(100, 124))
SECRET, OLD_SECRET = (f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OLD_KEY))
NOW_S = 1_900_000_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server for one test."""
    with receiving() as told:
        yield told


def settings(**more: str) -> Settings:
    """Settings with notifications."""
    queues = {f"BACKBURNER_{name}_QUEUE_URL": f"https://q/{name}" for name in ("PENDING", "BACKLOG", "DEAD")}
    whole = {"BACKBURNER_BUCKET": "b", "BACKBURNER_MODEL": "m", "BACKBURNER_PROVIDER": "openai", "OPENAI_API_KEY": "k"}
    return from_env(whole | queues | more)


def tell(make: Callable[[Http], Channel], body: bytes = BODY, notification: str = "document_1_1") -> None:
    """Notify a channel once, over connections of its own."""

    async def story() -> None:
        http = Http(connect_s=2, read_s=2)
        try:
            await make(http).deliver(notification, "document.done", body)
        finally:
            await http.close()

    asyncio.run(story())


def webhook(url: str, secrets: str = SECRET) -> Callable[[Http], Channel]:
    """A webhook with this secret."""

    async def known() -> str:
        return secrets

    return lambda http: Webhook(http=http, url=url, secrets=known, clock=lambda: NOW_S + 0.9)


def test_a_signature_is_that_of_the_scheme() -> None:
    """It is the known answer in the tests of Standard Webhooks' libraries."""
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_webhook_gets_the_body_as_it_was_signed(receiver: Receiver) -> None:
    """It comes with its id, this try's time, and a signature that is valid for no other body or key."""
    tell(webhook(receiver.url))
    (post,) = receiver.posts
    headers, body = post
    assert body == BODY
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("document_1_1", str(NOW_S))
    assert headers["content-type"] == "application/json"
    assert is_signed(post, KEY)
    assert not is_signed((headers, body + b" "), KEY)
    assert not is_signed(post, OLD_KEY)


def test_while_a_secret_is_replaced_both_signatures_are_sent(receiver: Receiver) -> None:
    """A receiver that knows either secret accepts it."""
    tell(webhook(receiver.url, f"{SECRET} {OLD_SECRET}"))
    (post,) = receiver.posts
    assert is_signed(post, KEY)
    assert is_signed(post, OLD_KEY)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410, 429, 500, 503])
def test_any_answer_but_success_is_a_refusal(receiver: Receiver, status: int) -> None:
    """A redirect is too, and is not followed: there is only one post."""
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    with pytest.raises(RetryLaterError, match=str(status)):
        tell(webhook(receiver.url))
    assert len(receiver.posts) == 1


def test_what_a_receiver_answers_is_not_quoted(receiver: Receiver) -> None:
    """It may contain anything."""
    receiver.status, receiver.answer = 500, b"a secret of theirs"
    with pytest.raises(RetryLaterError) as refused:
        tell(webhook(receiver.url))
    assert "theirs" not in str(refused.value)


def test_a_success_with_a_huge_answer_is_a_success(receiver: Receiver) -> None:
    """The answer is not read."""
    receiver.status, receiver.answer = 200, b"x" * 1_000_000
    tell(webhook(receiver.url))


def test_a_connection_that_breaks_once_is_not_a_refusal(receiver: Receiver) -> None:
    """The same id is posted again at once; a second break is a refusal."""
    receiver.cuts = 1
    tell(webhook(receiver.url))
    assert [headers["webhook-id"] for headers, _ in receiver.posts] == ["document_1_1"] * 2
    receiver.cuts = 5
    with pytest.raises(RetryLaterError, match="does not answer"):
        tell(webhook(receiver.url))
    assert receiver.cuts == 3


def test_a_closed_port_is_a_refusal() -> None:
    """Nothing listens at the address."""
    with pytest.raises(RetryLaterError, match="does not answer"):
        tell(webhook("http://127.0.0.1:9/"))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "plain words", "whsec_%%%", "whsec_" + "A" * 100])
def test_an_invalid_secret_signs_nothing(receiver: Receiver, secret: str) -> None:
    """If it is too short, too long or not base64, nothing is sent, and the secret is not quoted."""
    with pytest.raises(RetryLaterError, match="24 to 64 random bytes") as refused:
        tell(webhook(receiver.url, secret))
    assert receiver.posts == []
    assert len(secret) < 7 or secret not in str(refused.value)


@pytest.fixture
def topic(endpoint: str) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """A topic and a subscribed queue: its ARN, and what the queue received."""
    sns, sqs = client("sns", endpoint), client("sqs", endpoint)
    arn = sns.create_topic(Name="ended")["TopicArn"]
    url = sqs.create_queue(QueueName="hears-ended")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"FilterPolicy": '{"type": ["document.done"]}'}
    )
    yield arn, lambda: [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url).get("Messages", [])]
    sqs.delete_queue(QueueUrl=url)
    sns.delete_topic(TopicArn=arn)


def told_by(environment: dict[str, str], endpoint: str) -> Callable[[Http], Channel]:
    """The only channel in an environment."""

    def make(http: Http) -> Channel:
        (channel,) = channels(settings(**environment), http, at(endpoint), {"AWS_ENDPOINT_URL": endpoint})
        return channel

    return make


def test_a_topic_delivers_the_body_with_its_type_for_filters(
    topic: tuple[str, Callable[[], list[dict[str, Any]]]], endpoint: str
) -> None:
    """One subscription wants only done documents."""
    arn, heard = topic
    tell(told_by({"BACKBURNER_NOTIFY_TOPIC_ARN": arn}, endpoint))
    (message,) = heard()
    assert message["Message"].encode() == BODY
    assert message["MessageAttributes"]["type"]["Value"] == "document.done"


def test_a_fifo_topic_receives_the_id_as_its_deduplication_id(endpoint: str) -> None:
    """It accepts no message without one."""
    sns = client("sns", endpoint)
    arn = sns.create_topic(Name="ended.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    tell(told_by({"BACKBURNER_NOTIFY_TOPIC_ARN": arn}, endpoint))
    sns.delete_topic(TopicArn=arn)


def test_a_topic_that_is_not_there_refuses(endpoint: str) -> None:
    """The error has the service's own word."""
    arn = f"arn:aws:sns:{REGION}:123456789012:nobody"
    with pytest.raises(RetryLaterError, match="NotFound"):
        tell(told_by({"BACKBURNER_NOTIFY_TOPIC_ARN": arn}, endpoint))


def test_an_event_reaches_the_rules_of_its_bus(endpoint: str) -> None:
    """A rule for Backburner's events forwards it to a queue."""
    events, sqs = client("events", endpoint), client("sqs", endpoint)
    url = sqs.create_queue(QueueName="hears-events")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = events.create_event_bus(Name="ended")["EventBusArn"]
    pattern = {"source": ["backburner"], "detail-type": ["document.done"]}
    events.put_rule(Name="done", EventBusName="ended", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="done", EventBusName="ended", Targets=[{"Id": "queue", "Arn": queue}])
    tell(told_by({"BACKBURNER_NOTIFY_EVENT_BUS": arn}, endpoint))
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail"] == json.loads(BODY)
    sqs.delete_queue(QueueUrl=url)


def test_an_event_that_is_refused_inside_a_success_is_a_refusal(endpoint: str) -> None:
    """PutEvents answers 200 with the failure inside."""
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "x"}]}
    with serve_proxy(endpoint) as proxy:
        proxy.rule = lambda _: Say(200, json.dumps(refused).encode())
        with pytest.raises(RetryLaterError, match="ThrottlingException"):
            tell(told_by({"BACKBURNER_NOTIFY_EVENT_BUS": "default"}, proxy.url))


@pytest.mark.parametrize("protocol", ["json", "query"])
def test_a_queue_gets_the_body_as_a_message(endpoint: str, protocol: str) -> None:
    """Both queue protocols work, and an absent queue refuses."""
    sqs = client("sqs", endpoint)
    url = sqs.create_queue(QueueName=f"hears-{protocol}")["QueueUrl"]
    named = {"BACKBURNER_NOTIFY_QUEUE_URL": url, "BACKBURNER_QUEUE_PROTOCOL": protocol}
    tell(told_by(named, endpoint))
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"].encode() == BODY
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(RetryLaterError):
        tell(told_by(named, endpoint))


def test_every_named_channel_is_notified() -> None:
    """They are a topic in its own region, a bus, a queue, and a webhook."""
    named = settings(
        BACKBURNER_NOTIFY_TOPIC_ARN="arn:aws:sns:us-east-2:123456789012:ended",
        BACKBURNER_NOTIFY_EVENT_BUS="default",
        BACKBURNER_NOTIFY_QUEUE_URL="https://q/ended",
        BACKBURNER_NOTIFY_WEBHOOK_URL="https://hooks.example/x",
        BACKBURNER_NOTIFY_WEBHOOK_SECRET=SECRET,
    )
    topic, bus, queue, hook = channels(named, Http(connect_s=1, read_s=1), at("http://127.0.0.1:9"), {})
    assert isinstance(topic, SnsTopic)
    assert (topic.url, topic.calls.account.region) == ("https://sns.us-east-2.amazonaws.com", "us-east-2")
    assert isinstance(bus, EventBus)
    assert bus.url == f"https://events.{REGION}.amazonaws.com"
    assert isinstance(queue, MessageQueue)
    assert queue.queue.url == "https://q/ended"
    assert isinstance(hook, Webhook)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"BACKBURNER_NOTIFY": "documents"}, "no channel is"),
        ({"BACKBURNER_NOTIFY_WEBHOOK_URL": "https://hooks.example/x"}, "no secret to sign with"),
        (
            {
                "BACKBURNER_NOTIFY_WEBHOOK_URL": "https://hooks.example/x",
                "BACKBURNER_NOTIFY_WEBHOOK_SECRET": "hunter2",
            },
            "cannot be used",
        ),
    ],
)
def test_a_checker_that_could_notify_nobody_does_not_start(more: dict[str, str], words: str) -> None:
    """The error says what is missing, and quotes no secret."""
    with pytest.raises(ConfigError, match=words) as refused:
        channels(settings(**more), Http(connect_s=1, read_s=1), at("http://127.0.0.1:9"), {})
    assert "hunter2" not in str(refused.value)


def test_without_settings_there_is_no_channel() -> None:
    """This is the normal case."""
    assert channels(settings(), Http(connect_s=1, read_s=1), at("http://127.0.0.1:9"), {}) == []


def test_the_pages_example_accepts_what_is_genuine_and_nothing_else(receiver: Receiver) -> None:
    """A user's copy of it refuses a forged body, an old time, another key and another id."""
    page = (Path(__file__).parents[2] / "docs/notifications.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 - the page's own code
    is_genuine = names["is_genuine"]

    async def known() -> str:
        return f"{SECRET} {OLD_SECRET}"

    tell(lambda http: Webhook(http=http, url=receiver.url, secrets=known))
    headers, body = receiver.posts[0]
    assert is_genuine(headers, body, SECRET)
    assert is_genuine(headers, body, OLD_SECRET)
    assert not is_genuine(headers, body + b" ", SECRET)
    assert not is_genuine(headers | {"webhook-timestamp": str(int(time.time()) - 1000)}, body, SECRET)
    assert not is_genuine(headers | {"webhook-id": "another"}, body, SECRET)
    assert not is_genuine(headers, body, f"whsec_{base64.b64encode(bytes(32)).decode()}")
