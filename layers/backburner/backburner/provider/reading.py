"""Reads what a provider sends, here and nowhere else, and trusts none of it.

All numbers become finite, bounded and non-negative, all strings can be written as UTF-8, and the provider's messages
are shortened, with secrets masked. So everything that was read can be judged, counted, recorded and read back.
"""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from backburner.provider.answers import FailedCall, Generation, Usage, is_over
from backburner.provider.masking import masked

MAX_TOKENS = 10**12
"""More than any generation has; a larger count is the provider's mistake."""
MAX_HINT_S = 10.0**8
"""Three years; longer hints are reduced to this."""
MAX_MESSAGE_CHARS = 2000
MAX_WORD_CHARS = 100
"""The maximum length of a status, code or reason that is kept."""
MAX_ID_CHARS = 512
"""A longer id fits neither into a message nor a path, so nothing could be retrieved with it."""
_MAX_MODEL_CHARS = 300
_MAX_DEPTH = 100
_MAX_WHOLE = 2**63 - 1
_MAX_DIGITS = 18
_LATEST_S = 32_503_680_000
"""The year 3000 in Unix seconds; larger numbers are milliseconds, if they are times at all."""
_MILLISECONDS_FROM = 100_000_000_000
_MAX_PAGE_CHARS = 20_000
_MARKUP = re.compile(r"<(script|style)\b.*?(</\1>|\Z)|<[^>]*>?", re.DOTALL | re.IGNORECASE)
_GRPC_CODES = {
    3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND", 7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION", 12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE", 16: "UNAUTHENTICATED",
}  # fmt: skip
"""Yandex's older errors have these numbers as codes."""
_OF_A_PATH = (404, 405)


def generation_of(
    body: Mapping[str, Any], poll_after_s: float | None = None, secrets: Collection[str] = ()
) -> Generation:
    """Read the JSON of a response object. Never raises: unknown shapes become empty values."""
    error, incomplete = mapping_in(body.get("error")), mapping_in(body.get("incomplete_details"))
    messages = [item for item in map(mapping_in, list_in(body.get("output"))) if item.get("type") == "message"]
    contents = [part for item in messages for part in map(mapping_in, list_in(item.get("content")))]
    status = _text(body.get("status"))[:MAX_WORD_CHARS]
    return Generation(
        id=_id(body.get("id")),
        status=status,
        text="".join(_text(part.get("text")) for part in contents if part.get("type") == "output_text"),
        refusal="".join(_text(part.get("refusal")) for part in contents if part.get("type") == "refusal"),
        model=_text(body.get("model"))[:_MAX_MODEL_CHARS] or None,
        usage=_usage(body.get("usage")),
        error_code=code_of(error),
        error_message=_message(error.get("message"), secrets),
        incomplete_reason=_text(incomplete.get("reason"))[:MAX_WORD_CHARS],
        is_cut_off=any(item.get("status") == "incomplete" for item in messages),
        job=_text(mapping_in(body.get("metadata")).get("job_id"))[:MAX_WORD_CHARS],
        created_at=_time(body.get("created_at")),
        completed_at=_time(body.get("completed_at")),
        poll_after_s=hint_s(poll_after_s),
        body=mapping_in(plain(body)) if is_over(status) else {},
    )


def failed_call_of(
    status: int, body: object, retry_after_s: float | None = None, *, url: str = "", secrets: Collection[str] = ()
) -> FailedCall:
    """Read an HTTP error: in the API's shape `{"error": {...}}`, flat as gateways send it, or as plain text.

    Never raises.
    """
    flat = mapping_in(body)
    error = mapping_in(flat.get("error")) or mapping_in(flat.get("detail")) or flat
    said = [error.get("message"), flat.get("message"), flat.get("error"), flat.get("detail"), flat.get("msg"), body]
    message = next((words for words in (_message(_spoken(one), secrets) for one in said) if words), "")
    return FailedCall(
        status=status,
        code=code_of(error) or code_of(flat),
        message=message or f"HTTP {status}",
        param=_text(error.get("param"))[:MAX_WORD_CHARS],
        is_api_error=status not in _OF_A_PATH or bool({"error", "message", "code", "type", "errors"} & set(flat)),
        url=url,
        retry_after_s=hint_s(retry_after_s),
    )


def code_of(error: Mapping[str, Any]) -> str:
    """The error's code, or its type if the code is absent or a bare number (vLLM, Azure, gRPC)."""
    code, number = error.get("code"), error.get("grpcCode", error.get("code"))
    named = _text(code) if isinstance(code, str) and not code.isdigit() else ""
    word = named or _text(error.get("type")) or _text(error.get("error_type"))
    if not word and isinstance(number, int) and not isinstance(number, bool):
        word = _GRPC_CODES.get(number, "")
    return masked(word)[:MAX_WORD_CHARS]


def hint_s(seconds: float | None) -> float | None:
    """A usable hint: bounded and never negative; None if it is not a number."""
    if seconds is None or math.isnan(seconds):
        return None
    return min(MAX_HINT_S, max(0.0, float(seconds)))


def plain(value: Any, depth: int = 0) -> Any:
    """A JSON value that can be written in UTF-8: no lone surrogates, no infinities, no numbers beyond 64 bits."""
    match value:
        case str():
            return _text(value)
        case int() | float():
            return value if _is_writable(value) else None
        case Mapping() if depth < _MAX_DEPTH:
            return {_text(str(name)): plain(inner, depth + 1) for name, inner in value.items()}
        case list() if depth < _MAX_DEPTH:
            return [plain(inner, depth + 1) for inner in value]
        case _:
            return None


def _is_writable(number: float) -> bool:
    """Whether a number is an integer of at most 64 bits, or a finite float."""
    return math.isfinite(number) if isinstance(number, float) else abs(number) <= _MAX_WHOLE


def whole(digits: str) -> int | None:
    """A JSON integer; None if it has more digits than any real count."""
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _usage(value: object) -> Usage | None:
    """The usage, under the field names of either API; None if there is none: unknown is not zero."""
    counts = mapping_in(value)
    inputs = _count(counts, "input_tokens", "prompt_tokens")
    outputs = _count(counts, "output_tokens", "completion_tokens")
    total = _count(counts, "total_tokens")
    if inputs is outputs is total is None:
        return None
    added = (inputs or 0) + (outputs or 0)
    return Usage(input_tokens=inputs or 0, output_tokens=outputs or 0, total_tokens=max(total or 0, added))


def _count(counts: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = counts.get(name)
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            value = whole(value.strip())
        if (number := _whole(value)) is not None and number >= 0:
            return min(number, MAX_TOKENS)
    return None


def _time(value: object) -> int | None:
    """Unix seconds; milliseconds are converted, and anything else becomes None."""
    seconds = _whole(value)
    if seconds is not None and seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    return seconds if seconds is not None and 0 < seconds <= _LATEST_S else None


def _message(value: object, secrets: Collection[str]) -> str:
    """The provider's message, for the error record only: shortened, and without keys."""
    return masked(_text(value)[: 2 * MAX_MESSAGE_CHARS], secrets)[:MAX_MESSAGE_CHARS].strip()


def _spoken(value: object) -> str:
    """The text in an error's value: a string itself, the texts of a list's items, a web page without its tags."""
    match value:
        case str() if value.lstrip().startswith("<"):
            return " ".join(_MARKUP.sub(" ", value[:_MAX_PAGE_CHARS]).split())
        case str():
            return value
        case list():
            return "; ".join(filter(None, (_words(mapping_in(one).get("msg")) or _words(one) for one in value[:5])))
        case _:
            return ""


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping_in(value: object) -> Mapping[str, Any]:
    """A JSON object; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def list_in(value: object) -> list[Any]:
    """A JSON list; empty for anything else."""
    return value if isinstance(value, list) else []


def _id(value: object) -> str:
    """An id that can be retrieved, or "": it is never altered, since it would name another generation."""
    text = _text(value)
    is_usable = text == value and len(text) <= MAX_ID_CHARS and text.isprintable() and text.strip(". ")
    return text if is_usable else ""


def _text(value: object) -> str:
    """A string that can be written as UTF-8: lone surrogates, which JSON allows, become "?"."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MAX_WHOLE <= value <= _MAX_WHOLE:
        return None
    return int(value)
