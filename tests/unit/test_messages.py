"""Queue messages are read as they were written, and any other body is refused."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.errors import MessageError
from backburner.ledger.messages import Message, decode, new_ticket

TEXT = st.text(st.characters(codec="utf-8"))
MESSAGES = st.builds(
    Message,
    job=TEXT,
    run=st.integers(1, 2**40),
    key=TEXT.map("inbox/{}".format),
    ticket=TEXT,
    follows=st.none() | TEXT,
    response_id=st.none() | TEXT,
    attempt=st.none() | st.integers(0, 100),
)
BARE = {"job": "j", "run": 1, "key": "inbox/a", "ticket": "t"}
_REFUSED_BY_SQS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@given(MESSAGES)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    """This holds for any key."""
    assert decode(message.encode()) == message


def test_a_message_has_the_contracts_fields() -> None:
    """Fields that it does not need are left out."""
    assert json.loads(Message(**BARE).encode()) == BARE
    whole = BARE | {"follows": "s", "response_id": "resp_1", "attempt": 2}
    assert json.loads(Message(**whole).encode()) == whole


def test_a_later_versions_fields_are_ignored() -> None:
    """An old checker can therefore still drive a new job."""
    assert decode(json.dumps(BARE | {"part": 7, "of": {"a": []}})) == Message(**BARE)


def test_the_largest_message_fits_a_queue_many_times() -> None:
    """It has a key of 1,024 bytes that JSON has to escape, and a long id."""
    message = Message(job="0" * 32, run=10**6, key="\x01" * 1024, ticket=new_ticket(), response_id="r" * 200, attempt=9)
    assert len(message.encode().encode()) < 20_000


@pytest.mark.parametrize("key", ["inbox/\uffff", "inbox/\ufffe", "inbox/\x00\x1f", "inbox/\x7f\x85🐘"])
def test_a_queue_takes_every_message(key: str) -> None:
    """SQS refuses characters that XML 1.0 lacks, but an object's key may contain all of them."""
    assert not _REFUSED_BY_SQS.search(Message(**BARE | {"key": key}).encode())


@pytest.mark.parametrize(
    "body",
    ["", "text", "null", "[]", "{}", "\ud800", "{", "7", *[json.dumps(BARE | {name: None}) for name in BARE]],
)
def test_what_is_not_ours_is_refused(body: str) -> None:
    """Nothing else is raised."""
    with pytest.raises(MessageError):
        decode(body)


@pytest.mark.parametrize("name", BARE)
def test_a_message_that_lacks_a_field_is_refused(name: str) -> None:
    """Each field is required."""
    with pytest.raises(MessageError):
        decode(json.dumps({key: value for key, value in BARE.items() if key != name}))


VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.sampled_from(list(BARE)), x)
)


@given(st.text() | VALUES.map(json.dumps))
def test_any_body_is_a_message_or_an_error_of_ours(body: str) -> None:
    """A poisoned message cannot stop a checker."""
    try:
        found: Any = decode(body)
    except MessageError:
        return
    assert isinstance(found, Message)


def test_tickets_are_fresh() -> None:
    """None was ever used before."""
    assert len({new_ticket() for _ in range(1000)}) == 1000
