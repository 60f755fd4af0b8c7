"""The events of Yandex Cloud's triggers, in the documented shapes, as recorded in `events/yandex/`."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

CREATE, UPDATE, DELETE = "ObjectCreate", "ObjectUpdate", "ObjectDelete"
QUEUE_MESSAGE = "yandex.cloud.events.messagequeue.QueueMessage"
_IDS = {"cloud_id": "b1glocal000000000000", "folder_id": "b1glocal000000000001"}


def object_message(bucket: str, key: str, kind: str = CREATE) -> dict[str, Any]:
    """A message of the Object Storage trigger: bucket and raw key only."""
    metadata = _metadata(f"yandex.cloud.events.storage.{kind}")
    tracing = {"trace_id": uuid.uuid4().hex[:16], "span_id": "", "parent_span_id": ""}
    return {
        "event_metadata": metadata | {"tracing_context": tracing},
        "details": {"bucket_id": bucket, "object_id": key},
    }


def object_event(bucket: str, keys: Sequence[str], kind: str = CREATE) -> dict[str, Any]:
    """An event with a batch of messages."""
    return {"messages": [object_message(bucket, key, kind) for key in keys]}


def timer_event() -> dict[str, Any]:
    """A tick of the timer."""
    metadata = _metadata("yandex.cloud.events.serverless.triggers.TimerMessage")
    return {
        "messages": [{"event_metadata": metadata, "details": {"trigger_id": "a1slocal000000000000", "payload": ""}}]
    }


def queue_event(received: Mapping[str, Any]) -> dict[str, Any]:
    """An event with a message of a queue, as SQS returned it."""
    message = {
        "message_id": received["MessageId"],
        "md5_of_body": received["MD5OfBody"],
        "body": received["Body"],
        "attributes": received.get("Attributes", {}),
        "message_attributes": {},
        "md5_of_message_attributes": "",
    }
    details = {"queue_id": "yrn:yc:ymq:ru-central1:b1glocal000000000001:backburner-ticks", "message": message}
    return {"messages": [{"event_metadata": _metadata(QUEUE_MESSAGE), "details": details}]}


def _metadata(kind: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"event_id": str(uuid.uuid4()), "event_type": kind, "created_at": now, **_IDS}
