"""Batches of chat completions over real HTTP: files as people have them, and answers that their client can read."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from support.depth import depth
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld

KEY, RESULT, ERRORS = "inbox/chats.jsonl", "results/chats.jsonl.jsonl", "failed/chats.jsonl.errors.jsonl"
PROPERTIES = {"goods": {"type": "string"}, "barrels": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": list(PROPERTIES), "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "order", "schema": SCHEMA, "strict": True}}
TOOL = {"type": "function", "function": {"name": "book", "description": "Book an order.", "parameters": SCHEMA}}
CALL = {"id": "call_9", "type": "function", "function": {"name": "book", "arguments": '{"goods": "herring"}'}}
KINDS = ["plain", "system", "picture", "json", "object", "call", "called", "response", "recipe"]
FAULTS = {
    "refused": "refused",
    "filtered": "content_filter",
    "twice": "unsupported_parameter",
    "blind": "vision_unsupported",
    "vector": "unsupported_endpoint",
}


def _text(number: int) -> str:
    return f"Order {number}: {number * 3} barrels of herring for the town of Veldt."


DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
"""A picture of one dot."""


def _chat(number: int, kind: str) -> dict[str, Any]:
    """The body of a chat line of the given kind."""
    asked: dict[str, Any] = {"role": "user", "content": _text(number)}
    system = {"role": "system", "content": "Answer in JSON."}
    parts = [{"type": "text", "text": _text(number)}]
    picture = {"type": "image_url", "image_url": {"url": DOT, "detail": "low"}}
    booked = [{"role": "assistant", "content": None, "tool_calls": [CALL]}]
    output = {"role": "tool", "tool_call_id": "call_9", "content": f"Booked as number {number}."}
    more: dict[str, dict[str, Any]] = {
        "system": {
            "messages": [system, asked],
            "max_tokens": 300,
            "top_p": 1,
            "n": 1,
            "stop": None,
            "stream": True,
            "temperature": 0,
        },
        "picture": {"messages": [{"role": "user", "content": [*parts, picture]}]},
        "json": {"response_format": FORMAT, "max_completion_tokens": 300, "reasoning_effort": "low"},
        "object": {"messages": [system, asked], "response_format": {"type": "json_object"}, "user": "somebody"},
        "call": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "book"}}},
        "called": {"messages": [asked, *booked, output], "tools": [TOOL]},
        "refused": {"model": "stand-in/refusal"},
        "filtered": {"model": "stand-in/incomplete-content-filter"},
        "twice": {"n": 2},
        "blind": {"model": "stand-in/blind", "messages": [{"role": "user", "content": [*parts, picture]}]},
    }
    return {"model": "stand-in", "messages": [asked], **more.get(kind, {})}


def _line(number: int, kind: str) -> dict[str, Any]:
    name = f"{kind}-{number}"
    if kind == "recipe":
        return {"custom_id": name, "input": _text(number)}
    url = {"response": "/v1/responses", "vector": "/v1/embeddings", "plain": "/chat/completions"}
    body = {"model": "stand-in", "input": _text(number)} if kind == "response" else _chat(number, kind)
    return {"custom_id": name, "method": "POST", "url": url.get(kind, "/v1/chat/completions"), "body": body}


def _read(world: WarmDeployment, key: str) -> dict[str, Any]:
    return {line["custom_id"]: line for line in map(json.loads, str(world.text(key)).splitlines())}


def _check_answer(number: int, kind: str, body: dict[str, Any]) -> None:
    """The answer parses into the client's types and has the words of its own line."""
    answer = ChatCompletion.model_validate(body, strict=True)
    choice = answer.choices[0]
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    if kind == "call":
        call = (choice.message.tool_calls or [])[0]
        assert (choice.finish_reason, call.type) == ("tool_calls", "function")
        assert call.type == "function"
        assert set(json.loads(call.function.arguments)) == set(PROPERTIES)
        return
    assert choice.finish_reason == "stop"
    assert choice.message.content is not None
    assert (f"Order {number}:" in choice.message.content) or kind == "called"
    if kind == "json":
        assert set(json.loads(choice.message.content)) == set(PROPERTIES)


def test_a_file_of_every_kind_of_line(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chat lines and others alternate over several segments, and each is answered in the shape of its own API."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", depth(10, 20))
    world = new_world(BACKBURNER_POLLS_PER_SECOND="500", BACKBURNER_LINE_PARAMETERS="tools, tool_choice")
    kinds = [*KINDS, *FAULTS]
    asked = [(number, kinds[number % len(kinds)]) for number in range(1, depth(2, 5) * len(kinds) + 1)]
    world.process(KEY, "".join(json.dumps(_line(number, kind)) + "\n" for number, kind in asked))
    good, bad = _read(world, RESULT), _read(world, ERRORS)
    assert list(good) == [f"{kind}-{number}" for number, kind in asked if kind in KINDS]
    assert {name: line["error"]["code"] for name, line in bad.items()} == {
        f"{kind}-{number}": FAULTS[kind] for number, kind in asked if kind in FAULTS
    }
    for number, kind in asked:
        if kind in ("response", "recipe"):
            assert good[f"{kind}-{number}"]["response"]["body"]["object"] == "response"
        elif kind in KINDS:
            _check_answer(number, kind, good[f"{kind}-{number}"]["response"]["body"])
        elif kind in ("refused", "filtered"):
            shown = ChatCompletion.model_validate(bad[f"{kind}-{number}"]["response"]["body"], strict=True).choices[0]
            assert shown.message.refusal or shown.finish_reason == "content_filter"
    lines = world.run_record(KEY)["lines"]
    assert lines == {"total": len(asked), "completed": len(good), "failed": len(bad)}
    assert world.problems() == []
