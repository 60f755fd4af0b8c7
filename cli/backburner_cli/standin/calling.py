"""Calls of functions: how the stand-in handles a request's tools, and the calls and pictures in its input.

It calls the function that the request names, or else the first one, with arguments from the input that fit its schema.
Once the input has a function's output, it answers with a text.
"""

import hashlib
import json
from typing import Any, Final

import jsonschema_rs

from backburner_cli.standin.filling import fill
from backburner_cli.standin.replies import refuse

ITEMS: Final[dict[str, tuple[str, ...]]] = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}
"""Items of an input other than messages, and the string fields that each must have."""


def check_items(given: list[Any]) -> None:
    """Raise `RefusedError` if a function's output has no call before it."""
    called = set[str]()
    for n, item in enumerate(given):
        if item.get("type") == "function_call":
            called.add(item["call_id"])
        if item.get("type") == "function_call_output" and item["call_id"] not in called:
            message = f"No tool call found for function call output with call_id {item['call_id'][:64]}."
            raise refuse(message, param=f"input[{n}]")


def check_tools(body: dict[str, Any]) -> None:
    """Raise `RefusedError` if a function is invalid, or the one to be called is not among the tools."""
    functions = set[str]()
    for n, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            raise refuse(f"Missing required parameter: 'tools[{n}].type'.", param=f"tools[{n}].type")
        if tool["type"] == "function":
            _check_function(tool, f"tools[{n}]")
            functions.add(tool["name"])
    choice = body.get("tool_choice")
    if choice == "required" and not body.get("tools"):
        raise refuse("Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function" and choice.get("name") not in functions:
        raise refuse("Tool choice 'function' not found in 'tools' parameter.", param="tool_choice")


def _check_function(tool: dict[str, Any], path: str) -> None:
    """Check a function in this API's flat form; nested functions belong to the other API."""
    if not isinstance(tool.get("name"), str):
        param = f"{path}.name"
        raise refuse(f"Missing required parameter: '{param}'.", "missing_required_parameter", param=param)
    for name in tool.keys() - {"type", "name", "description", "parameters", "strict"}:
        raise refuse(f"Unknown parameter: '{path}.{name}'.", "unknown_parameter", param=f"{path}.{name}")
    try:
        jsonschema_rs.validator_for(tool.get("parameters") or {}, offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as invalid:
        message = f"Invalid schema for function '{tool['name']}'."
        raise refuse(message, "invalid_function_parameters", param=f"{path}.parameters") from invalid


def call_of(request: dict[str, Any], text: str) -> dict[str, Any] | None:
    """The item with the call that a checked request asks for; None if it gets a text. Raises `UnfillableError`."""
    choice, given = request.get("tool_choice", "auto"), request["input"]
    functions = [tool for tool in request.get("tools") or [] if tool["type"] == "function"]
    if isinstance(choice, dict) and choice.get("type") == "function":
        functions = [tool for tool in functions if tool["name"] == choice["name"]]
    is_answered = isinstance(given, list) and any(item.get("type") == "function_call_output" for item in given)
    if not functions or choice == "none" or is_answered:
        return None
    chosen = functions[0]
    arguments = json.dumps(fill({"type": "object"} | (chosen.get("parameters") or {}), text), ensure_ascii=False)
    name = str(chosen["name"])
    call_id = f"call_{hashlib.sha256((name + text).encode()).hexdigest()[:24]}"
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
