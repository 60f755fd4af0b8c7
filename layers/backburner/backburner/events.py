"""Reads uploads from a cloud's event. Knows the shapes in `SHAPES`; says why a record is not an upload."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_plus

from backburner.errors import UnknownEventError
from backburner.ledger.keys import INBOX

SHAPES = (
    "an S3 notification (Records[].s3), an EventBridge 'Object Created' (detail.object), "
    "a Yandex Object Storage trigger (messages[].details.object_id), "
    "a timer: an EventBridge schedule ('Scheduled Event') or a Yandex timer trigger (TimerMessage), "
    "or a tick message: from SQS (Records[].body) or a Yandex Message Queue trigger (QueueMessage)"
)
TICK = "tick"
"""The body of a message that starts a tick."""
_YANDEX_STORAGE = "yandex.cloud.events.storage.Object"
_YANDEX_TIMER = "yandex.cloud.events.serverless.triggers.TimerMessage"
_YANDEX_QUEUE = "yandex.cloud.events.messagequeue.QueueMessage"


class TickSource(StrEnum):
    """What starts ticks."""

    TIMER = "timer"
    MESSAGE = "message"


@dataclass(frozen=True)
class Upload:
    """An object that was created or replaced; `key` is raw, not URL-encoded."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Ignored:
    """A record that needs no action."""

    why: str


@dataclass(frozen=True)
class Broken:
    """A record of a known kind without a field that it must have."""

    why: str


Record = Upload | Ignored | Broken


def uploads_in(event: object) -> list[Record]:
    """Every record of an upload event, in order. Raises `UnknownEventError` for any other event."""
    match event:
        case {"Records": list(records)} if not records or not all(map(_is_foreign, records)):
            return [_s3(record) for record in records]
        case {"Event": "s3:TestEvent"}:
            return [Ignored("test event")]
        case {"source": "aws.s3", "detail-type": str(kind), **rest}:
            return [_event_bridge(rest.get("detail"), kind)]
        case {"messages": list(messages)} if not is_timer(event):
            return [_yandex(message) for message in messages]
        case _:
            raise _unknown("an upload", event)


def tick_source(event: object) -> TickSource:
    """What started this tick. Raises `UnknownEventError` if it is neither a timer nor a tick message.

    Any other message is refused: its queue would delete it, though it may be all that drives a job.
    """
    if is_timer(event):
        return TickSource.TIMER
    match event:
        case {"Records": [_, *_] as records} if all(map(_is_tick_of_sqs, records)):
            return TickSource.MESSAGE
        case {"messages": [_, *_] as messages} if all(map(_is_tick_of_yandex, messages)):
            return TickSource.MESSAGE
        case _:
            raise _unknown("a timer or a tick message", event)


def is_timer(event: object) -> bool:
    """Whether it is an event from a timer of either cloud."""
    match event:
        case {"source": "aws.scheduler" | "aws.events"} | {"detail-type": "Scheduled Event"}:
            return True
        case {"messages": [{"event_metadata": {"event_type": str(kind)}}, *_]}:
            return kind == _YANDEX_TIMER
        case _:
            return False


def _is_tick_of_sqs(record: object) -> bool:
    match record:
        case {"eventSource": "aws:sqs", "body": str(body)}:
            return body == TICK
        case _:
            return False


def _is_tick_of_yandex(message: object) -> bool:
    match message:
        case {"event_metadata": {"event_type": str(kind)}, "details": {"message": {"body": str(body)}}}:
            return kind == _YANDEX_QUEUE and body == TICK
        case _:
            return False


def _is_foreign(record: object) -> bool:
    """Whether a service other than an object store sent it; stores are `aws:s3`, `minio:s3`, `ceph:s3`."""
    match record:
        case {"eventSource": str(source)} | {"EventSource": str(source)}:
            return not source.endswith(":s3")
        case _:
            return False


def _s3(record: object) -> Record:
    match record:
        case {"eventSource": str(), "eventName": str(name)} if not name.removeprefix("s3:").startswith(
            "ObjectCreated:"
        ):
            return Ignored(name)
        case {
            "eventName": str(),
            "s3": {"bucket": {"name": str(bucket)}, "object": dict(object_)},
        }:
            return _upload(bucket, object_.get("key"), encoded=True)
        case _:
            return Broken("an S3 record without eventName, s3.bucket.name or s3.object.key")


def _event_bridge(detail: object, kind: str) -> Record:
    if kind != "Object Created":
        return Ignored(kind)
    match detail:
        case {"bucket": {"name": str(bucket)}, "object": {"key": key}}:
            return _upload(bucket, key)
        case _:
            return Broken("an EventBridge event without detail.bucket.name or detail.object.key")


def _yandex(message: object) -> Record:
    match message:
        case {"event_metadata": {"event_type": str(kind)}, "details": {"bucket_id": str(bucket), "object_id": key}} if (
            kind.startswith(_YANDEX_STORAGE)
        ):
            created = kind.removeprefix(_YANDEX_STORAGE) in ("Create", "Update")
            return _upload(bucket, key) if created else Ignored(kind)
        case _:
            return Broken("a trigger message without event_metadata.event_type, details.bucket_id or details.object_id")


def _upload(bucket: str, key: object, *, encoded: bool = False) -> Record:
    if not isinstance(key, str) or not key:
        return Broken("an upload without a key")
    try:
        raw = unquote_plus(key, errors="strict") if encoded else key
        raw.encode()
    except UnicodeError:
        return Broken("an upload whose key is not UTF-8")
    if raw.endswith("/"):
        return Ignored("folder marker")
    return Upload(bucket, raw) if raw.startswith(INBOX) else Ignored("not in inbox/")


def _unknown(wanted: str, event: object) -> UnknownEventError:
    seen = f"keys {sorted(map(str, event))}" if isinstance(event, Mapping) else type(event).__name__
    return UnknownEventError(f"expected {wanted}, got an event with {seen}; known shapes are {SHAPES}")
