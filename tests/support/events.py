"""The clouds' events: those recorded in `events/`, with a test's bucket and key in them."""

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

EVENTS = Path(__file__).parents[2] / "events"


def recorded(name: str) -> Any:
    """A recorded event, e.g. `aws/s3-put`."""
    return json.loads((EVENTS / f"{name}.json").read_text())


def s3_notification(bucket: str, keys: Sequence[str]) -> Any:
    """One S3 notification with a record for each key, form-encoded as S3 does it."""
    event = recorded("aws/s3-put")
    (record,) = event["Records"]
    event["Records"] = [copy.deepcopy(record) for _ in keys]
    for one, key in zip(event["Records"], keys, strict=True):
        one["s3"]["bucket"]["name"] = bucket
        one["s3"]["object"]["key"] = quote_plus(key, safe="/")
    return event


def event_bridge(bucket: str, key: str) -> Any:
    """EventBridge's "Object Created", the key raw."""
    event = recorded("aws/eventbridge-object-created")
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"]["key"] = key
    return event


def yandex_trigger(bucket: str, key: str) -> Any:
    """An Object Storage trigger's message, the key raw."""
    event = recorded("yandex/yandex-object-create")
    event["messages"][0]["details"] = {"bucket_id": bucket, "object_id": key}
    return event


SHAPES: dict[str, Callable[[str, str], Any]] = {
    "s3": lambda bucket, key: s3_notification(bucket, [key]),
    "eventbridge": event_bridge,
    "yandex": yandex_trigger,
}
TIMERS = {"aws": recorded("aws/eventbridge-schedule"), "yandex": recorded("yandex/yandex-timer")}
TICK_MESSAGES = {"aws": recorded("aws/sqs-tick"), "yandex": recorded("yandex/yandex-queue-tick")}
