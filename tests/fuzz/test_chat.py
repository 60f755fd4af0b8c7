"""Chat lines: any answer of a provider becomes a valid chat completion, and any request keeps its words and order."""

from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from backburner.batch.chat_answer import chat_completion
from backburner.batch.chat_messages import ChatLineError
from backburner.batch.chat_request import PARAMETERS, responses_body
from backburner.provider.reading import generation_of

from .drawing import fuzzed
from .values import HALF, ODD, values

NAMES = [
    "type", "content", "text", "refusal", "annotations", "call_id", "id", "name", "arguments", "input", "status",
    "start_index", "end_index", "title", "url", "input_tokens_details", "cached_tokens", "output_tokens_details",
    "reasoning_tokens", "input_tokens", "output_tokens", "total_tokens", "reason",
]  # fmt: skip
WORDS = [
    "message", "output_text", "refusal", "function_call", "custom_tool_call", "reasoning", "url_citation", "completed",
    "incomplete", "content_filter", "max_output_tokens", "flex",
]  # fmt: skip
ANY = values(NAMES, WORDS)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(WORDS)},
    optional={
        "content": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["output_text", "refusal"]), "text": st.text(max_size=5) | ANY},
                optional={"refusal": st.text(max_size=5) | ANY, "annotations": st.lists(ANY, max_size=2)},
            ),
            max_size=3,
        )
        | ANY,
        "call_id": st.text(max_size=5) | ANY,
        "name": st.text(max_size=5) | ANY,
        "arguments": st.text(max_size=5) | ANY,
        "input": ANY,
        "status": st.sampled_from(["completed", "incomplete"]) | ANY,
    },
)
BODIES = st.fixed_dictionaries(
    {"id": st.just("resp_1"), "status": st.sampled_from(["completed", "incomplete"]), "output": st.lists(ITEM) | ANY},
    optional={
        "model": st.just("m") | ANY,
        "created_at": st.integers() | ANY,
        "usage": st.dictionaries(st.sampled_from(NAMES), ANY, max_size=6) | ANY,
        "service_tier": st.sampled_from(["flex", "default", "batch"]) | ANY,
        "incomplete_details": st.fixed_dictionaries({"reason": st.sampled_from(WORDS)}) | ANY,
    },
)
CITED = {"type": "url_citation", "start_index": True, "end_index": 1.5, "title": HALF, "url": None}
ODD_BODY = {
    "id": "resp_1",
    "status": "completed",
    "output": [
        {"type": "message", "content": [{"type": "output_text", "text": HALF, "annotations": [CITED]}]},
        {"type": "function_call", "call_id": 5, "name": None, "arguments": [float("inf"), HALF]},
    ],
    "usage": {"input_tokens": "7", "input_tokens_details": {"cached_tokens": True}, "output_tokens": 1e308},
    "created_at": -1,
}


@fuzzed
@given(BODIES)
@example(ODD_BODY)
def test_every_converted_answer_is_valid_for_the_client(body: dict[str, Any]) -> None:
    """It is valid as an object and as bytes in strict mode, which coerces no type."""
    completion = chat_completion(generation_of(body))
    ChatCompletion.model_validate(completion, strict=True)
    ChatCompletion.model_validate_json(msgspec.json.encode(completion), strict=True)


@fuzzed
@given(
    st.dictionaries(st.sampled_from(list(PARAMETERS)), ODD | values([*NAMES, "role"], WORDS), max_size=5), st.booleans()
)
def test_any_body_is_a_request_or_an_error_that_names_its_parameter(body: dict[str, Any], is_good: bool) -> None:  # noqa: FBT001
    """That holds whatever values its parameters have."""
    chat = body | ({"messages": [{"role": "user", "content": "x"}]} if is_good else {})
    made = _tried(chat)
    if isinstance(made, ChatLineError):
        assert made.code
        assert made.param.partition(".")[0].partition("[")[0] in PARAMETERS
    else:
        assert made["input"]


def _tried(chat: dict[str, Any]) -> dict[str, Any] | ChatLineError:
    try:
        return responses_body(chat, frozenset({"*"}))
    except ChatLineError as error:
        return error


WORD = st.text(min_size=1, max_size=5)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant"]),
            "content": WORD
            | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": WORD}), min_size=1, max_size=3),
        }
    ),
    min_size=1,
    max_size=6,
)


def _texts(content: Any) -> list[str]:
    return [content] if isinstance(content, str) else [part["text"] for part in content]


@fuzzed
@given(MESSAGES, st.sampled_from(["text", "json_object"]))
def test_every_word_reaches_the_model_once_and_in_order(messages: list[dict[str, Any]], kind: str) -> None:
    """Each word also keeps its role, wherever it is put."""
    body = responses_body({"messages": messages, "response_format": {"type": kind}})
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    first = [(messages[0]["role"], body["instructions"])] if "instructions" in body else []
    sent = [*first, *((item["role"], words) for item in items for words in _texts(item["content"]))]
    assert sent == [(one["role"], words) for one in messages for words in _texts(one["content"])]
