"""The channels for notifications: an SNS topic, an EventBridge bus, a queue, a webhook."""

import asyncio
import base64
import binascii
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from backburner.adapters.account import Account, address
from backburner.adapters.calls import Calls
from backburner.adapters.http import Http, NoAnswerError, Reply, TooManyBytesError
from backburner.adapters.queues import SqsQueue, queue_calls
from backburner.adapters.secret import secret
from backburner.adapters.service_errors import code_of
from backburner.errors import ConfigError, RetryLaterError
from backburner.ports import JSON, Channel
from backburner.settings import Notify, Settings

SOURCE = "backburner"
"""The source of events, and the message group in FIFO topics."""
_MAX_ANSWER_BYTES = 65_536
_SECRET = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_MALFORMED = (
    "the webhook's secret is malformed: write whsec_ followed by 24 to 64 random bytes in base64; while you rotate it, "
    "the new and the old one separated by a space"
)


@dataclass(frozen=True, kw_only=True)
class SnsTopic:
    """An SNS topic; the notification's type is an attribute that subscriptions can filter by."""

    calls: Calls
    url: str
    topic_arn: str
    name: str = "sns"

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:
        """Publish. Raises `RetryLaterError` if the topic does not accept it."""
        form = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": self.topic_arn,
            "Message": body.decode(),
            "MessageAttributes.entry.1.Name": "type",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": kind,
        }
        if self.topic_arn.endswith(".fifo"):
            form |= {"MessageGroupId": SOURCE, "MessageDeduplicationId": notification}
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        await _called(self.calls, self.url, headers, urlencode(form).encode())


@dataclass(frozen=True, kw_only=True)
class EventBus:
    """An EventBridge bus, by name or ARN."""

    calls: Calls
    url: str
    bus: str
    name: str = "eventbridge"

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:  # noqa: ARG002 - its id is in the body
        """Put an event. Raises `RetryLaterError` if the bus does not accept it, even if it answers with 200."""
        entry = {"Source": SOURCE, "DetailType": kind, "Detail": body.decode(), "EventBusName": self.bus}
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}
        reply = await _called(self.calls, self.url, headers, json.dumps({"Entries": [entry]}).encode())
        try:
            answer = json.loads(reply.body)
            if answer.get("FailedEntryCount"):
                raise RetryLaterError(f"the bus did not accept the event: {answer['Entries'][0].get('ErrorCode')}")
        except (ValueError, AttributeError, LookupError) as error:
            raise RetryLaterError("the bus may not have accepted the event: its answer cannot be read") from error


@dataclass(frozen=True, kw_only=True)
class MessageQueue:
    """A standard queue of any SQS-compatible service, such as Yandex Message Queue."""

    queue: SqsQueue
    name: str = "queue"

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:  # noqa: ARG002 - both are in the body
        """Send a message. Raises `RetryLaterError` if the queue does not accept it."""
        await self.queue.send(body.decode(), 0)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A URL that receives posts signed as Standard Webhooks 1.0.0 says."""

    http: Http
    url: str
    secrets: Callable[[], Awaitable[str]]
    clock: Callable[[], float] = time.time
    name: str = "webhook"

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:  # noqa: ARG002 - its type is in the body
        """Post. Raises `RetryLaterError` for any answer but 2xx, or none."""
        headers = {"Content-Type": JSON, "User-Agent": SOURCE}
        headers |= signed_headers(await self.secrets(), notification, int(self.clock()), body)
        try:
            reply = await self._posted(headers, body)
        except TooManyBytesError:
            return  # raised only for a successful answer
        except NoAnswerError as error:
            raise RetryLaterError(f"the webhook does not answer: {error.name}") from error
        if not _is_success(reply):
            raise RetryLaterError(f"the webhook answered {reply.status}")

    async def _posted(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post, and once more if the pooled connection was just closed; the receiver knows a repetition by its id."""
        post = partial(self.http.call, "POST", self.url, headers, body, limit_bytes=_MAX_ANSWER_BYTES)
        try:
            return await post()
        except NoAnswerError:
            return await post()


def signed_headers(secrets: str, notification: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """The headers that prove the sender, a signature for each secret. Raises `RetryLaterError` for a malformed one."""
    content = b".".join((notification.encode(), str(at_s).encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in _keys(secrets)]
    return {
        "webhook-id": notification,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _keys(secrets: str) -> list[bytes]:
    keys = [_key(one) for one in secrets.split()]
    if not keys:
        raise RetryLaterError(_MALFORMED)
    return keys


def _key(one: str) -> bytes:
    found = _SECRET.fullmatch(one)
    try:
        key = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        key = b""
    if not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
        raise RetryLaterError(_MALFORMED)
    return key


def channels(settings: Settings, http: Http, account: Account, environment: Mapping[str, str]) -> list[Channel]:
    """The configured channels; makes no call yet. Raises `ConfigError` if notifications are on without a channel."""
    notify = settings.notify
    if notify.is_on and not notify.has_channels:
        raise ConfigError(
            "BACKBURNER_NOTIFY is set, but no channel is: name a topic, an event bus, a queue or a "
            "webhook (docs/notifications.md), or leave it unset"
        )
    made: list[Channel] = []
    if notify.topic_arn:
        region = notify.topic_arn.split(":")[3]
        calls = _calls(http, replace(account, region=region), "sns")
        made.append(SnsTopic(calls=calls, url=address(environment, "sns", "SNS", region), topic_arn=notify.topic_arn))
    if notify.event_bus:
        url = address(environment, "events", "EVENTBRIDGE", account.region)
        made.append(EventBus(calls=_calls(http, account, "events"), url=url, bus=notify.event_bus))
    if notify.queue_url:
        calls = queue_calls(http, account, tries=2)
        made.append(MessageQueue(queue=SqsQueue(calls=calls, url=notify.queue_url, protocol=settings.queue_protocol)))
    if notify.webhook_url:
        _require_secret(notify)
        made.append(Webhook(http=http, url=notify.webhook_url, secrets=partial(_secrets, notify, settings)))
    return made


def _require_secret(notify: Notify) -> None:
    """Raise `ConfigError` if there is no secret to sign with, or a malformed one."""
    if not (notify.webhook_secret or notify.webhook_secret_name):
        raise ConfigError(
            "BACKBURNER_NOTIFY_WEBHOOK_URL is set, but there is no secret to sign with: set "
            "BACKBURNER_NOTIFY_WEBHOOK_SECRET or BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME"
        )
    try:
        if notify.webhook_secret:
            _keys(notify.webhook_secret)
    except RetryLaterError as error:
        raise ConfigError(f"BACKBURNER_NOTIFY_WEBHOOK_SECRET cannot be used: {error}") from error


async def _secrets(notify: Notify, settings: Settings) -> str:
    if notify.webhook_secret:
        return notify.webhook_secret
    return await asyncio.to_thread(secret, notify.webhook_secret_name or "", settings.api_key_store)


def _calls(http: Http, account: Account, service: str) -> Calls:
    return Calls(http=http, account=account, service=service, code_of=code_of, tries=2)


async def _called(calls: Calls, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    try:
        reply = await calls.call("POST", f"{url}/", None, headers, body)
    except NoAnswerError as error:
        raise RetryLaterError(f"{calls.service} does not answer: {error.name}") from error
    if not _is_success(reply):
        raise RetryLaterError(f"{calls.service} did not accept the call: {code_of(reply)}")
    return reply


def _is_success(reply: Reply) -> bool:
    return 200 <= reply.status < 300  # noqa: PLR2004
