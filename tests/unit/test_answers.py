"""Answers are read without trusting them: whatever a provider sends becomes a value, and nothing is raised."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.adapters.responses import _seconds
from backburner.answers import Generation, Trouble, Usage, generation_of, hint_s, trouble_of
from backburner.capacity import Reservation
from backburner.decisions import decide
from backburner.judging import judged
from backburner.lines import succeeded
from backburner.pacing import backoff_s, next_poll_s, probe_s
from backburner.recipes import Price, parse
from backburner.records import (
    OpenRecord,
    ProviderRef,
    RecipeRef,
    Source,
    State,
    booked,
    decode,
    encode,
    running,
    seen,
)
from backburner.segment import Started
from backburner.verdicts import Call, judge

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


HINTS = [
    "86400",
    "1e308",
    "-1e308",
    "inf",
    "nan",
    "9" * 5000,
    "Sat, 17 May 2031 12:00:00 +9999999999999",
    "1, 2",
    "\x00",
]
NOON = datetime(2031, 5, 17, 12, 0, tzinfo=UTC)


def open_record() -> OpenRecord:
    """One that waits for its answer, at a price."""
    source = Source(bucket="b", key="inbox/a.txt", etag="e", size=1, last_modified=NOON)
    return OpenRecord(
        job_id="0" * 32,
        run=1,
        state=State.SUBMITTING,
        source=source,
        recipe=RecipeRef(name="default", sha256=""),
        provider=ProviderRef(profile="openai", base_url="http://host/v1", model="m"),
        uploaded_at=NOON,
        ticket="",
        price=Price(input=1.0, output=2.0),
        wants=Reservation(model="m", tokens=1000, cost=0.5),
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
def test_an_error_keeps_its_words_whoever_says_them(body: Any, code: str, message: str) -> None:
    """Plain text, a page, FastAPI's, TGI's and gRPC's ways, and the impossible ones."""
    read = trouble_of(418, body)
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
    """In whatever a provider says, and before it is cut."""
    said = words.format(key)
    body = {"error": {"code": key, "message": said}}
    for read in (trouble_of(403, body), trouble_of(403, said), trouble_of(403, "x" * 1990 + " " + said)):
        assert key[8:] not in read.code + read.message
        assert key[:20] not in read.message
    assert key not in generation_of({"error": {"message": said}}).error_message


def test_the_key_in_use_is_masked_whatever_it_looks_like() -> None:
    """A key of one's own server has no form by which it could be known."""
    read = trouble_of(403, {"error": {"message": "the key hunter22 may not"}}, secrets=["hunter22"])
    assert read.message == "the key *** may not"


def test_what_a_provider_says_is_cut() -> None:
    """A record is no place for a document that somebody sends back."""
    body = {
        "id": "r",
        "status": "s" * 9999,
        "model": "m" * 9999,
        "error": {"code": "c" * 9999, "message": "w" * 99_999},
    }
    read, trouble = generation_of(body), trouble_of(400, body)
    assert max(map(len, (read.status, read.model or "", read.error_code, trouble.code))) <= 300
    assert max(len(read.error_message), len(trouble.message)) <= 2000


@pytest.mark.parametrize("given", [7, None, "", ".", "..", "a\nb", "half \ud83d", "x" * 513, [], {}])
def test_what_cannot_be_asked_for_is_no_id(given: Any) -> None:
    """A changed id would name another generation, a long one fits no message."""
    assert generation_of({"id": given}).id == ""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (1_900_000_000, 1_900_000_000), (1_900_000_000.9, 1_900_000_000), (1_900_000_000_123, 1_900_000_000),
        (-1, None), (0, None), (1e308, None), (-1e308, None), ("2031", None), (10**400, None), (True, None),
    ],
)  # fmt: skip
def test_a_time_is_unix_seconds(told: Any, seconds: int | None) -> None:
    """Milliseconds are taken for what they are; what can be no time is none."""
    read = generation_of({"created_at": told, "completed_at": told})
    assert (read.created_at, read.completed_at) == (seconds, seconds)


ODD = (
    FINITE
    | st.floats()
    | st.integers(-(10**400), 10**400)
    | st.text(st.characters(codec=None, categories=("Cs", "L", "N", "P", "Cc")), max_size=5)
)


@given(st.dictionaries(NAMES, _json(ODD), max_size=12), st.floats() | st.none(), st.sampled_from(Call), st.booleans())
def test_whatever_is_answered_is_judged_and_its_record_reads_back(
    body: dict[str, Any],
    hint: float | None,
    call: Call,
    young: bool,  # noqa: FBT001
) -> None:
    """Odd JSON of any kind: never an exception, always a verdict and a decision, every record encodes and decodes."""
    generation = generation_of(body, hint)
    for answer in (generation, trouble_of(400, body, hint), trouble_of(404, body.get("error"), hint)):
        verdict = judge(answer, call, young=young, cap=100)
        decision = decide(verdict, answer, call, attempt=1, most=3, cap=100)
        assert decision.message.encode() + decision.brief.encode() is not None
        assert next_poll_s(10.0, decision.after_s) <= 300
        assert probe_s(decision.after_s) <= 300
        assert backoff_s(3, decision.after_s) <= 900
    line = Started(1, "a", "r", 1, 0.0, sent_cap=100)
    decision = judged(line, generation, call, parse("Do it."), age_s=9.0, deadline_s=60.0, most=3)
    assert msgspec.json.encode(decision.message)
    record = seen(running(open_record(), generation, "t", NOON), generation)
    assert decode(encode(record), OpenRecord) == record
    assert isinstance(msgspec.json.decode(succeeded(1, "a", generation)), dict)
    tokens, cost = booked(record, record.usage, record.responses)
    assert 0 <= tokens < 10**14
    assert 0 <= cost < 10**9


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")) | st.sampled_from(HINTS))
def test_no_header_is_too_odd(header: str) -> None:
    """`Retry-After` holds seconds that can be waited for, a date, or nothing."""
    seconds = _seconds(header)
    assert seconds is None or math.isfinite(seconds)
    assert hint_s(seconds) is None or 0 <= (hint_s(seconds) or 0) <= 10**8


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
