"""Converts a body for `/v1/chat/completions` into one for `/v1/responses`, parameter by parameter, by one table.

Parameters without a counterpart are refused, never dropped, unless dropping them does not change the answer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backburner.batch.chat_messages import ChatLineError, converted_messages, malformed, unsupported
from backburner.batch.chat_tools import converted_choice, converted_format, converted_tools
from backburner.batch.parameters import ALL_PARAMETERS, MAX_TOKENS, is_cap


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """How one parameter is converted. `summary` says it in words, for the page on batches."""

    summary: str
    convert: Callable[[Any], dict[str, Any]] | None = None
    """Makes the new parameters; None if it is left out or refused."""
    harmless: tuple[Any, ...] = ()
    """Values without effect, which are left out."""
    why: str = ""
    """Why other values are refused; "" if they are left out."""
    may_be_allowed: bool = False
    """Whether it is passed on under its own name if the operator allows it."""


def _passed(name: str) -> Parameter:
    return Parameter(summary="passed on", convert=lambda value: {name: value})


def _asked_for(name: str) -> Parameter:
    return Parameter(summary="passed on if the operator allows it", convert=lambda value: {name: value})


def _left_out(summary: str) -> Parameter:
    return Parameter(summary=f"left out: {summary}")


def _refused(why: str, *harmless: Any) -> Parameter:
    return Parameter(summary=f"{_rejected(harmless)}: {why}", harmless=harmless, why=why)


def _providers_own(*harmless: Any) -> Parameter:
    why = "not a parameter of the Responses API"
    summary = f"{_rejected(harmless)}: {why}; passed on if the operator allows it"
    return Parameter(summary=summary, harmless=harmless, why=why, may_be_allowed=True)


def _rejected(harmless: tuple[Any, ...]) -> str:
    values = " or ".join(f"`{json.dumps(value)}`" for value in harmless)
    return f"rejected unless it is {values}" if values else "rejected"


def _cap(name: str) -> Parameter:
    def convert(value: Any) -> dict[str, Any]:
        if not is_cap(value):
            raise malformed(name, f"a whole number above 0 and below {MAX_TOKENS}")
        return {"max_output_tokens": max(value, _LEAST_CAP)}

    return Parameter(summary=f"becomes `max_output_tokens`, at least {_LEAST_CAP}", convert=convert)


_LEAST_CAP: Final = 16
"""OpenAI's Responses API takes no lower one. Graders ask for less, but answers that were cut off never count here."""
_ONE_ANSWER: Final = "a generation has one answer: write a line for each"
PARAMETERS: Final[Mapping[str, Parameter]] = {
    "messages": Parameter(summary="becomes `input`; a system message at the beginning becomes `instructions`"),
    "model": _passed("model"),
    "max_completion_tokens": _cap("max_completion_tokens"),
    "max_tokens": _cap("max_tokens"),
    "temperature": _passed("temperature"),
    "top_p": _passed("top_p"),
    "response_format": Parameter(summary="becomes `text.format`", convert=converted_format),
    "verbosity": Parameter(summary="becomes `text.verbosity`", convert=lambda value: {"text": {"verbosity": value}}),
    "reasoning_effort": Parameter(
        summary="becomes `reasoning.effort`", convert=lambda value: {"reasoning": {"effort": value}}
    ),
    "tools": Parameter(summary="converted; only if the operator allows it", convert=converted_tools),
    "tool_choice": Parameter(
        summary="converted; only if the operator allows it; `auto` without tools is left out", convert=converted_choice
    ),
    "parallel_tool_calls": _passed("parallel_tool_calls"),
    "metadata": _passed("metadata"),
    "service_tier": _passed("service_tier"),
    "prompt_cache_key": _passed("prompt_cache_key"),
    "safety_identifier": _passed("safety_identifier"),
    "prompt_cache_options": _asked_for("prompt_cache_options"),
    "prompt_cache_retention": _asked_for("prompt_cache_retention"),
    "seed": _providers_own(),
    "stop": _providers_own([]),
    "frequency_penalty": _providers_own(0),
    "presence_penalty": _providers_own(0),
    "logit_bias": _providers_own({}),
    "user": _left_out("it says nothing to the model"),
    "prediction": _left_out("it changes the speed only"),
    "stream": _left_out("the answer comes in one piece"),
    "stream_options": _left_out("the answer comes in one piece"),
    "store": _left_out("set by Backburner, whatever the line says"),
    "n": _refused(_ONE_ANSWER, 1),
    "logprobs": _refused("chat answers are written without them", False),
    "top_logprobs": _refused("chat answers are written without them", 0),
    "modalities": _refused("answers are texts", ["text"]),
    "audio": _refused("answers are texts"),
    "web_search_options": _refused("a line for `/v1/responses` may have the tool `web_search`"),
    "moderation": _refused("chat answers are written without it"),
    "functions": _refused("deprecated there: use `tools`", []),
    "function_call": _refused("deprecated there: use `tool_choice`", "none", "auto"),
}
"""All parameters of the Chat Completions API. Others are treated by name, like those of Responses lines."""

_OF_RESPONSES: Final = frozenset({"input", "instructions", "max_output_tokens", "reasoning", "text"})
"""Parameters that the conversion sets itself: given as well, they would contradict the messages."""


def responses_body(chat: Mapping[str, Any], also_allowed: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The same request for the Responses API. Raises `ChatLineError`.

    Whether the line may have these parameters is not checked here; `also_allowed` is only used for parameters that a
    provider adds to the API.
    """
    wanted = chat.get("response_format")
    is_json_mode = isinstance(wanted, dict) and wanted.get("type") == "json_object"
    body = converted_messages(chat.get("messages") or [], keeps_system=is_json_mode)
    for name, value in chat.items():
        if name == "messages" or value is None:
            continue
        for inner, made in _converted(name, value, also_allowed).items():
            if inner == "max_output_tokens" and body.get(inner, made) != made:
                raise malformed(name, "the same as the other bound on tokens, or only one of the two")
            body[inner] = body.get(inner, {}) | made if inner == "text" else made
    return body


def _converted(name: str, value: Any, also_allowed: frozenset[str]) -> dict[str, Any]:
    """The parameters that one parameter becomes."""
    if name in _OF_RESPONSES:
        raise unsupported(name, "a parameter of /v1/responses, in a body for /v1/chat/completions")
    parameter = PARAMETERS.get(name)
    if parameter is None:  # the provider's own: allowed by its name, as in any line
        return {name: value}
    if parameter.convert is not None:
        return parameter.convert(value)
    if not parameter.why or any(_is_same(value, one) for one in parameter.harmless):
        return {}
    if parameter.may_be_allowed and {name, ALL_PARAMETERS} & also_allowed:
        return {name: value}
    remedy = (
        ", unless the provider takes it and BACKBURNER_LINE_PARAMETERS names it" if parameter.may_be_allowed else ""
    )
    raise unsupported(name, f"{parameter.why}{remedy}")


def _is_same(value: Any, harmless: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    return isinstance(value, bool) is isinstance(harmless, bool) and bool(value == harmless)


__all__ = ["PARAMETERS", "ChatLineError", "Parameter", "responses_body"]
