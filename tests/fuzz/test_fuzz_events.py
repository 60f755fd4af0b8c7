"""Events: whatever a cloud sends is translated, skipped, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.errors import UnknownEventError
from backburner.events import Broken, Ignored, TickSource, Upload, is_timer, tick_source, uploads_in

from .drawing import fuzzed
from .values import HALF, mutated, values

NAMES = [
    "Records", "messages", "source", "detail-type", "detail", "Event", "eventSource", "EventSource", "eventName", "s3",
    "bucket", "object", "name", "key", "event_metadata", "event_type", "details", "bucket_id", "object_id",
    "body", "message",
]  # fmt: skip
WORDS = [
    "aws:s3", "minio:s3", "aws:sqs", "aws.s3", "aws.events", "aws.scheduler", "Object Created", "ObjectCreated:Put",
    "s3:TestEvent", "s3:ObjectCreated:Put", "Scheduled Event", "yandex.cloud.events.storage.ObjectCreate",
    "yandex.cloud.events.messagequeue.QueueMessage", "tick",
    "yandex.cloud.events.storage.Object", "yandex.cloud.events.serverless.triggers.TimerMessage", "inbox/%zz",
    "inbox/\ud800", "inbox/a", "inbox/", "inbox/%ED%A0%80", "inbox/%00", "inbox//", "inbox/a+b%2B", "INBOX/a",
]  # fmt: skip
RECORDED = [
    path.read_bytes() for path in sorted((Path(__file__).parents[2] / "events").glob("*/*.json"))
]  # as the clouds sent them
ANY = values(NAMES, WORDS)


def _translated(event: Any) -> None:
    """Only `UnknownEventError` may be raised; uploads are in the inbox, and their keys can be written."""
    try:
        source = tick_source(event)
    except UnknownEventError as error:
        assert not is_timer(event)
        assert "TimerMessage" in str(error)  # noqa: PT017 - the other way is right as well
    else:
        assert is_timer(event) == (source is TickSource.TIMER)
    try:
        records = uploads_in(event)
    except UnknownEventError as error:
        assert "S3 notification" in str(error)  # noqa: PT017
        return
    for record in records:
        assert isinstance(record, Upload | Ignored | Broken)
        if isinstance(record, Upload):
            assert record.key.startswith("inbox/")
            assert not record.key.endswith("/")
            assert record.key.encode()
        else:
            assert record.why


def test_there_are_recorded_events() -> None:
    """There are some for the next tests to change."""
    assert len(RECORDED) >= 8


@fuzzed
@given(ANY | st.dictionaries(st.sampled_from(NAMES), ANY, max_size=5))
@example({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": HALF}}}]})
@example(
    {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%ED%A0"}}}]}
)
@example({"messages": [{"event_metadata": {"event_type": {}}, "details": {"bucket_id": 1e308, "object_id": []}}]})
@example({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": 7}})
@example({1: 2, None: 3, ("a",): 4})
@example(float("nan"))
def test_any_event_is_translated_or_refused(event: Any) -> None:
    """The events are rubbish with the names and words of real ones."""
    _translated(event)


@fuzzed
@given(mutated(st.sampled_from(RECORDED)))
@example(b'{"Records": ' + b"[" * 900 + b"]" * 900 + b"}")
def test_a_recorded_event_with_changes_is_translated_or_refused(raw: bytes) -> None:
    """Changes keep the event JSON, since the cloud's runtime has parsed it."""
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        return
    _translated(event)


@fuzzed
@given(
    st.lists(st.sampled_from(["%", "+", " ", "é", "a", "/", "2F", "zz", "C3", "A9", "ED", "A0", "80", "\x00", HALF]))
)
@example(["%", "ED", "%", "A0", "%", "80"])
def test_a_key_is_decoded_once_or_not_at_all(bits: list[str]) -> None:
    """S3 encodes keys and EventBridge does not; either way the bucket can be asked for the result."""
    key = "inbox/" + "".join(bits)
    for event in (
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]},
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
        },
    ):
        _translated(event)
        (record,) = uploads_in(event)
        if isinstance(record, Upload) and "source" in event:
            assert record.key == key


@pytest.mark.parametrize("depth", [900, 944, 983, 5000])
def test_any_depth_is_translated_or_refused(depth: int) -> None:
    """Events are as deep as a runtime may have parsed them."""
    event: Any = "inbox/a"
    for _ in range(depth):
        event = {"Records": [event]}
    _translated(event)
