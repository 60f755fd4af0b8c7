"""Answers as chat completions: that API's shape, validated with its own client's types."""

import json

import pytest
from openai.types.chat import ChatCompletion

from backburner.batch.chat_answer import chat_completion
from backburner.batch.output_lines import succeeded
from backburner.provider.reading import generation_of

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"a": 1}'}
CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "select 1"}
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}


def said(*parts, status="completed"):
    return {"type": "message", "role": "assistant", "status": status, "content": list(parts)}


def text(words, **more):
    return {"type": "output_text", "text": words, "annotations": [], **more}


def answer(*output, **more):
    """The generation of a completed response with these items."""
    body = {"id": "resp_1", "status": "completed", "model": "m-1", "created_at": 1_800_000_000, "output": list(output)}
    return generation_of(body | more)


def completion(*output, **more):
    """The chat completion of such a response, validated with the client's types."""
    made = chat_completion(answer(*output, **more))
    ChatCompletion.model_validate(made, strict=True)
    return made


def test_a_text_becomes_a_chat_completion():
    """It has every field that parsers read."""
    assert completion(said(text("Hello")), usage=USAGE, service_tier="default") == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "system_fingerprint": None,
        "service_tier": "default",
    }


def test_tool_calls_keep_their_ids_and_their_order():
    (choice,) = completion(CALL, CUSTOM)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]


def test_a_text_beside_a_call_is_kept():
    (choice,) = completion(said(text("Let me look.")), CALL)["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Let me look.", "tool_calls")


def test_arguments_that_came_as_an_object_are_written_as_text():
    """Some servers of open models send them like this."""
    (choice,) = completion(CALL | {"arguments": {"a": 1}})["choices"]
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}


def test_a_refusal_stays_a_refusal():
    (choice,) = completion(said({"type": "refusal", "refusal": "No."}))["choices"]
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": "No.", "annotations": []}
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_the_reason_for_stopping_early_is_reported(reason, finish):
    made = completion(
        said(text("Hel"), status="incomplete"), status="incomplete", incomplete_details={"reason": reason}
    )
    assert (made["choices"][0]["finish_reason"], made["choices"][0]["message"]["content"]) == (finish, "Hel")


def test_a_truncated_answer_marked_as_completed_is_not_reported_as_whole():
    assert completion(said(text("Hel"), status="incomplete"))["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(("cap", "finish"), [(5, "length"), (6, "stop"), (None, "stop")])
def test_an_answer_of_exactly_the_cap_was_cut_off(cap, finish):
    """Its error line never says `stop`, in line with the verdict. A refusal stays one even then."""
    whole, refused = said(text("Hello")), said({"type": "refusal", "refusal": "No."})
    assert chat_completion(answer(whole, usage=USAGE), cap)["choices"][0]["finish_reason"] == finish
    assert chat_completion(answer(refused, usage=USAGE), cap)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("status", ["failed", "cancelled", "in_progress"])
def test_a_generation_without_an_answer_has_no_completion(status):
    assert chat_completion(answer(status=status)) == {}


def test_what_the_provider_does_not_report_is_not_invented():
    """A missing count is not zero, and a missing tier is not the default one."""
    made = completion(said(text("x")), created_at=None, model=None)
    assert (made["usage"], made["created"], made["model"], "service_tier" in made) == (None, 0, "", False)
    bare = completion(said(text("x")), usage={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})
    assert bare["usage"]["prompt_tokens_details"] is None
    assert "service_tier" not in completion(said(text("x")), service_tier="batch")


def test_a_citation_keeps_its_place_in_the_whole_text():
    """One in the second part does too."""
    cited = {"type": "url_citation", "start_index": 1, "end_index": 3, "title": "T", "url": "https://example.org"}
    made = completion(said(text("abc"), text("def", annotations=[cited, {"type": "file_citation", "file_id": "f"}])))
    assert made["choices"][0]["message"]["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 4, "end_index": 6, "title": "T", "url": "https://example.org"},
        }
    ]


def test_reasoning_and_what_tools_did_at_the_provider_are_left_out():
    made = completion({"type": "reasoning", "summary": []}, {"type": "web_search_call", "id": "ws"}, said(text("x")))
    assert set(made["choices"][0]["message"]) == {"role", "content", "refusal", "annotations"}


def test_the_bytes_of_an_output_line_are_valid_for_the_client():
    """They are read back strictly."""
    generation = answer(said(text("Grüße")), CALL, usage=USAGE)
    line = succeeded(1, "a", type(generation)(id="resp_1", status="completed", body=chat_completion(generation)))
    body = json.dumps(json.loads(line)["response"]["body"]).encode()
    assert ChatCompletion.model_validate_json(body, strict=True).choices[0].message.content == "Grüße"
