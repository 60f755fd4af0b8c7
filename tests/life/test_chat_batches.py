"""Batches of chat completions on fakes: every kind of line in one file, and a death at any effect."""

import json

import pytest
from openai.types.chat import ChatCompletion

from backburner.provider.answers import FailedCall, Generation, Usage
from support.depth import thinned
from support.fakes import Plan
from support.system import System

KEY = "inbox/batch.jsonl"
RESULT, ERRORS = "results/batch.jsonl.jsonl", "failed/batch.jsonl.errors.jsonl"
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


def user(content):
    return {"role": "user", "content": content}


def chat(name, *messages, **body):
    body = {"model": "model-1", "messages": list(messages) or [user(name)]} | body
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


PICTURE = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
]
CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}
LINES = [
    chat("plain", {"role": "system", "content": "Be brief."}, user("plain"), max_tokens=100),
    chat("picture", user(PICTURE)),
    chat("json", response_format=SCHEMA),
    chat("call", tools=[WEATHER], tool_choice="auto"),
    chat(
        "called",
        user("Weather?"),
        CALLED,
        {"role": "tool", "tool_call_id": "call_1", "content": "Sun"},
        tools=[WEATHER],
    ),
    {
        "custom_id": "response",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "model-1", "input": "response"},
    },
    {"custom_id": "recipe", "input": "recipe"},
    chat("refused"),
    chat("filtered"),
    chat("broken"),
    chat("twice", n=2),
    chat("seeded", seed=7),
    chat("vector") | {"url": "/v1/embeddings"},
    chat("prompt") | {"url": "/v1/completions"},
]
GOOD = ["plain", "picture", "json", "call", "called", "response", "recipe"]
CHATS = GOOD[:5]
BAD = {
    "refused": "refused",
    "filtered": "content_filter",
    "broken": "rejected_by_provider",
    "twice": "unsupported_parameter",
    "seeded": "unsupported_parameter",
    "vector": "unsupported_endpoint",
    "prompt": "unsupported_endpoint",
}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 6)


def new_system():
    """A provider that calls a tool, refuses, filters or rejects if the line asks for it."""
    system, for_good = System({"BACKBURNER_LINE_PARAMETERS": "tools, tool_choice"}), 9
    plans = {
        "json": Plan(text='{"a": 1}'),
        "call": Plan(text="", items=(CALL,)),
        "refused": Plan(ending=Generation(id="", status="completed", refusal="No.", model="model-1")),
        "filtered": Plan(
            ending=Generation(id="", status="incomplete", incomplete_reason="content_filter", text="Half")
        ),
        "broken": Plan(ending=Generation(id="", status="failed", error_code="invalid_prompt")),
    }
    for document, plan in plans.items():
        system.generator.plan(plan, document=document, times=for_good)
    return system


def read(system, key):
    return {line["custom_id"]: line for line in map(json.loads, system.bucket.body(key).splitlines())}


def completion_of(line):
    """The body of a line, validated by the client's own types."""
    return ChatCompletion.model_validate(line["response"]["body"], strict=True)


def check(system):
    """Each line is in one of the two files, in order: chat lines as a chat completion, the others as a response."""
    good, bad = read(system, RESULT), read(system, ERRORS)
    assert list(good) == GOOD
    assert {name: line["error"]["code"] for name, line in bad.items()} == BAD
    assert {name: good[name]["response"]["body"].get("object") for name in GOOD} == (
        dict.fromkeys(CHATS, "chat.completion") | dict.fromkeys(["response", "recipe"])
    )
    for name in CHATS:
        made, line = completion_of(good[name]), good[name]
        assert set(line) == {"id", "custom_id", "response", "error"}
        assert line["response"]["request_id"].removeprefix("resp_") == made.id.removeprefix("chatcmpl-")
        assert made.model == "model-1"
        assert made.usage is not None
        assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 0
    assert system.run_record(KEY)["lines"] == {"total": 14, "completed": 7, "failed": 7}
    assert system.problems() == []


def test_every_kind_of_line_in_one_file():
    """Answers, tool calls, refusals and filtered answers come back in the chat format; what cannot run is named."""
    system = new_system()
    system.process(KEY, "".join(json.dumps(line) + "\n" for line in LINES))
    check(system)
    good, bad = read(system, RESULT), read(system, ERRORS)
    assert completion_of(good["plain"]).choices[0].message.content == "In short: plain"
    choice = completion_of(good["call"]).choices[0]
    assert (choice.finish_reason, [call.id for call in choice.message.tool_calls or []]) == ("tool_calls", ["call_1"])
    assert completion_of(bad["refused"]).choices[0].message.refusal == "No."
    filtered = completion_of(bad["filtered"]).choices[0]
    assert (filtered.finish_reason, filtered.message.content) == ("content_filter", "Half")
    assert bad["broken"]["response"] is None
    assert {name: bad[name]["error"]["param"] for name in ("twice", "seeded", "vector")} == {
        "twice": "n",
        "seeded": "seed",
        "vector": "url",
    }
    asked = {str(request["input"]): request for request in system.generator.requests}
    assert (asked["plain"]["instructions"], asked["plain"]["max_output_tokens"]) == ("Be brief.", 100)
    assert asked["call"]["tools"][0]["name"] == "weather"


def test_tools_are_the_operators_to_allow():
    """Tools need the operator's permission, as in any other line."""
    system = System()
    system.process(KEY, "".join(json.dumps(line) + "\n" for line in LINES[:4]))
    (error,) = read(system, ERRORS).values()
    assert (error["custom_id"], error["error"]["code"], error["error"]["param"]) == (
        "call",
        "parameter_not_allowed",
        "tools",
    )


BLIND = FailedCall(status=400, message="This model does not support image input.")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_picture_for_a_model_that_does_not_see_is_an_error_of_its_line(is_known):
    """The error gives the remedy, whether the setting or the provider says that the model sees nothing; others run."""
    system = System({"BACKBURNER_VISION_MODELS": "-model-blind"} if is_known else {})
    picture = user(PICTURE)
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE[1]["image_url"]["url"]}]}]
    response = {"method": "POST", "url": "/v1/responses", "body": {"model": "model-blind", "input": shown}}
    lines = [
        chat("chat", picture, model="model-blind"),
        {"custom_id": "response"} | response,
        chat("text", model="model-blind"),
        chat("sees", picture, model="model-2"),
    ]
    for _ in range(0 if is_known else 2):
        system.generator.plan(Plan(create=BLIND))
    system.process(KEY, "".join(json.dumps(line) + "\n" for line in lines))
    assert list(read(system, RESULT)) == ["text", "sees"]
    errors = {name: line["error"] for name, line in read(system, ERRORS).items()}
    assert {name: error["code"] for name, error in errors.items()} == dict.fromkeys(
        ["chat", "response"], "vision_unsupported"
    )
    assert all("name a model that" in error["message"] for error in errors.values())
    assert len(system.generator.requests) == (2 if is_known else 4)
    assert [error["param"] for error in errors.values()] == (["messages", "input"] if is_known else [None, None])
    assert system.problems() == []


def test_an_answer_with_only_the_providers_own_tools_is_empty():
    """A chat completion cannot hold them, so the line would be called done with nothing in it."""
    system = System()
    system.generator.default = Plan(text="", items=({"type": "web_search_call", "id": "ws_1"},))
    system.process(KEY, json.dumps(chat("plain")) + "\n")
    assert system.error_record(KEY)["reason"] == "empty_output"


@pytest.mark.parametrize("bound", ["max_completion_tokens", "max_tokens"])
@pytest.mark.parametrize(
    "ending",
    [
        {"status": "incomplete", "incomplete_reason": "max_output_tokens"},
        {"status": "completed", "usage": Usage(input_tokens=9, output_tokens=100, total_tokens=109)},
    ],
)
def test_a_chat_lines_own_cap_is_never_raised(bound, ending):
    """That API's cap is hard: the line is paid once, and its error has the partial answer in chat format.

    A Responses API line in the same file is retried with its cap doubled, as documents are.
    """
    system = System()
    system.generator.plan(Plan(ending=Generation(id="", text="Hal", **ending)), document="plain", times=9)
    cut = Plan(ending=Generation(id="", status="incomplete", incomplete_reason="max_output_tokens", text="Hal"))
    system.generator.plan(cut, document="response", times=9)
    response = {"method": "POST", "url": "/v1/responses", "body": {"input": "response", "max_output_tokens": 50}}
    lines = [chat("plain", **{bound: 100}), {"custom_id": "response"} | response, chat("whole", **{bound: 100})]
    system.process(KEY, "".join(json.dumps(line) + "\n" for line in lines))
    asked = [(request["input"], request["max_output_tokens"]) for request in system.generator.requests]
    assert sorted(asked) == [("plain", 100), ("response", 50), ("response", 100), ("whole", 100)]
    assert list(read(system, RESULT)) == ["whole"]
    error = read(system, ERRORS)["plain"]
    assert error["error"]["code"] == "output_truncated"
    assert "its own bound of 100 tokens is never raised" in error["error"]["message"]
    (choice,) = completion_of(error).choices
    assert (choice.finish_reason, choice.message.content) == ("length", "Hal")
    assert system.problems() == []


def lived(effect=None, moment="before"):
    """The whole life of the file, with a death at one of its effects, or without."""
    system = new_system()
    system.upload(KEY, "".join(json.dumps(line) + "\n" for line in LINES))
    first = len(system.world.effects)
    if effect is not None:
        system.world.kill_at(first + effect, moment)
    system.run(system.submit(KEY))
    system.settle()
    return system, len(system.world.effects) - first


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_death_on_the_way_changes_no_line(moment):
    """A chat line stays a chat line, and what may have been paid twice is counted."""
    whole, count = lived()
    check(whole)
    assert count > 100
    for number in thinned(range(1, count), one_in=40):
        system, _ = lived(number, moment)
        if not system.bucket.keys("results/"):  # its upload event died with the process: it is delivered again
            system.run(system.submit(KEY))
            system.settle()
        check(system)
        extra = len(system.generator.requests) - len(whole.generator.requests)
        assert extra <= system.run_record(KEY)["suspected_orphans"], f"{moment} effect {number}"
