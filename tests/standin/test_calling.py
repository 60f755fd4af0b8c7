"""The stand-in calls functions, reads their results, and accepts pictures."""

import json
from typing import Any

import jsonschema_rs
import pytest

from .conftest import DOCUMENT, World

SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["place", "count"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "name": "note", "parameters": SCHEMA, "strict": True},
    {"type": "function", "name": "now"},
]
ASKED = {"role": "user", "content": DOCUMENT}
CALL = {"type": "function_call", "call_id": "call_1", "name": "note", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "The harbour is closed on Sundays."}
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
PICTURE = {"type": "input_image", "image_url": DOT, "detail": "auto"}


def ended(world: World, **body: Any) -> Any:
    """A response after its generation has ended."""
    answer = world.post(**body)
    assert answer.status_code == 200, answer.text
    world.later()
    return world.http.get(f"/responses/{answer.json()['id']}").json()


@pytest.mark.parametrize(
    ("choice", "called"), [("auto", "note"), ("required", "note"), ({"type": "function", "name": "now"}, "now")]
)
def test_a_function_is_called_with_arguments_that_its_schema_allows(world: World, choice: Any, called: str) -> None:
    """The requested function is called, otherwise the first."""
    response = ended(world, tools=TOOLS, tool_choice=choice)
    (item,) = response["output"]
    assert (item["type"], item["name"], item["status"]) == ("function_call", called, "completed")
    assert item["call_id"].startswith("call_")
    assert jsonschema_rs.is_valid(SCHEMA if called == "note" else {"type": "object"}, json.loads(item["arguments"]))
    assert response["usage"]["output_tokens"] > 0


@pytest.mark.parametrize("body", [{"tool_choice": "none"}, {"input": [ASKED, CALL, OUTPUT]}, {"tools": []}])
def test_there_is_a_text_once_no_call_is_wanted(world: World, body: dict[str, Any]) -> None:
    """Calls are forbidden, or already answered."""
    response = ended(world, **{"tools": TOOLS, **body})
    assert [item["type"] for item in response["output"]] == ["message"]


def test_the_result_of_a_function_is_read(world: World) -> None:
    """It is part of the input."""
    response = ended(world, input=[{"role": "user", "content": "When?"}, CALL, OUTPUT], tools=TOOLS)
    assert "closed on Sundays" in response["output"][0]["content"][0]["text"]


def test_a_picture_is_accepted_beside_a_text(world: World) -> None:
    """Only the text is read."""
    content = [{"type": "input_text", "text": DOCUMENT}, PICTURE]
    assert ended(world, input=[{"role": "user", "content": content}])["status"] == "completed"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [{"type": "function", "function": {"name": "note"}}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "name": "note", "arguments": {}}]}, "tools[0].arguments"),
    ({"tools": [{"type": "function", "name": "note", "parameters": {"type": 5}}]}, "tools[0].parameters"),
    ({"tools": ["note"]}, "tools[0].type"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"input": [ASKED, OUTPUT]}, "input[1]"),
    ({"input": [ASKED, {"type": "function_call", "call_id": "c", "name": "f"}]}, "input[1].arguments"),
    (
        {"input": [{"role": "user", "content": [PICTURE | {"image_url": "a.png"}]}]},
        "input[0].content[0].image_url",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.org"}}]}]},
        "input[0].content[0].text",
    ),
]


@pytest.mark.parametrize(("body", "param"), REFUSED)
def test_an_invalid_input_is_refused_by_its_place(
    world: World, error_of: Any, body: dict[str, Any], param: str
) -> None:
    """The shapes of the other API are refused too."""
    status, _, named = error_of(world.post(**body))
    assert (status, named) == (400, param)


def test_a_schema_that_cannot_be_filled_fails_the_generation(world: World) -> None:
    """A function is never called with arguments that it does not take."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x{9}$"}}, "required": ["a"]}
    response = ended(world, tools=[{"type": "function", "name": "note", "parameters": schema}])
    assert (response["status"], response["output"]) == ("failed", [])
