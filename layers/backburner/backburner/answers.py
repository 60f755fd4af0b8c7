"""What a provider answers: a generation as it stands, or trouble. Both are values, for one function to judge."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one generation, or of all generations of a job."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
        )

    def subtracted_from(self, whole: "Usage") -> "Usage":
        """What is left of a whole."""
        return Usage(
            input_tokens=whole.input_tokens - self.input_tokens,
            output_tokens=whole.output_tokens - self.output_tokens,
            total_tokens=whole.total_tokens - self.total_tokens,
        )


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A response object, read without trusting it: whatever is missing or of another type is empty.

    `status` is verbatim and may be one that nobody documented. Times are unix seconds by the provider's clock.
    """

    id: str
    status: str
    text: str = ""
    refusal: str = ""
    model: str | None = None
    usage: Usage | None = None
    error_code: str = ""
    error_message: str = ""
    incomplete_reason: str = ""
    created_at: int | None = None
    completed_at: int | None = None
    poll_after_s: float | None = None
    body: Mapping[str, Any] = {}
    """As it came, for who passes it on whole."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """No generation in the answer: an HTTP error (`status`), or no answer at all (`status` None).

    `sent` is false only where it is certain that the request never reached the provider.
    """

    status: int | None
    sent: bool = True
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None


Answer = Generation | Trouble


def generation_of(body: Mapping[str, Any], poll_after_s: float | None = None) -> Generation:
    """Read the JSON of a response object. Never raises: unknown shapes come out empty."""
    error, incomplete = _mapping(body.get("error")), _mapping(body.get("incomplete_details"))
    contents = [
        part
        for item in _list(body.get("output"))
        if _mapping(item).get("type") == "message"
        for part in map(_mapping, _list(_mapping(item).get("content")))
    ]
    return Generation(
        id=_text(body.get("id")),
        status=_text(body.get("status")),
        text="".join(_text(part.get("text")) for part in contents if part.get("type") == "output_text"),
        refusal="".join(_text(part.get("refusal")) for part in contents if part.get("type") == "refusal"),
        model=_text(body.get("model")) or None,
        usage=_usage(body.get("usage")),
        error_code=code_of(error),
        error_message=_text(error.get("message")),
        incomplete_reason=_text(incomplete.get("reason")),
        created_at=_whole(body.get("created_at")),
        completed_at=_whole(body.get("completed_at")),
        poll_after_s=poll_after_s,
        body=body,
    )


def trouble_of(status: int, body: object, retry_after_s: float | None = None) -> Trouble:
    """Read an HTTP error, in the API's own shape `{"error": {...}}` or flat as gateways send it. Never raises."""
    flat = _mapping(body)
    error = _mapping(flat.get("error")) or flat
    message = _text(error.get("message")) or _text(flat.get("error")) or f"HTTP {status}"
    return Trouble(status=status, code=code_of(error), message=message, retry_after_s=retry_after_s)


def code_of(error: Mapping[str, Any]) -> str:
    """The error's code, or its type where the code is absent or a bare number (vLLM, Azure)."""
    code = error.get("code")
    return code if isinstance(code, str) and not code.isdigit() else _text(error.get("type"))


def _usage(value: object) -> Usage | None:
    counts = _mapping(value)
    if not counts:
        return None
    inputs, outputs = _whole(counts.get("input_tokens")) or 0, _whole(counts.get("output_tokens")) or 0
    return Usage(
        input_tokens=inputs, output_tokens=outputs, total_tokens=_whole(counts.get("total_tokens")) or inputs + outputs
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """A string that can be written as UTF-8: half a character, as JSON can hold one, becomes "?"."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value)
