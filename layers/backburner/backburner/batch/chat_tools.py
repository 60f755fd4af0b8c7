"""Converts tools and answer formats for the Responses API, which nests them one level less."""

from collections.abc import Mapping
from typing import Any

from backburner.batch.chat_messages import known_only, listed, malformed, mapping, text


def converted_tools(given: Any) -> dict[str, Any]:
    """Convert `tools`. Raises `ChatLineError`."""
    return {"tools": [_tool(one, f"tools[{n}]") for n, one in enumerate(listed(given, "tools"))]}


def _tool(given: Any, at: str) -> dict[str, Any]:
    match mapping(given, at).get("type"):
        case "function":
            known_only(given, {"type", "function"}, at)
            function = mapping(given.get("function"), f"{at}.function")
            known_only(function, {"name", "description", "parameters", "strict"}, f"{at}.function")
            text(function.get("name"), f"{at}.function.name")
            without = {"parameters": {"type": "object", "properties": {}}, "strict": False}
            return {"type": "function"} | without | _given(function)  # Responses is strict by default
        case "custom":
            known_only(given, {"type", "custom"}, at)
            custom = _given(mapping(given.get("custom"), f"{at}.custom"))
            known_only(custom, {"name", "description", "format"}, f"{at}.custom")
            text(custom.get("name"), f"{at}.custom.name")
            if "format" in custom:
                custom["format"] = _custom_format(mapping(custom["format"], f"{at}.custom.format"), at)
            return {"type": "custom"} | custom
        case _:
            raise malformed(f"{at}.type", "function or custom: a line for /v1/responses may bring other tools")


def _custom_format(given: Mapping[str, Any], at: str) -> dict[str, Any]:
    if given.get("type") != "grammar":
        return dict(given)
    return {"type": "grammar"} | _given(mapping(given.get("grammar"), f"{at}.custom.format.grammar"))


def converted_choice(given: Any) -> dict[str, Any]:
    """Convert `tool_choice`. Raises `ChatLineError`."""
    if given in ("none", "auto", "required"):
        return {"tool_choice": given}
    if mapping(given, "tool_choice").get("type") == "allowed_tools":
        allowed = mapping(given.get("allowed_tools"), "tool_choice.allowed_tools")
        at = "tool_choice.allowed_tools.tools"
        tools = [_named(one, f"{at}[{n}]") for n, one in enumerate(listed(allowed.get("tools"), at))]
        return {"tool_choice": {"type": "allowed_tools", "mode": allowed.get("mode", "auto"), "tools": tools}}
    return {"tool_choice": _named(given, "tool_choice")}


def _named(given: Any, at: str) -> dict[str, Any]:
    kind = mapping(given, at).get("type")
    if kind not in ("function", "custom"):
        raise malformed(f"{at}.type", "function or custom")
    name = mapping(given.get(kind), f"{at}.{kind}").get("name")
    return {"type": kind, "name": text(name, f"{at}.{kind}.name")}


def converted_format(given: Any) -> dict[str, Any]:
    """Convert `response_format` to `text.format`. Raises `ChatLineError`."""
    at = "response_format"
    match mapping(given, at).get("type"):
        case "text" | "json_object" as kind:
            known_only(given, {"type"}, at)
            return {"text": {"format": {"type": kind}}}
        case "json_schema":
            known_only(given, {"type", "json_schema"}, at)
            schema = mapping(given.get("json_schema"), f"{at}.json_schema")
            known_only(schema, {"name", "description", "schema", "strict"}, f"{at}.json_schema")
            text(schema.get("name"), f"{at}.json_schema.name")
            mapping(schema.get("schema"), f"{at}.json_schema.schema")
            return {"text": {"format": {"type": "json_schema"} | _given(schema)}}
        case _:
            raise malformed(f"{at}.type", "text, json_object or json_schema")


def _given(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not null."""
    return {name: value for name, value in given.items() if value is not None}
