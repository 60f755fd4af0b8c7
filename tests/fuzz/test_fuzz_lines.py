"""Lines: whatever is in a `.jsonl` becomes a request that can be sent, or an error line that can be written."""

import json
from typing import TYPE_CHECKING, Any, cast

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.batch.finish_batch import _reason
from backburner.batch.input_lines import BadLineError, Request, Requests, custom_id_of, split_lines
from backburner.batch.output_lines import failed, number_of
from backburner.batch.parameters import OURS
from backburner.batch.segmenter import Segmenter
from backburner.documents.price import MAX_TOKENS
from backburner.documents.recipes import parse
from backburner.documents.tokens import line_tokens
from backburner.errors import JobError, Reason
from backburner.ledger.segment_state import Segment, Started
from backburner.provider.profiles import PROFILES
from support.fakes import FakeBucket, World

from .drawing import fuzzed
from .values import DEPTHS, HALF, NUMBERS, mutated, nested, spelt, values

if TYPE_CHECKING:
    from backburner.outcome.finish import Finisher

NAMES = [
    "custom_id", "method", "url", "body", "input", "model", "max_output_tokens", "metadata", "messages", "prompt",
    "tools", "stream", "store", "background", "text", "file_id", "type", "reasoning", "temperature", "truncation",
    "include", "role", "content", "max_tokens", "response_format", "n",
]  # fmt: skip
WORDS = [
    "a", "POST", "GET", "/v1/responses", "/v1/chat/completions", "lots", "item_reference", "disabled", "auto",
    "m" * 257,
]  # fmt: skip
ANY = values(NAMES, WORDS)
LINES = st.fixed_dictionaries(
    {"custom_id": st.sampled_from(["a", "b", ""]) | ANY},
    optional={
        "method": st.just("POST") | ANY,
        "url": st.sampled_from(["/v1/responses", "/v1/chat/completions"]) | ANY,
        "body": st.dictionaries(st.sampled_from(NAMES), ANY, max_size=5) | ANY,
        "input": st.text(max_size=5) | ANY,
    },
)
CHAT = {
    "custom_id": "d",
    "url": "/v1/chat/completions",
    "body": {
        "max_tokens": 10,
        "messages": [
            {"role": "system", "content": "x"},
            {"role": "user", "content": [{"type": "text", "text": "y"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": ""},
        ],
    },
}
GOOD = [
    b'{"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "x"}}',
    b'{"custom_id": "b", "input": [{"role": "user", "content": "x"}]}',
    b'{"custom_id": "c", "body": {"input": "x", "max_output_tokens": 10, "metadata": {"a": "b"}, "stream": false}}',
    b'{"custom_id": "\\u00e9", "input": "\xf0\x9f\x90\x98", "url": "/v1/responses"}',
    json.dumps(CHAT).encode(),
]
RECIPES = ["Do it.", "---\nmax_output_tokens: 9\nschema: {type: object}\nextra: {seed: 1}\n---\nDo it."]
READERS = [
    Requests(profile=profile, recipe=parse(recipe), model="m", project="p", job="j", also_allowed=frozenset(also))
    for profile in PROFILES.values()
    for recipe, also in zip(RECIPES, [(), ("*",)], strict=True)
]
CAPS = st.none() | st.integers(1, MAX_TOKENS)
NEVER = cast("Finisher", None)  # no line ends here


def _check_error(error: BadLineError) -> None:
    """The error becomes one line of JSON with its number and name, and can be a batch's reason."""
    written = failed(7, error.custom_id, error.code, str(error), param=error.param)
    assert written.endswith(b"\n")
    assert len(written.splitlines()) == 1
    written_error = json.loads(written)
    assert written_error["custom_id"] == error.custom_id
    assert written_error["response"] is None
    assert written_error["error"] == {"code": str(error.code), "message": str(error), "param": error.param, "line": 7}
    assert error.code
    assert number_of(written) == 7
    assert _reason(written)[0] in set(Reason)


def _check_request(request: Request, raw: bytes, reader: Requests, cap: int | None) -> None:
    """The SDK can encode it, our own settings are in it, and its record can be written."""
    body = request.body
    assert json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    assert request.custom_id == custom_id_of(raw)
    assert request.custom_id
    assert body["background"] is True
    assert body["model"]
    assert body.get("store") is (True if reader.profile.store else None)
    assert OURS & body.keys() <= {"background", "store"}
    assert not cap or body["max_output_tokens"] == cap
    inputs, outputs = line_tokens(len(raw), body.get("max_output_tokens"))
    assert 0 < inputs + outputs < 10**16
    started = Started(7, request.custom_id, "r", 1, 0.0, cap, inputs=inputs, sent_cap=body.get("max_output_tokens"))
    assert msgspec.json.decode(msgspec.json.encode(started), type=Started) == started


def _tried(raw: bytes, cap: int | None = None, readers: list[Requests] = READERS) -> list[Request | BadLineError]:
    """Let each reader read a line, and check what comes of it."""
    found: list[Request | BadLineError] = []
    for reader in readers:
        try:
            request = reader.of(raw, cap)
        except BadLineError as error:
            _check_error(error)
            found.append(error)
        else:
            _check_request(request, raw, reader, cap)
            found.append(request)
    return found


def test_every_good_line_is_a_request() -> None:
    """The lines are requests before the tests below change them."""
    for raw in GOOD:
        assert all(isinstance(found, Request) for found in _tried(raw))


@fuzzed
@given(st.binary(max_size=80) | mutated(st.sampled_from(GOOD)), CAPS)
@example(b"", None)
@example(b"null", None)
@example(b"[]", None)
@example(GOOD[0].decode().encode("utf-16"), None)
@example(GOOD[0].decode().encode("utf-32"), None)
@example(b"\xef\xbb\xbf" + GOOD[0], None)
@example(b'{"custom_id": "\xff"}', None)
@example(b'{"custom_id": "\\ud83d", "input": "x"}', None)
@example(b'{"custom_id": "a", "input": "\xed\xa0\xbd"}', None)
@example(b'{"custom_id": "a", "custom_id": "b", "input": "x"}', None)
def test_any_bytes_are_a_request_or_an_error_line(raw: bytes, cap: int | None) -> None:
    """The bytes are rubbish, or good lines with changes."""
    _tried(raw, cap)


@fuzzed
@given(LINES, st.booleans(), CAPS)
@example({"custom_id": "a", "body": {"input": "x", "max_output_tokens": "lots"}}, True, None)
@example({"custom_id": "a", "body": {"input": "x", "max_output_tokens": 10**309}}, True, None)
@example({"custom_id": "a", "body": {"input": "x", "max_output_tokens": []}}, True, None)
@example({"custom_id": "a", "body": {"input": HALF}}, True, None)
@example({"custom_id": "a", "body": {"input": HALF}}, False, None)
@example({"custom_id": HALF, "input": "x"}, True, None)
@example({"custom_id": "a", "url": HALF, "body": {"input": "x"}}, True, None)
@example({"custom_id": "a", "body": {HALF: 1, "input": "x"}}, True, None)
@example({"custom_id": "a", "body": {"\u2028\x85" * 50: 1, "input": "x"}}, False, None)
@example({"custom_id": "a", "body": {"input": "x", "temperature": 1e308}}, True, None)
@example({"custom_id": "a", "body": {"input": "x", "temperature": float("nan")}}, True, None)
@example({"custom_id": "a", "input": [float("inf")]}, True, None)
def test_any_values_are_a_request_or_an_error_line(line: dict[str, Any], is_ascii: bool, cap: int | None) -> None:  # noqa: FBT001
    """The lines are JSON of any shape with the names that lines use."""
    _tried(spelt(line, is_ascii=is_ascii), cap)


@fuzzed
@given(st.sampled_from(NAMES), NUMBERS, CAPS)
@example("max_output_tokens", "9" * 310, None)
@example("max_output_tokens", "9" * 5000, None)
@example("max_output_tokens", "1e308", None)
@example("temperature", "NaN", None)
def test_any_number_is_a_request_or_an_error_line(name: str, number: str, cap: int | None) -> None:
    """The number may be valid JSON or not, and is at the top, in a body or in the input."""
    for raw in (
        f'{{"custom_id": "a", "input": "x", "{name}": {number}}}',
        f'{{"custom_id": "a", "body": {{"input": "x", "{name}": {number}}}}}',
        f'{{"custom_id": "a", "body": {{"input": "x", "metadata": {{"{name}": [{number}]}}}}}}',
        f'{{"custom_id": "a", "input": [{{"{name}": {number}}}]}}',
    ):
        _tried(raw.encode(), cap)


@fuzzed
@given(DEPTHS, st.sampled_from(["list", "object"]))
@example(943, "list")
@example(944, "object")
@example(960, "list")
@example(983, "list")
@example(983, "object")
def test_any_depth_is_a_request_or_an_error_line(depth: int, kind: str) -> None:
    """The depth of a body, of its input, and of a bare input is bounded."""
    inner = nested(depth, kind)
    for raw in (
        f'{{"custom_id": "a", "body": {{"input": "x", "metadata": {inner}}}}}',
        f'{{"custom_id": "a", "body": {{"input": [{inner}]}}}}',
        f'{{"custom_id": "a", "body": {inner}}}',
        f'{{"custom_id": "a", "input": [{inner}]}}',
        f'{{"custom_id": "a", "input": "x", "more": {inner}}}',
    ):
        found = _tried(raw.encode(), readers=READERS[:2])
        assert depth < 102 or '"more"' in raw or all(isinstance(one, BadLineError) for one in found)


def _segments(body: bytes) -> list[Segment] | None:
    """The segments of a batch; None if it is a document or refused with a helpful message."""
    world = World()
    bucket = FakeBucket(world)
    key = "inbox/a.JSONL"
    bucket.upload(key, body)
    batches = Segmenter(bucket)

    async def found() -> list[bytes] | None:
        source = await bucket.head(key)
        assert source is not None
        return await batches.segments(key, source) if await batches.is_batch(key, source) else None

    try:
        described = world.run(found())
    except JobError as error:
        assert error.reason in (Reason.UNREADABLE_DOCUMENT, Reason.EMPTY_DOCUMENT)  # noqa: PT017
        assert b'"custom_id"' in body.replace(b"\0", b"")
        return None
    return described and [msgspec.json.decode(segment, type=Segment) for segment in described]


BATCHES = st.builds(
    lambda lines, end, mark: mark + end.join(lines),
    st.lists(mutated(st.sampled_from(GOOD)) | st.binary(max_size=20) | st.sampled_from(GOOD), max_size=6),
    st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b" ", b",\n", b"\x85", b"\xe2\x80\xa8"]),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"[", b"\n"]),
)


@fuzzed
@given(BATCHES | mutated(BATCHES))
@example(b"\n".join(GOOD))
@example(b"\r\n".join([*GOOD, b""]))
@example(b"\n".join(GOOD).decode().encode("utf-16"))
@example(b"\n".join(GOOD).decode().encode("utf-16-be"))
@example(b"\n".join(GOOD).decode().encode("utf-32"))
@example(b"\r".join(GOOD))
@example(b"[" + b",".join(GOOD) + b"]")
@example(b"[" + b",\n".join(GOOD) + b"]")
@example(json.dumps(json.loads(GOOD[0]), indent=2).encode())
@example(b"\xef\xbb\xbf" + b"\n\n".join(GOOD))
@example(b'{"custom_id": "\\ud83d"}\n' + GOOD[0])
@example(GOOD[0] + b"\n" + GOOD[0])
def test_any_batch_is_cut_into_its_lines_refused_or_a_document(body: bytes) -> None:
    """Each line that is not blank is in one segment, once and at its bytes, and a repeated name is reported."""
    segments = _segments(body)
    if segments is None:
        return
    lines = dict(enumerate(split_lines(body), 1))
    found = dict[int, bytes]()
    for segment in segments:
        block = dict(enumerate(split_lines(body[segment.first_byte : segment.end_byte]), segment.first_line))
        found |= {line.number: block[line.number] for line in segment.todo}
        assert set(segment.repeated) <= {line.number for line in segment.todo}
    assert found == {number: line for number, line in lines.items() if line.strip()}
    assert sum(len(segment.todo) for segment in segments) == len(found)
    names = [name for line in found.values() if (name := custom_id_of(line)) is not None]
    assert sum(len(segment.repeated) for segment in segments) == len(names) - len(set(names))


@fuzzed
@given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]), st.integers(1, 4))
def test_a_batch_in_another_encoding_is_never_a_document(encoding: str, count: int) -> None:
    """Otherwise it would be billed as one document and look done."""
    body = b"\n".join(GOOD[:count]).decode().encode(encoding)
    world = World()
    bucket = FakeBucket(world)
    bucket.upload("inbox/a.jsonl", body)

    async def asked() -> str:
        source = await bucket.head("inbox/a.jsonl")
        assert source is not None
        try:
            await Segmenter(bucket).is_batch("inbox/a.jsonl", source)
        except JobError as error:
            return str(error)
        return ""

    assert "UTF-8" in world.run(asked())
