"""Finds what an error is about, for any provider: by a table of codes, and by a table of words for unknown codes.

A code is always believed. Words count for less, because some services repeat the document in their errors: words pause
the provider only if the status already shows that the document is not at fault. Every pattern stands for a recorded
answer; the tests have one of each.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from backburner.provider.answers import Answer, FailedCall, Generation


class ErrorKind(StrEnum):
    """What an error is about, as far as that changes what is done."""

    TOO_LONG = "too_long"
    """Input, or input and output together, exceed the model's window."""
    QUOTA = "quota"
    """Money or a quota is used up; a person must act in the provider's console."""
    RATE = "rate"
    """Too many calls or tokens at a time."""
    UNKNOWN_MODEL = "unknown_model"
    MODEL_DENIED = "model_denied"
    """This key may not use this model."""
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    NO_BACKGROUND = "no_background"
    """The service or the model has no background mode."""
    NO_STORE = "no_store"
    """The service, as configured, does not store responses (vLLM)."""
    NO_ENDPOINT = "no_endpoint"
    """There is no Responses API at that address."""
    NO_VISION = "no_vision"
    """The model does not accept pictures."""
    REJECTED = "rejected"
    """The same request would be refused again."""
    OTHER = "other"


_CODES: Final[Mapping[str, ErrorKind]] = MappingProxyType(
    {
        "context_length_exceeded": ErrorKind.TOO_LONG,
        "context_window_exceeded": ErrorKind.TOO_LONG,
        "contextwindowexceedederror": ErrorKind.TOO_LONG,
        "exceed_context_size_error": ErrorKind.TOO_LONG,
        "prompt_too_long": ErrorKind.TOO_LONG,
        "insufficient_quota": ErrorKind.QUOTA,
        "quota_exceeded": ErrorKind.QUOTA,
        "billing_hard_limit_reached": ErrorKind.QUOTA,
        "billing_not_active": ErrorKind.QUOTA,
        "payment_required": ErrorKind.QUOTA,
        "credit_balance_exhausted": ErrorKind.QUOTA,
        "budget_exceeded": ErrorKind.QUOTA,
        "rate_limit_exceeded": ErrorKind.RATE,
        "throttling_error": ErrorKind.RATE,
        "ratelimiterror": ErrorKind.RATE,
        "resource_exhausted": ErrorKind.RATE,
        "overloaded": ErrorKind.RATE,
        "model_not_found": ErrorKind.UNKNOWN_MODEL,
        "deploymentnotfound": ErrorKind.UNKNOWN_MODEL,
        "key_model_access_denied": ErrorKind.MODEL_DENIED,
        "team_model_access_denied": ErrorKind.MODEL_DENIED,
        "user_model_access_denied": ErrorKind.MODEL_DENIED,
        "unsupported_parameter": ErrorKind.UNSUPPORTED_PARAMETER,
        "unknown_parameter": ErrorKind.UNSUPPORTED_PARAMETER,
        "unsupported_value": ErrorKind.UNSUPPORTED_PARAMETER,
        "invalid_prompt": ErrorKind.REJECTED,
        "bio_policy": ErrorKind.REJECTED,
        "misalignment_policy_violation": ErrorKind.REJECTED,
        "data_residency_mismatch": ErrorKind.REJECTED,
        "image_content_policy_violation": ErrorKind.REJECTED,
        "content_filter": ErrorKind.REJECTED,
    }
)
EXHAUSTED: Final = frozenset(code for code, kind in _CODES.items() if kind is ErrorKind.QUOTA)
"""Codes that mean the money has run out, whatever the status: a pause, never a failure."""

_WORDS: Final[tuple[tuple[ErrorKind, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for kind, pattern in (
        (ErrorKind.NO_STORE, r"store=true\W.{0,30}not supported"),
        (ErrorKind.NO_BACKGROUND, r"background(?!:).{0,60}(not (yet )?(supported|implemented|available)|unsupported)"),
        (ErrorKind.NO_BACKGROUND, r"(not support|unsupported|not implemented).{0,40}\bbackground\b"),
        (ErrorKind.NO_VISION, r"\b(image_url|input_image)\b.{0,20}only supported (by|for|with)"),
        (ErrorKind.NO_VISION, r"not support (image|vision|picture|multimodal|visual)"),
        (ErrorKind.NO_VISION, r"not an? (multi-?modal|vision) model|no endpoints found that support image"),
        (ErrorKind.NO_VISION, r"(image|vision|multimodal) (inputs? |content )?(is|are) not supported"),
        (ErrorKind.TOO_LONG, r"at most \d+ image\(s\) may be provided|too many images"),
        (ErrorKind.TOO_LONG, r"maximum (context|model) length"),
        (
            ErrorKind.TOO_LONG,
            r"exceed\w*.{0,60}\b(context|token) (window|size|length|limit)|exceeds? the maximum number of",
        ),
        (ErrorKind.TOO_LONG, r"\bcontext (window|size|length)\b.{0,60}exceed"),
        (
            ErrorKind.TOO_LONG,
            r"number of input tokens must be no more than|text length is \d+, which is outside the range",
        ),
        (ErrorKind.TOO_LONG, r"(prompt|input) is too long|contextwindowexceeded"),
        (ErrorKind.TOO_LONG, r"`inputs` (tokens \+ `max_new_tokens` must be <=|must have less than \d+ tokens)"),
        (ErrorKind.RATE, r"rate quota limit exceed|gauge quota limit exceed|rate limit (reached|exceeded)|throttling"),
        (
            ErrorKind.QUOTA,
            r"budget has been exceeded|exceeded your current quota|billing account|insufficient (funds|credits)",
        ),
        (
            ErrorKind.UNKNOWN_MODEL,
            r"invalid model_uri|failed to get model|invalid model name|model\b.{0,200}(does not exist|not found)",
        ),
        (
            ErrorKind.UNSUPPORTED_PARAMETER,
            r"unsupported param|unrecognized request argument|does not support parameters",
        ),
    )
)
_REFUSES_ALL: Final = (402, 403, 429)
"""Statuses about the key, not the document: only with these do words about money or rates count."""
_MAX_STOPPING_CHARS: Final = 300
"""A longer message may quote a document, so it pauses nothing."""
_ABSENT: Final = (404, 405)
_NOWHERE: Final = re.compile(
    r"invalid url\b.*|(404:? )?(page |file |resource |path )?not found\W*|cannot post /\S*|no route\b.*", re.IGNORECASE
)
"""How routers report an unknown path; none of it is about a model."""


def kind_of(answer: Answer) -> ErrorKind:
    """What an error is about."""
    if isinstance(answer, Generation):
        return _of_words(answer.error_code, answer.error_message, None)
    if answer.param == "store":
        return ErrorKind.NO_STORE
    if answer.param == "background":
        return ErrorKind.NO_BACKGROUND
    kind = _of_words(answer.code, answer.message, answer.status)
    if kind is ErrorKind.OTHER and answer.param.startswith("input") and answer.code == "string_above_max_length":
        return ErrorKind.TOO_LONG
    return ErrorKind.NO_ENDPOINT if kind is ErrorKind.OTHER and _is_nowhere(answer) else kind


def _of_words(code: str, words: str, status: int | None) -> ErrorKind:
    known = _CODES.get(code.casefold(), ErrorKind.OTHER)
    if known is not ErrorKind.OTHER:
        return known
    for kind, pattern in _WORDS:
        if _may_say(kind, words, status) and pattern.search(words):
            return kind
    return ErrorKind.OTHER


def _may_say(kind: ErrorKind, words: str, status: int | None) -> bool:
    match kind:
        case ErrorKind.QUOTA | ErrorKind.RATE:
            return status in _REFUSES_ALL
        case ErrorKind.NO_STORE | ErrorKind.NO_BACKGROUND | ErrorKind.NO_VISION:
            return len(words) <= _MAX_STOPPING_CHARS
        case _:
            return True


def _is_nowhere(answer: FailedCall) -> bool:
    """Whether a server does not know the path, rather than the API not knowing an object."""
    if answer.status not in _ABSENT or answer.code.casefold() in _CODES:
        return False
    return not answer.is_api_error or _NOWHERE.fullmatch(answer.message.strip()) is not None
