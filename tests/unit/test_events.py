"""Both clouds' events are read as raw keys; events that are no upload are ignored; unknown ones are refused by name."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from backburner.errors import UnknownEventError
from backburner.events import TICK, Broken, Ignored, TickSource, Upload, tick_source, uploads_in

EVENTS = Path(__file__).parents[2] / "events"
UPLOADS = {
    "aws/s3-put.json": [Upload("backburner-demo", "inbox/summary/report (final) ф.txt")],
    "aws/s3-delete.json": [Ignored("ObjectRemoved:Delete")],
    "aws/s3-test.json": [Ignored("test event")],
    "aws/eventbridge-object-created.json": [Upload("backburner-demo", "inbox/summary/a b+c%20d.txt")],
    "yandex/yandex-object-create.json": [
        Upload("backburner-demo", "inbox/summary/годовой отчёт + приложения.txt"),
    ],
    "yandex/yandex-object-delete.json": [Ignored("yandex.cloud.events.storage.ObjectDelete")],
}
TICKS = {
    "aws/eventbridge-schedule.json": TickSource.TIMER,
    "aws/sqs-tick.json": TickSource.MESSAGE,
    "yandex/yandex-timer.json": TickSource.TIMER,
    "yandex/yandex-queue-tick.json": TickSource.MESSAGE,
}
AWKWARD = [
    "inbox/a b.txt",
    "inbox/a+b.txt",
    "inbox/a%20b.txt",
    "inbox/100%.txt",
    "inbox/%2B%25.txt",
    "inbox/../a//b.txt",
    "inbox//x",
    "inbox/\"'<&>.txt",
    "inbox/🐘 é e\u0301.txt",
    "inbox/" + "x" * 1018,
    "inbox/\n\t.txt",
]


def _sample(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def _s3(*keys: Any, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}
            for key in keys
        ]
    }


def _event_bridge(key: Any, kind: str = "Object Created") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": kind, "detail": {"bucket": {"name": "b"}, "object": {"key": key}}}


def _yandex(*keys: Any, kind: str = "ObjectCreate") -> dict[str, Any]:
    return {
        "messages": [
            {
                "event_metadata": {"event_type": f"yandex.cloud.events.storage.{kind}"},
                "details": {"bucket_id": "b", "object_id": key},
            }
            for key in keys
        ]
    }


def test_every_sample_is_expected_here() -> None:
    """A new recorded event needs a new line."""
    assert {str(path.relative_to(EVENTS)) for path in EVENTS.rglob("*.json")} == {*UPLOADS, *TICKS}


@pytest.mark.parametrize("name", UPLOADS)
def test_a_recorded_upload_event_is_an_upload(name: str) -> None:
    """It says exactly what happened, and starts no tick."""
    assert uploads_in(_sample(name)) == UPLOADS[name]
    with pytest.raises(UnknownEventError):
        tick_source(_sample(name))


@pytest.mark.parametrize("name", sorted(TICKS))
def test_a_recorded_event_that_starts_a_tick_is_a_tick(name: str) -> None:
    """It says what started the tick, and is not an upload."""
    assert tick_source(_sample(name)) is TICKS[name]
    try:
        records = uploads_in(_sample(name))
    except UnknownEventError:
        return
    assert not [record for record in records if isinstance(record, Upload)]


def _of_sqs(*bodies: object) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "body": body} for body in bodies]}


def _of_message_queue(*bodies: object) -> dict[str, Any]:
    metadata = {"event_type": "yandex.cloud.events.messagequeue.QueueMessage"}
    return {"messages": [{"event_metadata": metadata, "details": {"message": {"body": body}}} for body in bodies]}


@pytest.mark.parametrize("of", [_of_sqs, _of_message_queue])
@pytest.mark.parametrize("bodies", [[], ['{"job": "…"}'], [TICK, '{"job": "…"}'], [TICK, None], [f"{TICK} "]])
def test_a_message_that_is_no_tick_is_refused(of: Any, bodies: list[object]) -> None:
    """With a trigger on the pending queue by mistake, a tick that succeeded would delete what drives a job."""
    assert tick_source(of(TICK, TICK)) is TickSource.MESSAGE
    with pytest.raises(UnknownEventError):
        tick_source(of(*bodies))


@pytest.mark.parametrize("key", AWKWARD)
def test_an_awkward_key_is_read_raw(key: str) -> None:
    """S3's notifications are decoded once, however they were encoded; the other two are not decoded."""
    assert uploads_in(_s3(quote_plus(key))) == uploads_in(_s3(quote(key, safe="/"))) == [Upload("b", key)]
    assert uploads_in(_event_bridge(key)) == [Upload("b", key)]
    assert uploads_in(_yandex(key)) == [Upload("b", key)]


def test_a_replaced_object_is_an_upload() -> None:
    """This holds for every way of creating an object."""
    assert uploads_in(_yandex("inbox/a", kind="ObjectUpdate")) == [Upload("b", "inbox/a")]
    for name in ("Put", "Post", "Copy", "CompleteMultipartUpload"):
        assert uploads_in(_s3("inbox/a", name=f"ObjectCreated:{name}")) == [Upload("b", "inbox/a")]


@pytest.mark.parametrize("key", ["results/a.md", "recipes/a.md", "a", "inbox", "Inbox/a", "inbox/", "inbox/folder/"])
def test_an_object_that_is_no_document_is_ignored(key: str) -> None:
    """It is outside the inbox, or a folder marker."""
    for event in (_s3(key), _event_bridge(key), _yandex(key)):
        (record,) = uploads_in(event)
        assert isinstance(record, Ignored)


@pytest.mark.parametrize(
    "event",
    [
        _s3("inbox/a", name="ObjectRemoved:DeleteMarkerCreated"),
        _s3("inbox/a", name="ObjectRestore:Completed"),
        _event_bridge("inbox/a", "Object Deleted"),
        _yandex("inbox/a", kind="ObjectDelete"),
    ],
)
def test_an_event_that_is_no_upload_is_ignored(event: dict[str, Any]) -> None:
    """Deletes and the like need no action."""
    (record,) = uploads_in(event)
    assert isinstance(record, Ignored)


@pytest.mark.parametrize("key", [None, "", 7, {}, "inbox/%FF.txt"])
def test_a_broken_record_does_not_affect_the_others(key: Any) -> None:
    """Records are read independently, in order."""
    first, broken, last = uploads_in(_s3("inbox/a", key, "inbox/b"))
    assert (first, last) == (Upload("b", "inbox/a"), Upload("b", "inbox/b"))
    assert isinstance(broken, Broken)
    if key != "inbox/%FF.txt":
        first, broken, last = uploads_in(_yandex("inbox/a", key, "inbox/b"))
        assert (first, last) == (Upload("b", "inbox/a"), Upload("b", "inbox/b"))
        assert isinstance(broken, Broken)


@pytest.mark.parametrize("record", [None, 7, {}, {"eventSource": "aws:s3"}, {"eventName": "ObjectCreated:Put"}, []])
def test_a_record_without_its_fields_is_broken(record: Any) -> None:
    """The message says which field is missing."""
    for event in ({"Records": [record]}, {"messages": [record]}):
        (found,) = uploads_in(event)
        assert isinstance(found, Broken)
        assert found.why


@pytest.mark.parametrize("event", [None, 7, "text", [], {}, {"Records": {}}, {"messages": "x"}, {"source": "aws.ec2"}])
@pytest.mark.parametrize("read", [uploads_in, tick_source])
def test_an_unknown_shape_is_refused_with_the_known_ones(event: Any, read: Any) -> None:
    """After wiring the wrong trigger, an operator sees which events are understood."""
    with pytest.raises(UnknownEventError) as refused:
        read(event)
    for shape in ("S3 notification", "EventBridge", "Yandex Object Storage", "TimerMessage", "SQS", "QueueMessage"):
        assert shape in str(refused.value)


@pytest.mark.parametrize("source", ["aws:sqs", "aws:kinesis", "aws:dynamodb"])
def test_records_of_another_service_are_an_unknown_shape(source: str) -> None:
    """A wrong trigger is refused, and not taken for broken uploads."""
    with pytest.raises(UnknownEventError):
        uploads_in({"Records": [{"eventSource": source, "body": "{}"}]})
