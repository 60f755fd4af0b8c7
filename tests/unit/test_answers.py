"""Answers are read without trusting them: whatever a provider sends becomes a value, and nothing is raised."""

import json
from typing import Any

import pytest

from backburner.provider.answers import FailedCall, Generation, Usage
from backburner.provider.reading import failed_call_of, generation_of


def _message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "content": list(parts)}


def test_a_whole_response_is_read() -> None:
    """Every field that a verdict or a record needs is read."""
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


def test_every_kind_of_bad_ending_is_read_from_a_response() -> None:
    """A refusal, an error and an incomplete end are read verbatim."""
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
        ({"input_tokens": "2", "output_tokens": None, "total_tokens": True}, Usage(input_tokens=2, total_tokens=2)),
        ({"input_tokens": " 7 ", "output_tokens": 3.0}, Usage(input_tokens=7, output_tokens=3, total_tokens=10)),
        ({"input_tokens": -5, "output_tokens": 3, "total_tokens": -2}, Usage(output_tokens=3, total_tokens=3)),
        ({"input_tokens": 10**400, "output_tokens": 1e308}, None),
        ({"input_tokens": 10**15}, Usage(input_tokens=10**12, total_tokens=10**12)),
        ({"prompt_tokens": 4, "completion_tokens": 5}, Usage(input_tokens=4, output_tokens=5, total_tokens=9)),
        ({"total_tokens": 9}, Usage(total_tokens=9)),
        (
            {"input_tokens": 4, "output_tokens": 5, "total_tokens": 1},
            Usage(input_tokens=4, output_tokens=5, total_tokens=9),
        ),
        ({"input_tokens": "9" * 5000}, None),
        ({"input_tokens": "²"}, None),
        ({"input_tokens": {}, "output_tokens": []}, None),
        (["5"], None),
        ("5", None),
    ],
)
def test_usage_is_what_was_counted(usage: Any, expected: Usage | None) -> None:
    """It is None if nothing was counted: unknown is not zero."""
    assert generation_of({"usage": usage}).usage == expected


def test_usage_adds_up() -> None:
    """Usage of several generations is summed."""
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
    """The API's own, vLLM's with a numeric code, and the flat one that gateways send."""
    assert failed_call_of(418, body, 7.0) == FailedCall(status=418, code=code, message=message, retry_after_s=7.0)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("  The body must be a string.\n", "", "The body must be a string."),
        ("<html><style>p {}</style><h1>Bad Gateway</h1><script>x()</script></html>", "", "Bad Gateway"),
        ({"detail": "Not Found"}, "", "Not Found"),
        ({"detail": [{"loc": ["body"], "msg": "Field required", "type": "missing"}]}, "", "Field required"),
        ({"detail": {"code": "a", "message": "m"}}, "a", "m"),
        ({"error": "Model is overloaded", "error_type": "overloaded"}, "overloaded", "Model is overloaded"),
        ({"error": "m", "code": 8, "message": "n", "details": []}, "RESOURCE_EXHAUSTED", "n"),
        ({"error": {"grpcCode": 3, "httpCode": 400, "message": "m"}}, "INVALID_ARGUMENT", "m"),
        ({"error": {"code": "\ud83d", "message": "half \ud83d"}}, "?", "half ?"),
        ({"error": {"code": {"a": 1}, "type": ["b"], "message": {"c": 1}}}, "", "HTTP 418"),
        ({"msg": "m"}, "", "m"),
    ],
)
def test_an_error_keeps_its_message_from_every_service(body: Any, code: str, message: str) -> None:
    """Plain text, an HTML page, the formats of FastAPI, TGI and gRPC, and malformed ones are read."""
    read = failed_call_of(418, body)
    assert (read.code, read.message) == (code, message)


KEYS = [
    "sk-proj-abcdefgh12345678",
    "AQVNabcdefghijklmnop1234",
    "t1.9euelZqabcdef.signature12",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "words", ["Incorrect API key provided: {}.", "Authorization: Bearer {}", '{{"api_key": "{}"}}', "{}"]
)
def test_a_key_that_is_repeated_is_masked(words: str, key: str) -> None:
    """It is masked in all that a provider says, before the text is cut."""
    message = words.format(key)
    body = {"error": {"code": key, "message": message}}
    for read in (
        failed_call_of(403, body),
        failed_call_of(403, message),
        failed_call_of(403, "x" * 1990 + " " + message),
    ):
        assert key[8:] not in read.code + read.message
        assert key[:20] not in read.message
    assert key not in generation_of({"error": {"message": message}}).error_message


def test_the_key_in_use_is_masked_whatever_it_looks_like() -> None:
    """The key of one's own server has no recognisable form."""
    read = failed_call_of(403, {"error": {"message": "the key hunter22 may not"}}, secrets=["hunter22"])
    assert read.message == "the key *** may not"


def test_a_providers_message_is_shortened() -> None:
    """A record is no place for a document that a provider sends back."""
    body = {
        "id": "r",
        "status": "s" * 9999,
        "model": "m" * 9999,
        "error": {"code": "c" * 9999, "message": "w" * 99_999},
    }
    read, failed = generation_of(body), failed_call_of(400, body)
    assert max(map(len, (read.status, read.model or "", read.error_code, failed.code))) <= 300
    assert max(len(read.error_message), len(failed.message)) <= 2000


@pytest.mark.parametrize("given", [7, None, "", ".", "..", "a\nb", "half \ud83d", "x" * 513, [], {}])
def test_an_id_that_cannot_be_requested_is_rejected(given: Any) -> None:
    """An altered id would name another generation, and a long one does not fit into a message."""
    assert generation_of({"id": given}).id == ""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (1_900_000_000, 1_900_000_000), (1_900_000_000.9, 1_900_000_000), (1_900_000_000_123, 1_900_000_000),
        (-1, None), (0, None), (1e308, None), (-1e308, None), ("2031", None), (10**400, None), (True, None),
    ],
)  # fmt: skip
def test_a_time_is_unix_seconds(told: Any, seconds: int | None) -> None:
    """Milliseconds are recognised; an impossible time is none."""
    read = generation_of({"created_at": told, "completed_at": told})
    assert (read.created_at, read.completed_at) == (seconds, seconds)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["created_at", "completed_at", "input_tokens"])
def test_an_invalid_number_is_unknown(field: str, number: str) -> None:
    """Python's own JSON reader would accept it."""
    body = json.loads(f'{{"{field}": {number}, "usage": {{"{field}": {number}}}}}')
    assert isinstance(generation_of(body), Generation)


@pytest.mark.parametrize("field", ["id", "status", "model"])
def test_what_was_read_can_be_written(field: str) -> None:
    r"""An answer cut off within an emoji ends with half of it, `"\ud83d"`, which cannot be encoded."""
    half = '"half: \\ud83d"'
    body = json.loads(
        f'{{"{field}": {half}, "error": {{"message": {half}}},'
        f' "output": [{{"type": "message", "content": [{{"type": "output_text", "text": {half}}}]}}]}}'
    )
    read = generation_of(body)
    assert (read.text + read.error_message + getattr(read, field)).encode()


@pytest.mark.parametrize(("status", "is_kept"), [("in_progress", False), ("anything", False), ("Failed", True)])
def test_the_body_of_a_running_generation_is_not_kept(status: str, *, is_kept: bool) -> None:
    """It is not needed, and copying it is most of the work of a look."""
    body = {"id": "resp_1", "status": status, "instructions": "Do it."}
    assert generation_of(body).body == (body if is_kept else {})
