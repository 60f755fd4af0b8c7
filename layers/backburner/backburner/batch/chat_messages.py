"""Converts the messages of a chat completion into `input` and `instructions` of the Responses API, in order.

A system message at the beginning becomes `instructions`; everything else becomes an item of the input.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Item = dict[str, Any]

_LEFT_OUT = frozenset({"annotations", "reasoning", "reasoning_content", "prompt_cache_breakpoint", "cache_control"})
"""Fields that programs copy from answers, and marks for caches: nothing that a model reads."""
_INSTRUCTING = ("system", "developer")


class ChatLineError(Exception):
    """A chat line that is invalid or has no counterpart in the Responses API; `param` is the place in its body."""

    def __init__(self, code: str, message: str, param: str) -> None:
        super().__init__(message)
        self.code, self.param = code, param


def converted_messages(given: Any, *, keeps_system: bool = False) -> dict[str, Any]:
    """The messages as `input`, and as `instructions` if they begin with a system message. Raises `ChatLineError`.

    `keeps_system` leaves the system message in the input: in JSON mode the API looks for the word "JSON" only there.
    """
    if not isinstance(given, list):
        raise malformed("messages", "a list")
    if not given:
        raise ChatLineError("missing_required_parameter", "its body has no messages", "messages")
    calls: dict[str, str] = {}
    items = [item for n, one in enumerate(given) for item in _items(one, f"messages[{n}]", calls)]
    first = items[0]
    is_instructed = first.get("role") in _INSTRUCTING and isinstance(first["content"], str)
    if not is_instructed or keeps_system or len(items) == 1:
        return {"input": _shortest(items)}
    return {"instructions": first["content"], "input": _shortest(items[1:])}


def _shortest(items: list[Item]) -> str | list[Item]:
    """The items as short as possible: a single text from the user is sent as a string."""
    if len(items) == 1 and items[0].get("role") == "user" and items[0]["content"]:
        content: str | list[Item] = items[0]["content"]
        return content if isinstance(content, str) else items
    return items


def _items(message: Any, at: str, calls: dict[str, str]) -> Iterator[Item]:
    """The items for a message; `calls` collects the types of tool calls by their ids."""
    role = mapping(message, at).get("role")
    match role:
        case "system" | "developer":
            known_only(message, {"role", "content"}, at)
            yield {"role": role, "content": _content(message.get("content"), at, _input_text)}
        case "user":
            known_only(message, {"role", "content"}, at)
            yield {"role": role, "content": _content(message.get("content"), at, _user_part)}
        case "assistant":
            yield from _assistant(message, at, calls)
        case "tool":
            known_only(message, {"role", "content", "tool_call_id", "name"}, at)
            call_id = text(message.get("tool_call_id"), f"{at}.tool_call_id")
            kind = f"{calls.get(call_id, 'function_call')}_output"
            output = _content(message.get("content"), at, _input_text)
            yield {"type": kind, "call_id": call_id, "output": output}
        case "function":
            raise unsupported(f"{at}.role", "a message of a function is deprecated there: use tool calls")
        case _:
            raise malformed(f"{at}.role", "system, developer, user, assistant or tool")


def _assistant(message: Mapping[str, Any], at: str, calls: dict[str, str]) -> Iterator[Item]:
    known_only(message, {"role", "content", "refusal", "tool_calls"}, at)
    content, refusal, asked = message.get("content"), message.get("refusal"), message.get("tool_calls")
    refused = "" if refusal is None else text(refusal, f"{at}.refusal")
    if content is None and not refused and not asked:
        raise ChatLineError("missing_required_parameter", f"{at} has neither content nor tool calls", f"{at}.content")
    if content is not None and (content or not asked):
        yield {"role": "assistant", "content": _content(content, at, _assistant_part)}
    if refused:
        yield {"role": "assistant", "content": [{"type": "refusal", "refusal": refused}]}
    for n, call in enumerate(listed(asked or [], f"{at}.tool_calls")):
        item = _call(call, f"{at}.tool_calls[{n}]")
        calls[item["call_id"]] = item["type"]
        yield item


def _call(call: Any, at: str) -> Item:
    call_id = text(mapping(call, at).get("id"), f"{at}.id")
    match call.get("type", "function"):
        case "function":
            given = mapping(call.get("function"), f"{at}.function")
            name, arguments = (text(given.get(key), f"{at}.function.{key}") for key in ("name", "arguments"))
            return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        case "custom":
            given = mapping(call.get("custom"), f"{at}.custom")
            name, entered = (text(given.get(key), f"{at}.custom.{key}") for key in ("name", "input"))
            return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": entered}
        case _:
            raise malformed(f"{at}.type", "function or custom")


def _content(given: Any, at: str, part_of: Callable[[Any, str], Item]) -> str | list[Item]:
    """A content as a string if it is one, otherwise as its parts."""
    at = f"{at}.content"
    if given is None:
        raise ChatLineError("missing_required_parameter", f"{at} is missing", at)
    if isinstance(given, str):
        return given
    parts = [part_of(part, f"{at}[{n}]") for n, part in enumerate(listed(given, at))]
    if not parts:
        raise malformed(at, "a text, or a list with at least one part")
    only: str | None = parts[0].get("text") if len(parts) == 1 else None
    return parts if only is None else only


def _input_text(part: Any, at: str) -> Item:
    if mapping(part, at).get("type") != "text":
        raise malformed(f"{at}.type", "text: this role has no other parts")
    known_only(part, {"type", "text"}, at)
    return {"type": "input_text", "text": text(part.get("text"), f"{at}.text")}


def _assistant_part(part: Any, at: str) -> Item:
    if mapping(part, at).get("type") == "refusal":
        known_only(part, {"type", "refusal"}, at)
        return {"type": "refusal", "refusal": text(part.get("refusal"), f"{at}.refusal")}
    return {"type": "output_text", "text": _input_text(part, at)["text"]}


def _user_part(part: Any, at: str) -> Item:
    match mapping(part, at).get("type"):
        case "image_url":
            known_only(part, {"type", "image_url"}, at)
            given = part.get("image_url")
            picture = mapping({"url": given} if isinstance(given, str) else given, f"{at}.image_url")
            known_only(picture, {"url", "detail"}, f"{at}.image_url")
            url, detail = picture.get("url"), picture.get("detail") or "auto"
            return {
                "type": "input_image",
                "image_url": text(url, f"{at}.image_url.url"),
                "detail": text(detail, f"{at}.image_url.detail"),
            }
        case "file":
            known_only(part, {"type", "file"}, at)
            given = mapping(part.get("file"), f"{at}.file")
            known_only(given, {"file_data", "file_id", "filename"}, f"{at}.file")
            return {"type": "input_file"} | {name: value for name, value in given.items() if value is not None}
        case "input_audio":
            raise unsupported(f"{at}.input_audio", "the Responses API takes no audio")
        case "text":
            return _input_text(part, at)
        case _:
            raise malformed(f"{at}.type", "text, image_url or file")


def malformed(at: str, wanted: str) -> ChatLineError:
    """The error for a value that the Chat Completions API would reject, too."""
    return ChatLineError("invalid_request", f"{at}: expected {wanted}", at)


def unsupported(at: str, why: str) -> ChatLineError:
    """The error for a value without a counterpart."""
    return ChatLineError("unsupported_parameter", f"{at}: {why}", at)


def mapping(value: Any, at: str) -> Mapping[str, Any]:
    """A value that must be an object."""
    if not isinstance(value, dict):
        raise malformed(at, "an object")
    return value


def listed(value: Any, at: str) -> list[Any]:
    """A value that must be a list."""
    if not isinstance(value, list):
        raise malformed(at, "a list")
    return value


def text(value: Any, at: str) -> str:
    """A value that must be a text."""
    if not isinstance(value, str):
        raise malformed(at, "a text")
    return value


def known_only(given: Mapping[str, Any], known: set[str], at: str) -> None:
    """Refuse unknown fields that are not null or empty and that a model would read, because they would be lost."""
    for name, value in given.items():
        if name not in known and name not in _LEFT_OUT and value not in (None, ""):
            raise unsupported(f"{at}.{name[:80]}", "it has no counterpart in the Responses API")
