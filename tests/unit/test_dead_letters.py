"""Every dead letter is understood, or says why it is not."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.ledger.messages import Message, dead_letter
from backburner.maintenance.dead_letters import DeadLetter, Kind, understand
from support.system import System

EVENTS = Path(__file__).parents[2] / "events"
NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)
MESSAGE = Message(job="a" * 32, run=2, key="inbox/отчёт.txt", ticket="t").encode()


def sample(name):
    """A recorded event, as a dead-letter queue holds it."""
    return (EVENTS / name).read_text()


def destination(event, **more):
    """A failed asynchronous call, as Lambda sends it to its on-failure destination."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-19T14:20:47.333Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:backburner-submit:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": json.loads(sample(event)),
        }
        | more
    )


RAISED = {
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": "1 of 1 records failed: RetryLaterError", "errorType": "SubmitError"},
}


@pytest.mark.parametrize(
    ("body", "kind", "keys"),
    [
        (MESSAGE, Kind.REDRIVEN, ("inbox/отчёт.txt",)),
        (dead_letter("not a message", "pending", "rubbish", NOON), Kind.NOT_UNDERSTOOD, ()),
        (dead_letter("not a message", "backlog", sample("aws/s3-put.json"), NOON), Kind.NOT_UNDERSTOOD, ("S3",)),
        (destination("aws/s3-put.json", **RAISED), Kind.FAILED_CALL, ("S3",)),
        (destination("aws/s3-put.json"), Kind.FAILED_CALL, ("S3",)),
        (destination("aws/eventbridge-schedule.json", **RAISED), Kind.TICK, ()),
        (destination("aws/s3-put.json", requestPayload={"a": 1}), Kind.UNKNOWN, ()),
        (sample("aws/s3-put.json"), Kind.EVENT, ("S3",)),
        (sample("aws/s3-delete.json"), Kind.EVENT, ()),
        (sample("aws/s3-test.json"), Kind.EVENT, ()),
        (sample("aws/eventbridge-object-created.json"), Kind.EVENT, ("inbox/summary/a b+c%20d.txt",)),
        (sample("aws/eventbridge-schedule.json"), Kind.TICK, ()),
        (sample("yandex/yandex-object-create.json"), Kind.EVENT, ("YANDEX",)),
        (sample("yandex/yandex-object-delete.json"), Kind.EVENT, ()),
        (sample("yandex/yandex-timer.json"), Kind.TICK, ()),
        (json.dumps(json.loads(sample("yandex/yandex-object-create.json"))["messages"][0]), Kind.EVENT, ("YANDEX",)),
        (json.dumps(json.loads(sample("yandex/yandex-timer.json"))["messages"][0]), Kind.TICK, ()),
        (json.dumps({"FunctionName": "f", "Payload": sample("aws/eventbridge-schedule.json")}), Kind.TICK, ()),
        (json.dumps({"payload": json.loads(sample("yandex/yandex-object-create.json"))}), Kind.EVENT, ("YANDEX",)),
        (Message(job="a", run=1, key="elsewhere/a.txt", ticket="t").encode(), Kind.UNKNOWN, ()),
        ("", Kind.UNKNOWN, ()),
        ("[1]", Kind.UNKNOWN, ()),
        ("{}", Kind.UNKNOWN, ()),
        ("[" * 100_000, Kind.UNKNOWN, ()),
        ("\ud800", Kind.UNKNOWN, ()),
    ],
)
def test_every_shape_is_understood(body, kind, keys):
    """The sender that gave up is known, and the raw keys of its documents."""
    names = {
        "S3": "inbox/summary/report (final) ф.txt",
        "YANDEX": "inbox/summary/годовой отчёт + приложения.txt",
    }
    letter = understand(body)
    assert letter.kind is kind
    assert letter.keys == tuple(names.get(key, key) for key in keys)
    assert letter.why


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (dead_letter("why", "pending", "x", NOON), NOON),
        (destination("aws/s3-put.json"), datetime(2026, 11, 19, 14, 20, 47, 333_000, UTC)),
        (sample("aws/s3-put.json"), datetime(2026, 11, 19, 14, 17, 47, 847_000, UTC)),
        (sample("aws/eventbridge-schedule.json"), datetime(2026, 11, 19, 2, 8, 48, tzinfo=UTC)),
        (sample("yandex/yandex-object-create.json"), datetime(2026, 11, 19, 14, 17, 47, 847_365, UTC)),
        (json.dumps({"reason": "r", "body": "b", "at": "yesterday"}), None),
        (MESSAGE, None),
    ],
)
def test_a_dead_letters_time_is_read(body, at):
    """The time is in UTC; one that cannot be read is none."""
    assert understand(body).at == at


def test_the_functions_exception_is_part_of_the_reason():
    """It follows the cloud's reason for giving up."""
    letter = understand(destination("aws/s3-put.json", **RAISED))
    assert letter.why == "RetriesExhausted: SubmitError: 1 of 1 records failed: RetryLaterError"


def test_a_repeated_key_is_named_once():
    """One document needs one replay."""
    event = json.loads(sample("aws/s3-put.json"))
    assert len(understand(json.dumps({"Records": event["Records"] * 3})).keys) == 1


def test_the_checkers_envelope_fits_a_queue_whatever_it_holds():
    """Escaping makes text longer, and a queue takes 256 KB."""
    for body in ('"' * 300_000, "\x00" * 300_000, "😀" * 300_000, "\udc00" * 300_000):
        assert len(dead_letter("why", "pending", body, NOON).encode()) < 256 * 1024


def test_the_checker_makes_a_dead_letter_of_what_it_does_not_understand():
    """It has the reason, the original queue, the body and the time, and is sent at once."""
    system = System()
    system.run(system.backlog.send("not ours", 0))
    system.run(system.tick())
    assert not system.backlog.messages
    (letter,) = system.dead.messages
    assert json.loads(letter.body).keys() == {"reason", "queue", "body", "at"}
    assert json.loads(letter.body)["queue"] == "backlog"
    assert json.loads(letter.body)["body"] == "not ours"
    assert understand(letter.body).kind is Kind.NOT_UNDERSTOOD


def names_in(value):
    """Every field's name, at any depth."""
    match value:
        case dict():
            return set(value).union(*map(names_in, value.values()))
        case list():
            return set().union(*map(names_in, value))
        case _:
            return set()


KNOWN = [
    destination("aws/s3-put.json", **RAISED),
    dead_letter("why", "pending", "body", NOON),
    MESSAGE,
    *(path.read_text() for path in EVENTS.rglob("*.json")),
]
NAMES = st.sampled_from(sorted(set().union(*(names_in(json.loads(body)) for body in KNOWN))))
RUBBISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from(["inbox/a", "aws:s3"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | NAMES, inner) | st.dictionaries(NAMES, inner),
    max_leaves=30,
)


@given(RUBBISH.map(json.dumps) | st.text())
def test_rubbish_never_raises(body):
    """Whatever is in the queue, there is a dead letter that can be shown."""
    letter = understand(body)
    assert isinstance(letter, DeadLetter)
    assert letter.why
    assert all(key.startswith("inbox/") for key in letter.keys)
