"""What came of a call to the provider: its reply as an answer, or the failed call for an error without a reply."""

import json
import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from backburner.errors import BackburnerError, ConfigError
from backburner.provider.answers import UNSENDABLE, UNUSABLE_KEY, Answer, FailedCall
from backburner.provider.reading import failed_call_of, generation_of, hint_s, whole

if TYPE_CHECKING:
    from httpx2 import Response

_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_JSON = json.JSONDecoder(parse_int=whole)
_MAX_WORDS = 50_000
"""How much of an answer is read if it is not JSON."""


def answer_of(
    status: int, headers: Mapping[str, str], content: bytes, *, called: str, secrets: Collection[str]
) -> Answer:
    """Read an answer; `headers` accepts names in any case."""
    body, retry_after_s = _read(content), seconds_of(headers.get("retry-after"))
    if not 200 <= status < 300:  # noqa: PLR2004
        return failed_call_of(status, body, retry_after_s, url=called, secrets=secrets)
    if not isinstance(body, dict):
        return _garbled("the answer is not a JSON object", retry_after_s)
    milliseconds = seconds_of(headers.get("openai-poll-after-ms"))
    after_s = retry_after_s if milliseconds is None else milliseconds / 1000
    generation = generation_of(body, after_s, secrets=secrets)
    if generation.id and generation.status:
        return generation
    if body.get("error"):  # some gateways put errors into successful answers
        error = failed_call_of(status, body, retry_after_s, secrets=secrets)
        return replace(error, status=None, is_garbled=True)
    return _garbled("the answer names no response id or status", retry_after_s)


def _garbled(message: str, retry_after_s: float | None) -> FailedCall:
    """A successful answer that says nothing."""
    return FailedCall(status=None, message=message, is_garbled=True, retry_after_s=hint_s(retry_after_s))


def called_url(response: "Response") -> str:
    """The address that was called, without any secret in it."""
    url = response.request.url
    return f"{response.request.method} {url.scheme}://{url.netloc.decode().rpartition('@')[2]}{url.path}"


def _read(content: bytes) -> Any:
    """The content as JSON, however odd its numbers and letters, or else as text, such as a proxy's error."""
    try:
        text = content.decode(json.detect_encoding(content), errors="replace")
    except (LookupError, ValueError):
        return None
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return text[:_MAX_WORDS]


def late(limit_s: float) -> FailedCall:
    """A call without a whole reply in time."""
    return FailedCall(status=None, message=f"no whole answer within {limit_s:g} s")


def keyless(error: BackburnerError) -> FailedCall:
    """A call that could not be made without a usable key; nothing is wrong with the document."""
    if isinstance(error, ConfigError):
        return FailedCall(status=_UNAUTHORIZED, sent=False, code=UNUSABLE_KEY, message=str(error))
    return FailedCall(status=None, sent=False, message=f"no answer: {type(error).__name__}")


def unanswered(error: Exception) -> FailedCall:
    """The failed call for an error without an answer."""
    from openai import APIConnectionError, OpenAIError  # noqa: PLC0415

    from backburner.adapters.sdk_transport import no_answer  # noqa: PLC0415

    cause = error.__cause__ if isinstance(error, APIConnectionError) and error.__cause__ else error
    if isinstance(cause, BackburnerError):
        return keyless(cause)
    if (failure := no_answer(error)) is not None:
        return FailedCall(status=None, sent=failure.is_sent, message=f"no answer: {failure.name}")
    if isinstance(error, APIConnectionError):
        return FailedCall(status=None, message=f"no answer: {type(cause).__name__}")
    if isinstance(error, OpenAIError):
        return FailedCall(status=None, message=f"no readable answer: {type(error).__name__}")
    why = f"the request cannot be sent: {type(error).__name__}"
    return FailedCall(status=_BAD_REQUEST, code=UNSENDABLE, message=why)


def seconds_of(value: str | None) -> float | None:
    """How many seconds a `Retry-After` asks for, as a number or until a date; None if it says neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
