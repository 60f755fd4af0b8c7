"""Answers: whatever a provider sends becomes a value, a verdict, a decision and a record that can be read back."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import httpx2
import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.adapters.provider_replies import answer_of, called_url
from backburner.batch.finish_batch import _reason
from backburner.batch.line_decisions import judged
from backburner.batch.output_lines import failed, number_of, succeeded
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import backoff_s, next_poll_s, probe_s
from backburner.documents.price import Price
from backburner.documents.recipes import parse
from backburner.errors import Reason
from backburner.ledger.changes import booked, running, seen
from backburner.ledger.records import (
    OpenRecord,
    ProviderRef,
    RecipeRef,
    Source,
    State,
    decode,
    encode,
)
from backburner.ledger.segment_state import Started
from backburner.outcome.decisions import Attempt, decide
from backburner.provider.answers import Answer, FailedCall, Generation, Usage
from backburner.provider.reading import failed_call_of, generation_of
from backburner.provider.verdicts import Call, judge

from .drawing import fuzzed
from .values import DEPTHS, FINITE, HALF, NUMBERS, mutated, nested, spelt, values

NAMES = [
    "id", "status", "output", "type", "content", "text", "refusal", "model", "usage", "input_tokens", "output_tokens",
    "prompt_tokens", "total_tokens", "error", "code", "message", "detail", "msg", "param", "incomplete_details",
    "reason", "created_at", "completed_at", "metadata", "job_id", "grpcCode", "error_type",
]  # fmt: skip
WORDS = [
    "message", "output_text", "refusal", "completed", "incomplete", "failed", "queued", "in_progress", "cancelled",
    "COMPLETED", "expired", "resp_1", "429", "server_error", "max_output_tokens", "content_filter",
    "insufficient_quota",
]  # fmt: skip
ANY = values(NAMES, WORDS)
BODIES = st.dictionaries(st.sampled_from(NAMES), ANY, max_size=12)
NOON = datetime(2031, 5, 17, 12, 0, tzinfo=UTC)
REQUEST = httpx2.Request("GET", "https://user:secret@provider.example/v1/responses/resp_1")
STATUSES = st.sampled_from(
    [200, 201, 204, 302, 400, 401, 402, 403, 404, 405, 408, 409, 410, 422, 425, 429, 500, 501, 503]
)
WHOLE = {
    "id": "resp_1",
    "status": "completed",
    "model": "m",
    "created_at": 1_900_000_000,
    "output": [{"type": "message", "status": "completed", "content": [{"type": "output_text", "text": "Done."}]}],
    "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8},
    "error": None,
    "metadata": {"job_id": "0" * 32},
}
SEEDS = [
    spelt(WHOLE),
    spelt(WHOLE).decode().encode("utf-16"),
    spelt(WHOLE | {"status": "failed", "error": {"code": "server_error", "message": "Boom."}}),
    b'{"error": {"message": "too long", "type": "BadRequestError", "param": "input_tokens", "code": 400}}',
    b"<html><h1>Bad Gateway</h1></html>",
]
RECIPES = [parse("Do it."), parse("---\nschema: {type: object}\nprice: {input: 1, output: 2}\n---\nDo it.")]


def open_record() -> OpenRecord:
    """The record of a priced run that waits for its answer."""
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
        reservation=Reservation(model="m", tokens=1000, cost=0.5),
    )


def _decided(answer: Answer, call: Call, *, young: bool) -> None:
    """Decide for a document and a line: messages can be written, and waits are bounded."""
    verdict = judge(answer, call, young=young, cap=100)
    decision = decide(verdict, answer, call, Attempt(number=1, most=3, cap=100))
    assert decision.message.encode() + decision.brief.encode() is not None
    assert next_poll_s(10.0, decision.after_s) <= 300
    assert probe_s(decision.after_s) <= 300
    assert backoff_s(3, decision.after_s) <= 900
    line = Started(1, "a", "r", 1, 0.0, sent_cap=100)
    for recipe in RECIPES:
        decided_line = judged(line, answer, call, recipe, age_s=9.0, deadline_s=60.0, most=3)
        written = failed(7, "a", decided_line.reason, decided_line.message, answer)
        assert number_of(written) == 7
        assert _reason(written)[0] in set(Reason)


def _kept(generation: Generation) -> None:
    """Check that records encode and decode, and that what is booked is a bounded number."""
    record = seen(running(open_record(), generation, "t", NOON), generation)
    assert decode(encode(record), OpenRecord) == record
    written = succeeded(1, "a", generation)
    assert written.count(b"\n") == 1
    assert isinstance(msgspec.json.decode(written), dict)
    assert number_of(written) == 0
    tokens, cost = booked(record, record.usage, record.responses)
    assert 0 <= tokens < 10**14
    assert 0 <= cost < 10**9


def _typed(read: Generation) -> None:
    """Check that every field has its type or is empty if unknown."""
    for value in (read.id, read.status, read.text, read.refusal, read.error_code, read.error_message, read.job):
        assert isinstance(value, str)
    for number in (read.created_at, read.completed_at):
        assert number is None or type(number) is int
    assert read.usage is None or isinstance(read.usage, Usage)


@fuzzed
@given(BODIES, st.floats() | st.none(), st.sampled_from(Call), st.booleans())
@example({"usage": {"output_tokens": 1e308}}, None, Call.RETRIEVE, False)
@example({"usage": {"output_tokens": "lots", "input_tokens": -5, "total_tokens": None}}, None, Call.RETRIEVE, False)
@example({"usage": {"output_tokens": 10**309}, "created_at": 10**309}, None, Call.RETRIEVE, False)
@example({"usage": {"output_tokens": float("nan")}, "model": HALF}, None, Call.RETRIEVE, False)
@example({"status": "failed", "error": {"code": HALF, "message": HALF}}, None, Call.RETRIEVE, False)
@example({"created_at": 1e308, "completed_at": -1e308}, None, Call.RETRIEVE, False)
@example({"created_at": 1_900_000_000_123}, 1e308, Call.RETRIEVE, False)
@example({"status": "completed", "output": [{"type": {}}]}, None, Call.RETRIEVE, False)
@example({"status": "completed", "output": [{"type": "message", "content": [{"type": []}]}]}, None, Call.CREATE, True)
@example(
    {"error": {"code": {}, "type": [], "message": {"a": HALF}}, "detail": [{"msg": HALF}]}, None, Call.CREATE, True
)
@example({"incomplete_details": {"reason": {}}, "status": "incomplete"}, None, Call.RETRIEVE, False)
@example({HALF: {HALF: HALF}}, float("nan"), Call.CREATE, False)
def test_any_answer_is_judged_and_its_record_reads_back(
    body: dict[str, Any],
    hint: float | None,
    call: Call,
    young: bool,  # noqa: FBT001
) -> None:
    """Odd JSON of any kind raises no exception, gets a verdict and a decision, and its record encodes and decodes."""
    generation = generation_of(body, hint)
    _typed(generation)
    for answer in (generation, failed_call_of(400, body, hint), failed_call_of(404, body.get("error"), hint)):
        _decided(answer, call, young=young)
    _kept(generation)


def _answered(content: bytes, status: int, call: Call) -> Answer:
    """Read bytes from the network as the adapter does, and take them through the core."""
    response = httpx2.Response(status, content=content, request=REQUEST)
    answer = answer_of(status, response.headers, response.content, called=called_url(response), secrets=("secret",))
    _decided(answer, call, young=False)
    if isinstance(answer, Generation):
        assert answer.id
        assert answer.status
        _kept(answer)
    else:
        assert answer.message
        assert "secret@" not in answer.url
    return answer


@fuzzed
@given(
    mutated(st.sampled_from(SEEDS)) | st.binary(max_size=80) | st.builds(spelt, BODIES, is_ascii=st.booleans()),
    STATUSES,
    st.sampled_from(Call),
)
@example("{".encode("utf-16"), 200, Call.CREATE)
@example(b"\xff\xfe", 200, Call.CREATE)
@example(b"\x00\x00\xfe\xff\x00", 400, Call.CREATE)
@example(b"[" * 100_000, 200, Call.RETRIEVE)
@example(b'"' + b"\\ud83d" * 10 + b'"', 500, Call.CREATE)
@example(b'{"error": "\\ud83d"}', 200, Call.CREATE)
@example(b"lots", 200, Call.CREATE)
def test_any_bytes_from_the_network_are_an_answer(content: bytes, status: int, call: Call) -> None:
    """They may be JSON or not, in any encoding, cut off or mangled, with any status."""
    _answered(content, status, call)


@fuzzed
@given(st.sampled_from([name for name in NAMES if name not in ("id", "status")]), NUMBERS, st.sampled_from(Call))
@example("created_at", "1e308", Call.RETRIEVE)
@example("input_tokens", "9" * 310, Call.RETRIEVE)
@example("output_tokens", "9" * 5000, Call.RETRIEVE)
@example("completed_at", "NaN", Call.RETRIEVE)
def test_any_number_is_allowed_anywhere(name: str, number: str, call: Call) -> None:
    """Numbers are given as text, since Python's own reader accepts more than JSON allows."""
    inner = f'"usage": {{"{name}": {number}}}, "error": {{"{name}": {number}}}, "metadata": {{"{name}": {number}}}'
    content = f'{{"id": "resp_1", "status": "completed", "{name}": {number}, {inner}}}'.encode()
    _answered(content, 200, call)
    _answered(content, 400, call)


@fuzzed
@given(DEPTHS, st.sampled_from(["list", "object"]), st.sampled_from(["output", "usage", "error", "metadata", "x"]))
@example(944, "object", "output")
@example(983, "list", "error")
def test_any_depth_is_an_answer(depth: int, kind: str, name: str) -> None:
    """The depth is limited only by the bytes."""
    content = f'{{"id": "resp_1", "status": "completed", "{name}": {nested(depth, kind)}}}'.encode()
    answer = _answered(content, 200, Call.RETRIEVE)
    assert isinstance(answer, Generation) or depth > 900


@fuzzed
@given(values(NAMES, WORDS, FINITE), st.integers(300, 599))
def test_any_error_is_a_failed_call(body: Any, status: int) -> None:
    """The failed call has the status and a message."""
    read = failed_call_of(status, body)
    assert isinstance(read, FailedCall)
    assert read.status == status
    assert read.message


@fuzzed
@given(st.floats() | st.integers(-(10**400), 10**400), st.floats() | st.integers(-(10**400), 10**400))
@example(1e308, 1e308)
@example(10**309, -(10**309))
def test_usage_adds_up_to_a_finite_number(inputs: float, outputs: float) -> None:
    """The sum is never negative and never too large to write."""
    usage = generation_of({"usage": {"input_tokens": inputs, "output_tokens": outputs}}).usage
    if usage is not None:
        assert 0 <= usage.input_tokens + usage.output_tokens <= usage.total_tokens <= 2 * 10**12
        assert math.isfinite(Price(input=1e308, output=1e308).of(usage.input_tokens, usage.output_tokens))
        assert json.loads(msgspec.json.encode(usage + usage))
