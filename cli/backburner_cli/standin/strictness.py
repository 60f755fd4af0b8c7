"""Checks requests like the real API: whatever that would refuse, the stand-in refuses in the same way."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs

from backburner_cli.standin.calling import ITEMS, check_items, check_tools
from backburner_cli.standin.eyes import look
from backburner_cli.standin.profiles import Profile
from backburner_cli.standin.replies import refuse

_KINDS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "string": ("a string", lambda v: isinstance(v, str)),
    "boolean": ("a boolean", lambda v: isinstance(v, bool)),
    "integer": ("an integer", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "decimal": ("a decimal", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "object": ("an object", lambda v: isinstance(v, dict)),
    "array": ("an array", lambda v: isinstance(v, list)),
    "null": ("null", lambda v: v is None),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The values that one field may have: of these kinds, within these limits or from these values."""

    kinds: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


def _rule(kinds: str, *, low: float | None = None, high: float | None = None, values: str = "") -> Rule:
    return Rule(kinds=tuple(kinds.split()), low=low, high=high, values=tuple(values.split()))


_FIELDS: Final[dict[str, Rule]] = {
    "model": _rule("string"),
    "input": _rule("string array"),
    "instructions": _rule("string null"),
    "background": _rule("boolean null"),
    "store": _rule("boolean null"),
    "stream": _rule("boolean null"),
    "max_output_tokens": _rule("integer null", low=16),
    "max_tool_calls": _rule("integer null", low=1),
    "temperature": _rule("decimal null", low=0),  # the upper limit is the profile's
    "top_p": _rule("decimal null", low=0, high=1),
    "top_logprobs": _rule("integer null", low=0, high=20),
    "metadata": _rule("object null"),
    "reasoning": _rule("object null"),
    "text": _rule("object null"),
    "tools": _rule("array"),
    "tool_choice": _rule("string object"),
    "parallel_tool_calls": _rule("boolean null"),
    "include": _rule("array null"),
    "service_tier": _rule("string null", values="auto default flex scale priority"),
    "truncation": _rule("string null", values="auto disabled"),
    "prompt_cache_key": _rule("string null"),
    "prompt_cache_retention": _rule("string null", values="in_memory 24h"),
    "safety_identifier": _rule("string null"),
    "user": _rule("string null"),
}
_BEYOND: Final = frozenset({"conversation", "context_management", "moderation", "previous_response_id", "prompt"})
"""Fields of the real API that the stand-in does not support; it says so rather than ignore them."""
_NESTED: Final[dict[str, dict[str, Rule]]] = {
    "reasoning": {
        "effort": _rule("string null", values="none minimal low medium high xhigh max"),
        "summary": _rule("string null", values="auto concise detailed"),
        "generate_summary": _rule("string null", values="auto concise detailed"),
    },
    "text": {"format": _rule("object"), "verbosity": _rule("string null", values="low medium high")},
}
_FORMATS: Final[dict[str, dict[str, Rule]]] = {
    "text": {"type": _rule("string")},
    "json_object": {"type": _rule("string")},
    "json_schema": {
        "type": _rule("string"),
        "name": _rule("string"),
        "schema": _rule("object"),
        "description": _rule("string null"),
        "strict": _rule("boolean null"),
    },
}
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 16, 64, 512


def check(body: dict[str, Any], profile: Profile) -> None:
    """Raise `RefusedError` if a create's body is invalid in any way, apart from the model's name."""
    _known(body, profile)
    for name in ("model", "input"):
        if body.get(name) is None:
            raise refuse(f"Missing required parameter: '{name}'.", "missing_required_parameter", param=name)
    rules = {**_FIELDS, "temperature": _rule("decimal null", low=0, high=profile.max_temperature)}
    _fields(body, rules, "")
    for name, nested in _NESTED.items():
        _fields(body.get(name) or {}, nested, f"{name}.")
    _metadata(body.get("metadata") or {})
    _input(body["input"])
    check_tools(body)
    _format((body.get("text") or {}).get("format") or {"type": "text"}, body, profile)
    _together(body)


def input_text(body: dict[str, Any]) -> str:
    """Return the whole text of a checked request's input."""
    if isinstance(body["input"], str):
        return body["input"]
    return "\n".join(filter(None, map(_text_of, body["input"])))


def _text_of(item: dict[str, Any]) -> str:
    """The text of one item: a message or a function's output, but not a call. Pictures become lines about them."""
    content = item.get("content", item.get("output", ""))
    return content if isinstance(content, str) else "\n".join(filter(None, map(_text_of_part, content)))


def _text_of_part(part: dict[str, Any]) -> str:
    if part.get("type") == "input_image":
        return look(part)
    text: str = part.get("text", "")
    return text


def _known(body: dict[str, Any], profile: Profile) -> None:
    for name in body:
        if name in profile.refused or name in _BEYOND:
            raise refuse(f"Unsupported parameter: '{name}'.", "unsupported_parameter", param=name)
        if name not in _FIELDS:
            raise refuse(f"Unknown parameter: '{name}'.", "unknown_parameter", param=name)


def _fields(values: dict[str, Any], rules: dict[str, Rule], path: str) -> None:
    """Check each value against its rule; `path` names the object that contains them."""
    for name, value in values.items():
        if name not in rules:
            raise refuse(f"Unknown parameter: '{path}{name}'.", "unknown_parameter", param=f"{path}{name}")
        _value(value, rules[name], f"{path}{name}")


def _value(value: Any, rule: Rule, param: str) -> None:
    if not any(_KINDS[kind][1](value) for kind in rule.kinds):
        expected = " or ".join(_KINDS[kind][0] for kind in rule.kinds if kind != "null")
        got = next((words for words, fits in _KINDS.values() if fits(value)), "something else")
        raise refuse(
            f"Invalid type for '{param}': expected {expected}, but got {got} instead.", "invalid_type", param=param
        )
    if value is None:
        return
    if rule.values and value not in rule.values:
        raise refuse(f"Invalid value: supported values are {', '.join(rule.values)}.", "invalid_value", param=param)
    kind = rule.kinds[0]
    if rule.low is not None and value < rule.low:
        message = (
            f"Invalid '{param}': {kind} below minimum value. Expected a value >= {rule.low}, but got {value} instead."
        )
        raise refuse(message, f"{kind}_below_min_value", param=param)
    if rule.high is not None and value > rule.high:
        message = (
            f"Invalid '{param}': {kind} above maximum value. Expected a value <= {rule.high}, but got {value} instead."
        )
        raise refuse(message, f"{kind}_above_max_value", param=param)


def _metadata(metadata: dict[str, Any]) -> None:
    if len(metadata) > _MAX_PAIRS:
        raise refuse("Invalid 'metadata': at most 16 pairs.", "object_above_max_properties", param="metadata")
    for key, value in metadata.items():
        _value(value, _rule("string"), f"metadata.{key[:_MAX_KEY]}")
        if len(key) > _MAX_KEY:
            raise refuse("Invalid 'metadata': keys have at most 64 characters.", "invalid_value", param="metadata")
        if len(value) > _MAX_VALUE:
            message = f"Invalid 'metadata.{key}': string too long. Expected at most 512 characters."
            raise refuse(message, "string_above_max_length", param=f"metadata.{key}")


def _input(given: str | list[Any]) -> None:
    """Accept a string, or a list of messages, function calls and their outputs.

    A message's content is a string, or a list of texts and pictures.
    """
    message = {
        "role": _rule("string", values="user assistant system developer"),
        "content": _rule("string array"),
        "type": _rule("string", values="message"),
    }
    for n, item in enumerate(given if isinstance(given, list) else []):
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind in ITEMS:
            _complete(item, dict.fromkeys(("type", *ITEMS[kind]), _rule("string")), f"input[{n}]", ITEMS[kind])
            continue
        _complete(item, message, f"input[{n}]", ("role", "content"))
        for m, piece in enumerate(item["content"] if isinstance(item["content"], list) else []):
            _part(piece, f"input[{n}].content[{m}]")
    check_items(given if isinstance(given, list) else [])


def _part(piece: Any, path: str) -> None:
    if isinstance(piece, dict) and piece.get("type") == "input_image":
        picture = {
            "type": _rule("string"),
            "image_url": _rule("string"),
            "detail": _rule("string", values="auto low high original"),
        }
        _complete(piece, picture, path, ("image_url",))
        if not re.match(r"https?://|data:image/[a-z.+-]+;base64,", piece["image_url"]):
            raise refuse(f"Invalid '{path}.image_url'.", "invalid_value", param=f"{path}.image_url")
        return
    part = {"type": _rule("string", values="input_text output_text"), "text": _rule("string")}
    _complete(piece, part, path, ("type", "text"))


def _complete(value: Any, rules: dict[str, Rule], path: str, required: Iterable[str]) -> None:
    _value(value, _rule("object"), path)
    for name in required:
        if name not in value:
            param = f"{path}.{name}"
            raise refuse(f"Missing required parameter: '{param}'.", "missing_required_parameter", param=param)
    _fields(value, rules, f"{path}.")


def _format(wanted: dict[str, Any], body: dict[str, Any], profile: Profile) -> None:
    kind = wanted.get("type")
    if kind not in _FORMATS:
        message = "Invalid value: supported values are text, json_object, json_schema."
        raise refuse(message, "invalid_value", param="text.format.type")
    _complete(wanted, _FORMATS[kind], "text.format", ("name", "schema") if kind == "json_schema" else ())
    if kind == "json_schema":
        _schema(wanted, profile)
    told = f"{input_text(body)} {body.get('instructions') or ''}".casefold() if kind == "json_object" else "json"
    if profile.checks_strict_schemas and "json" not in told:
        message = "Response input messages must contain the word 'json' to use 'text.format' of type 'json_object'."
        raise refuse(message, param="input")


def _schema(wanted: dict[str, Any], profile: Profile) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", wanted["name"]):
        raise refuse("Invalid 'text.format.name'.", "invalid_value", param="text.format.name")
    schema = wanted["schema"]
    problem = None if schema.get("type") == "object" else 'the schema must be of type "object"'
    try:
        jsonschema_rs.validator_for(schema, offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as invalid:
        problem = str(invalid).partition("\n")[0]
    if not problem and wanted.get("strict") and profile.checks_strict_schemas and not _closed(schema):
        problem = 'with strict, every object needs "additionalProperties": false and all its properties required'
    if not problem and wanted.get("strict") and profile.checks_strict_schemas and (keyword := _foreign(schema)):
        problem = f"'{keyword}' is not permitted"
    if problem:
        name = wanted["name"]
        message = f"Invalid schema for response_format '{name}': {problem}."
        raise refuse(message, "invalid_json_schema", param="text.format.schema")


def _closed(schema: Any) -> bool:
    """Whether every object in a schema is closed and requires all of its properties."""
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties", {})
    if schema.get("type") == "object" or properties:
        shut = schema.get("additionalProperties") is False and set(properties) == set(schema.get("required", []))
        if not shut:
            return False
    return _closed(_inner(schema))


def _foreign(schema: Any) -> str | None:
    """A non-standard keyword in a schema, which strict mode refuses."""
    if isinstance(schema, list):
        return next(filter(None, map(_foreign, schema)), None)
    if not isinstance(schema, dict):
        return None
    return next((keyword for keyword in schema if keyword.startswith("x-")), None) or _foreign(_inner(schema))


def _inner(schema: dict[str, Any]) -> list[Any]:
    """The schemas within a schema."""
    inner = [schema.get(key) for key in ("items", "anyOf", "prefixItems")]
    return [*inner, *(list(schema.get(key, {}).values()) for key in ("properties", "$defs", "definitions"))]


def _together(body: dict[str, Any]) -> None:
    """Refuse combinations of fields that are each valid alone."""
    if body.get("background") and body.get("store") is False:
        raise refuse("Background mode requires store to be true.", "invalid_value", param="store")
    if body.get("stream"):
        raise refuse("The stand-in does not stream.", "unsupported_value", param="stream")
