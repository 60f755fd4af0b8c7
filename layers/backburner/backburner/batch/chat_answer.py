"""Converts an answer of the Responses API into a `chat.completion`, as the Chat Completions API would give it.

Whatever the provider sent, the result has the types of that API. Items that the API cannot express are left out:
reasoning, and tools that ran at the provider.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from backburner.provider.answers import Generation, Usage
from backburner.provider.reading import MAX_TOKENS, list_in, mapping_in

_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_INPUT_DETAILS: Final = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "text_tokens")
_OUTPUT_DETAILS: Final = (
    "reasoning_tokens", "audio_tokens", "text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens",
)  # fmt: skip


def chat_completion(answer: Generation, cap: int | None = None) -> dict[str, Any]:
    """The body of a chat line's answer; empty for a generation that failed or was cancelled without one.

    `cap` is the bound on output tokens that was sent; `finish_reason` takes it into account, as the verdict does.
    """
    if not answer.has_used:
        return {}
    body = answer.body
    choice = {"index": 0, "message": _message(answer), "logprobs": None, "finish_reason": _finish_reason(answer, cap)}
    completion = {
        "id": f"chatcmpl-{answer.id.removeprefix('resp_')}",
        "object": "chat.completion",
        "created": answer.created_at or answer.completed_at or 0,
        "model": answer.model or "",
        "choices": [choice],
        "usage": _usage(answer.usage, mapping_in(body.get("usage"))),
        "system_fingerprint": None,
    }
    tier = body.get("service_tier")
    return completion | ({"service_tier": tier} if isinstance(tier, str) and tier in _TIERS else {})


def calls_tools(answer: Generation) -> bool:
    """Whether an answer asks for tools to be called; then it counts even without text."""
    return bool(_tool_calls(answer.body))


def _finish_reason(answer: Generation, cap: int | None) -> str:
    if answer.incomplete_reason == "content_filter":
        return "content_filter"
    if not answer.is_completed or answer.incomplete_reason or (answer.has_hit(cap) and not answer.refusal):
        return "length"
    return "tool_calls" if calls_tools(answer) else "stop"


def _message(answer: Generation) -> dict[str, Any]:
    calls = _tool_calls(answer.body)
    content = answer.text if answer.text or not (calls or answer.refusal) else None
    message = {
        "role": "assistant",
        "content": content,
        "refusal": answer.refusal or None,
        "annotations": list(_citations(answer.body)),
    }
    return message | ({"tool_calls": calls} if calls else {})


def _tool_calls(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls of functions and custom tools, with the ids under which their results are sent back."""
    calls = []
    for item in _items(body):
        call_id, name = _text(item.get("call_id")) or _text(item.get("id")), _text(item.get("name"))
        match item.get("type"):
            case "function_call":
                function = {"name": name, "arguments": _text(item.get("arguments"))}
                calls.append({"id": call_id, "type": "function", "function": function})
            case "custom_tool_call":
                custom = {"name": name, "input": _text(item.get("input"))}
                calls.append({"id": call_id, "type": "custom", "custom": custom})
    return calls


def _citations(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Citations of web pages, with their places in the whole text."""
    before = 0
    messages = (item for item in _items(body) if item.get("type") == "message")
    for part in (part for item in messages for part in map(mapping_in, list_in(item.get("content")))):
        if part.get("type") != "output_text":
            continue
        for one in map(mapping_in, list_in(part.get("annotations"))):
            start, end, title, url = (
                _count(one, "start_index"),
                _count(one, "end_index"),
                one.get("title"),
                one.get("url"),
            )
            if one.get("type") != "url_citation" or not (isinstance(title, str) and isinstance(url, str)):
                continue
            if start is not None and end is not None:
                place = {"start_index": before + start, "end_index": before + end}
                yield {"type": "url_citation", "url_citation": place | {"title": title, "url": url}}
        before += len(_text(part.get("text")))


def _usage(usage: Usage | None, counts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The provider's counts; null if it gives none, since unknown is not zero."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": _counts(counts.get("input_tokens_details"), _INPUT_DETAILS),
        "completion_tokens_details": _counts(counts.get("output_tokens_details"), _OUTPUT_DETAILS),
    }


def _counts(given: Any, names: tuple[str, ...]) -> dict[str, int] | None:
    counts = mapping_in(given)
    return {name: count for name in names if (count := _count(counts, name)) is not None} or None


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    value = counts.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def _items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mapping_in(item) for item in list_in(body.get("output"))]


def _text(value: Any) -> str:
    """A text; arguments that came as an object are encoded as the JSON text that they should have been."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else ""
