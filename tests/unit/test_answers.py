"""Answers are read without trusting them: whatever a provider sends becomes a value, and nothing is raised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.answers import Generation, Trouble, Usage, generation_of, trouble_of

FINITE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.sampled_from(
    ["id", "status", "output", "type", "content", "text", "refusal", "model", "usage", "input_tokens", "output_tokens",
     "total_tokens", "error", "code", "message", "incomplete_details", "reason", "created_at", "completed_at"]
)  # fmt: skip
WORDS = st.sampled_from(["message", "output_text", "refusal", "completed", "resp_1", "429", "server_error"])


def _json(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=5),
        max_leaves=25,
    )


BODY = st.dictionaries(NAMES, _json(FINITE), max_size=12)


def _message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "content": list(parts)}


def test_a_whole_response_is_read() -> None:
    """Every field that a verdict or a record needs."""
    body = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "m-2031",
        "created_at": 1_900_000_000,
        "completed_at": 1_900_000_030.7,
        "output": [
            {"type": "reasoning", "content": [{"type": "output_text", "text": "not this"}]},
            _message({"type": "output_text", "text": "One. "}, {"type": "output_text", "text": "Two."}),
            _message({"type": "output_text", "text": " Three."}, {"type": "other", "text": "nor this"}),
        ],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8, "input_tokens_details": {}},
        "error": None,
        "incomplete_details": None,
    }
    assert generation_of(body, 2.5) == Generation(
        id="resp_1",
        status="completed",
        body=body,
        text="One. Two. Three.",
        model="m-2031",
        usage=Usage(input_tokens=5, output_tokens=3, total_tokens=8),
        created_at=1_900_000_000,
        completed_at=1_900_000_030,
        poll_after_s=2.5,
    )


def test_trouble_of_every_kind_is_read_from_a_response() -> None:
    """A refusal, an error and an incomplete end, verbatim."""
    body = {
        "id": "r",
        "status": "failed",
        "output": [_message({"type": "refusal", "refusal": "No."})],
        "error": {"code": "server_error", "message": "Boom."},
        "incomplete_details": {"reason": "max_output_tokens"},
    }
    read = generation_of(body)
    assert (read.refusal, read.text) == ("No.", "")
    assert (read.error_code, read.error_message, read.incomplete_reason) == (
        "server_error",
        "Boom.",
        "max_output_tokens",
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ({"input_tokens": 2, "output_tokens": 3}, Usage(input_tokens=2, output_tokens=3, total_tokens=5)),
        ({"input_tokens": "2", "output_tokens": None, "total_tokens": True}, Usage()),
    ],
)
def test_usage_is_what_was_counted(usage: Any, expected: Usage | None) -> None:
    """None where there is none: unknown is not zero."""
    assert generation_of({"usage": usage}).usage == expected


def test_usage_adds_up() -> None:
    """Of several generations."""
    one = Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    assert one + one == Usage(input_tokens=2, output_tokens=4, total_tokens=6)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"code": "a", "type": "b", "message": "m"}}, "a", "m"),
        ({"error": {"code": None, "type": "b", "message": "m"}}, "b", "m"),
        ({"error": {"code": 404, "type": "NotFoundError", "message": "m"}}, "NotFoundError", "m"),
        ({"error": {"code": "404", "type": "NotFoundError", "message": "m"}}, "NotFoundError", "m"),
        ({"code": "a", "message": "m"}, "a", "m"),
        ({"error": "flat"}, "", "flat"),
        ({"error": {}}, "", "HTTP 418"),
        ("<html>", "", "HTTP 418"),
        (None, "", "HTTP 418"),
        ([], "", "HTTP 418"),
    ],
)
def test_an_error_is_read_in_every_shape(body: Any, code: str, message: str) -> None:
    """The API's own, vLLM's with a number as its code, and flat as gateways send it."""
    assert trouble_of(418, body, 7.0) == Trouble(status=418, code=code, message=message, retry_after_s=7.0)


@given(BODY)
def test_any_object_is_a_generation(body: dict[str, Any]) -> None:
    """Finite JSON of any shape: every field has its type, and what is unknown is empty."""
    read = generation_of(body)
    for value in (read.id, read.status, read.text, read.refusal, read.error_code, read.error_message):
        assert isinstance(value, str)
    for number in (read.created_at, read.completed_at):
        assert number is None or type(number) is int
    assert read.usage is None or isinstance(read.usage, Usage)


@given(_json(FINITE), st.integers(300, 599))
def test_any_error_is_trouble(body: Any, status: int) -> None:
    """With its status, and some message."""
    read = trouble_of(status, body)
    assert read.status == status
    assert read.message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["created_at", "completed_at", "input_tokens"])
def test_a_number_that_is_none_is_unknown(field: str, number: str) -> None:
    """As Python's own reader lets it through."""
    body = json.loads(f'{{"{field}": {number}, "usage": {{"{field}": {number}}}}}')
    assert isinstance(generation_of(body), Generation)


@pytest.mark.parametrize("field", ["id", "status", "model"])
def test_what_was_read_can_be_written(field: str) -> None:
    r"""Half of an emoji, `"\ud83d"`, is what an answer cut off in the middle of one ends with."""
    half = '"half: \\ud83d"'
    body = json.loads(
        f'{{"{field}": {half}, "error": {{"message": {half}}},'
        f' "output": [{{"type": "message", "content": [{{"type": "output_text", "text": {half}}}]}}]}}'
    )
    read = generation_of(body)
    assert (read.text + read.error_message + getattr(read, field)).encode()
