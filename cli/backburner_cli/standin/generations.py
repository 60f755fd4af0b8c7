"""A generation: its answer is composed at its create, and shown when its time is over."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Final

from backburner_cli.standin.behaviours import Chosen, Ending
from backburner_cli.standin.calling import call_of
from backburner_cli.standin.extract import count_tokens, cut, cut_signed, signed, summarise
from backburner_cli.standin.eyes import picture_tokens, seen, unseen
from backburner_cli.standin.filling import UnfillableError, fill

_USUAL: Final = Ending()
_PREFIXES: Final = {"message": "msg", "function_call": "fc"}
"""Prefixes of the ids of items."""
_INVENTED: Final = (
    "The parties agree that 17 purple elephants are delivered on 30 February 2031. "
    "A penalty of 999,999 moon dollars is due at once. Notice is given by carrier pigeon within 77 days."
)
"""A sentence that is in no document."""
_REFUSAL: Final = "I cannot help with this document."


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a generation shows once its time is over."""

    status: str
    output: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None


@dataclass(kw_only=True)
class Generation:
    """One generation that was started. Times are seconds on the stand-in's clock."""

    id: str
    model: str
    input_sha256: str
    request: dict[str, Any]
    """The request as it is returned: without the input."""
    chosen: Chosen
    outcome: Outcome
    created_at: float
    runs_from: float
    ends_at: float
    epoch: float
    """What to add to a time to convert it to Unix seconds."""
    cancelled: bool = False
    """Whether a cancel was accepted."""
    deleted: bool = False
    input: str | None = None
    """The document, if the stand-in remembers documents."""

    def status(self, now: float) -> str:
        """Return the status at a time."""
        if self.cancelled:
            return self.outcome.status if self.chosen.behaviour.cancel_completes else "cancelled"
        if now >= self.ends_at:
            return self.outcome.status
        return "in_progress" if now >= self.runs_from else "queued"

    def is_open(self, now: float) -> bool:
        """Whether it takes up capacity at a time."""
        return self.status(now) in {"queued", "in_progress"}

    def view(self, now: float) -> dict[str, Any]:
        """Return the response object as the API shows it at a time."""
        status = self.status(now)
        over = self.outcome if status == self.outcome.status else Outcome(status=status)
        asked = self.request
        done_at = min(now, self.ends_at) + self.epoch if status == "completed" else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(self.created_at + self.epoch),
            "completed_at": done_at and int(done_at),
            "status": status,
            "background": bool(asked.get("background")),
            "error": over.error,
            "incomplete_details": over.incomplete_details,
            "instructions": asked.get("instructions"),
            "max_output_tokens": asked.get("max_output_tokens"),
            "max_tool_calls": asked.get("max_tool_calls"),
            "metadata": asked.get("metadata") or {},
            "model": self.model,
            "output": [
                {"id": f"{_PREFIXES[item['type']]}_{self.id.removeprefix('resp_')}", **item} for item in over.output
            ],
            "parallel_tool_calls": _given(asked, "parallel_tool_calls", True),
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **(asked.get("reasoning") or {})},
            "service_tier": _given(asked, "service_tier", "default").replace("auto", "default"),
            "store": _given(asked, "store", True),
            "temperature": _given(asked, "temperature", 1.0),
            "text": {"format": {"type": "text"}, **(asked.get("text") or {})},
            "tool_choice": asked.get("tool_choice", "auto"),
            "tools": asked.get("tools", []),
            "top_logprobs": asked.get("top_logprobs") or 0,
            "top_p": _given(asked, "top_p", 1.0),
            "truncation": _given(asked, "truncation", "disabled"),
            "usage": over.usage,
            "user": asked.get("user"),
        }


def _given(asked: dict[str, Any], name: str, otherwise: Any) -> Any:
    value = asked.get(name)
    return otherwise if value is None else value


def compose(request: dict[str, Any], text: str, ending: Ending | None) -> Outcome:
    """Write the answer to a request for an ending, within the request's cap of output tokens."""
    if ending is None and (called := _called(request, text)):
        return called
    ending = ending or _USUAL
    written, problem = _written(request, text, ending)
    cap = _given(request, "max_output_tokens", math.inf)
    capped = count_tokens(written) > cap
    if capped:
        written = _shortened(written, cap, is_json=_wants_json(request))
    reason = ending.reason or ("max_output_tokens" if capped else None)
    status = "failed" if problem else "incomplete" if capped else ending.status
    error = problem or (ending.error_code and _error(ending.error_code, "The stand-in was told to fail."))
    return Outcome(
        status=status,
        output=[] if problem or ending.text == "none" else [_message(written, ending, status)],
        error=error or None,
        incomplete_details={"reason": reason} if status == "incomplete" else None,
        usage=count_usage(request, text, written)
        if ending.has_usage and status.lower() in {"completed", "incomplete"}
        else None,
    )


def _called(request: dict[str, Any], text: str) -> Outcome | None:
    """The call of a function, if the request asks for one. A model that misbehaves makes no calls."""
    try:
        call = call_of(request, text)
    except UnfillableError:
        problem = _error("server_error", "The stand-in found nothing in the input that the function's schema allows.")
        return Outcome(status="failed", error=problem)
    if call is None:
        return None
    usage = count_usage(request, text, call["arguments"])
    return Outcome(status="completed", output=[call | {"status": "completed"}], usage=usage)


def count_usage(request: dict[str, Any], text: str, written: str) -> dict[str, Any]:
    """Count usage: instructions and input as input tokens, the text as output tokens, by the rule in `extract`."""
    tokens_in = count_tokens(request.get("instructions") or "") + count_tokens(unseen(text)) + picture_tokens(text)
    tokens_out = count_tokens(written)
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }


def _written(request: dict[str, Any], text: str, ending: Ending) -> tuple[str, dict[str, Any] | None]:
    """Return the text, and an error if none can be written."""
    match ending.text:
        case "none":
            return "", None
        case "blank":
            return " \n", None
        case "array":
            return "[]", None
        case "refusal":
            return signed(_REFUSAL), None
        case "invented":
            return _answered(request, _INVENTED, halve=False)
        case "extract" | "half":
            return _answered(request, text, halve=ending.text == "half")


def _answered(request: dict[str, Any], text: str, *, halve: bool) -> tuple[str, dict[str, Any] | None]:
    wanted = (request.get("text") or {}).get("format") or {}
    try:
        match wanted.get("type"):
            case "json_schema":
                whole = json.dumps(fill(wanted["schema"], text), ensure_ascii=False)
            case "json_object":
                whole = json.dumps({"summary": summarise(text)}, ensure_ascii=False)
            case _:
                whole = "\n\n".join([*seen(text), summarise(unseen(text))])
    except UnfillableError:
        return "", _error("server_error", "The stand-in found nothing in the input that the schema allows.")
    half = count_tokens(whole) // 2
    return (_shortened(whole, half, is_json=_wants_json(request)) if halve else whole), None


def _shortened(text: str, max_tokens: int, *, is_json: bool) -> str:
    return cut(text, max_tokens) if is_json else cut_signed(text, max_tokens)


def _wants_json(request: dict[str, Any]) -> bool:
    return ((request.get("text") or {}).get("format") or {}).get("type") in {"json_schema", "json_object"}


def _message(text: str, ending: Ending, status: str) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if ending.text == "refusal":
        content = {"type": "refusal", "refusal": text}
    return {
        "type": "message",
        "status": "completed" if status.lower() == "completed" and not ending.is_cut_off else "incomplete",
        "role": "assistant",
        "content": [content],
    }


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}
