"""Gives the verdict on every answer: the table in DESIGN section 6 as one total function."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from backburner.errors import Reason
from backburner.provider.answers import OURS, Answer, FailedCall, Generation
from backburner.provider.error_kinds import ErrorKind, kind_of


class Call(StrEnum):
    """The call that was made."""

    CREATE = "create"
    RETRIEVE = "retrieve"


class Act(StrEnum):
    """What to do about an answer."""

    POLL = "poll"  # nothing is decided yet: poll again later
    COMMIT = "commit"  # its text is the result
    RETRY = "retry"  # a new generation by way of the backlog; after the last attempt, fail with the reason
    ENLARGE = "enlarge"  # once more with a doubled cap; after that, fail
    LOST = "lost"  # like retry, but the old generation may still be running
    FAIL = "fail"  # for good
    PAUSE = "pause"  # the provider refuses all calls: fail nothing, probe once a minute
    PAUSE_MODEL = "pause_model"  # the same for one model
    WAIT = "wait"  # create only: nothing was started, no attempt is used
    AMBIGUOUS = "ambiguous"  # create only: it may have been started, its id is unknown
    SPLIT = "split"  # the document is too long for the model


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an answer means. `reason` is used if the run fails, now or after its last attempt; `after_s` is a hint.

    `message` has the provider's own words, for the error record only. `brief` has only words that cannot come from a
    document; it is used in logs and for pauses.
    """

    act: Act
    reason: Reason | None = None
    message: str = ""
    brief: str = field(default="", compare=False)
    after_s: float | None = None


REJECTED = frozenset(
    {
        "invalid_prompt",
        "invalid_request_error",
        "invalid_request",
        "bio_policy",
        "misalignment_policy_violation",
        "data_residency_mismatch",
        "image_content_policy_violation",
    }
)
"""Codes of a `failed` generation whose request would fail again (openai 3.54, `ResponseError.code`)."""

ABSENT = frozenset({400, 404, 405, 410, 422})
"""Statuses of a retrieve that mean there is no such generation; believed only after being repeated."""
UNAUTHORIZED, _PAYMENT_REQUIRED, _FORBIDDEN = 401, 402, 403
_TIMED_OUT, _TOO_MANY, _SERVER_ERROR, _NOT_IMPLEMENTED, _UNAVAILABLE = 408, 429, 500, 501, 503
_REJECTING = frozenset({400, 404, 405, 413, 422})
_STOPPING_STATUSES: dict[int | None, Act] = {
    UNAUTHORIZED: Act.PAUSE,
    _PAYMENT_REQUIRED: Act.PAUSE,
    _FORBIDDEN: Act.PAUSE_MODEL,
}
_STOPPING = frozenset({ErrorKind.NO_STORE, ErrorKind.NO_ENDPOINT})
_MAX_BRIEF_CHARS = 300
_EXPLAINED = {
    ErrorKind.QUOTA: "quota or billing is exhausted",
    ErrorKind.NO_STORE: "it keeps no responses: start it with its store (vLLM: VLLM_ENABLE_RESPONSES_API_STORE=1)",
    ErrorKind.NO_BACKGROUND: "it has no background mode",
    ErrorKind.NO_ENDPOINT: "no Responses API answers at this address: check OPENAI_BASE_URL, which usually ends in /v1",
    ErrorKind.MODEL_DENIED: "this key may not use this model",
}
_QUOTABLE = frozenset({ErrorKind.QUOTA, ErrorKind.NO_STORE, ErrorKind.NO_BACKGROUND, ErrorKind.NO_ENDPOINT})
"""Kinds of errors whose messages are the service's own, whatever was sent."""


def judge(
    answer: Answer,
    call: Call,
    *,
    schema_problem: str = "",
    quote_problem: str = "",
    young: bool = False,
    cancelled_for: Reason | None = None,
    cap: int | None = None,
    overdue: bool = False,
) -> Verdict:
    """Judge an answer.

    `schema_problem` says why the text does not fit the recipe's schema ("" if it does or there is none),
    `quote_problem` which of its quotes are not in the document. `young`: an absence is not believed yet.
    `cancelled_for`: why we asked the provider to cancel, if we did. `cap`: the cap of output tokens that was sent.
    `overdue`: the deadline passed a day ago.
    """
    kind = kind_of(answer)
    verdict = _judged(answer, call, kind, schema_problem, young=young, cancelled_for=cancelled_for, cap=cap)
    if quote_problem and verdict.act is Act.COMMIT:
        verdict = Verdict(act=Act.RETRY, reason=Reason.UNVERIFIED_QUOTE, message=quote_problem)
    if overdue and verdict.act is Act.POLL and isinstance(answer, FailedCall) and _is_answer(answer):
        verdict = replace(
            verdict, act=Act.FAIL, reason=Reason.PROVIDER_FAILED, message=f"never readable: {_said(answer)}"
        )
    return replace(verdict, brief=_brief(answer, kind))


def _judged(
    answer: Answer,
    call: Call,
    kind: ErrorKind,
    schema_problem: str,
    *,
    young: bool,
    cancelled_for: Reason | None,
    cap: int | None,
) -> Verdict:
    if stop := _stop(answer, call, kind):
        return Verdict(act=stop, message=_said(answer), after_s=_hint(answer))
    match answer:
        case Generation():
            return _of_generation(answer, kind, schema_problem, cancelled_for, cap)
        case FailedCall():
            if call is Call.CREATE:
                return _of_create(answer, kind)
            return _of_retrieve(answer, young=young, cancelled_for=cancelled_for)
        case _:
            assert_never(answer)


def _stop(answer: Answer, call: Call, kind: ErrorKind) -> Act | None:
    """The pause that an answer calls for, of all models or of this one, because nothing is wrong with the document."""
    if isinstance(answer, Generation):
        return Act.PAUSE if answer.known_status == "failed" and kind is ErrorKind.QUOTA else None
    is_create = call is Call.CREATE
    if kind is ErrorKind.MODEL_DENIED or (is_create and kind is ErrorKind.NO_BACKGROUND):
        return Act.PAUSE_MODEL
    if kind is ErrorKind.QUOTA or (is_create and kind in _STOPPING):
        return Act.PAUSE
    if is_create and answer.status == _NOT_IMPLEMENTED:
        return Act.PAUSE
    return _STOPPING_STATUSES.get(answer.status)


def _of_generation(
    answer: Generation, kind: ErrorKind, schema_problem: str, cancelled_for: Reason | None, cap: int | None
) -> Verdict:
    match answer.known_status:
        case "completed" if cancelled_for is not Reason.CANCELLED:
            return _of_completed(answer, schema_problem, cap)
        case _ if cancelled_for is not None:
            message = f"cancelled; the provider said {answer.status!r}"
            return Verdict(act=Act.FAIL, reason=cancelled_for, message=message)
        case "incomplete":
            return _of_incomplete(answer)
        case "failed":
            return _of_failed(answer, kind)
        case "cancelled":
            message = f"the provider said {answer.status!r}"
            return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=message)
        case _:  # queued, in progress, or an undocumented word: it may still end
            return Verdict(act=Act.POLL, after_s=answer.poll_after_s)


def _of_completed(answer: Generation, schema_problem: str, cap: int | None) -> Verdict:
    if answer.refusal:
        return Verdict(act=Act.FAIL, reason=Reason.REFUSED, message="the model refused: see partial_text")
    if answer.incomplete_reason:
        return _of_incomplete(answer)
    if answer.has_hit(cap):
        return _cut_off("reported as completed, but cut off")
    if not answer.text.strip():
        return Verdict(act=Act.RETRY, reason=Reason.EMPTY_OUTPUT, message="completed without any text")
    if schema_problem:
        return Verdict(act=Act.RETRY, reason=Reason.SCHEMA_MISMATCH, message=schema_problem)
    return Verdict(act=Act.COMMIT)


def _cut_off(message: str) -> Verdict:
    return Verdict(act=Act.ENLARGE, reason=Reason.OUTPUT_TRUNCATED, message=message)


def _of_incomplete(answer: Generation) -> Verdict:
    match answer.incomplete_reason:
        case "max_output_tokens":
            return _cut_off("the output reached its cap of tokens")
        case "content_filter":
            return Verdict(act=Act.FAIL, reason=Reason.CONTENT_FILTER, message="stopped by the provider's filter")
        case other:
            return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=f"incomplete, {other or 'no reason'}")


def _of_failed(answer: Generation, kind: ErrorKind) -> Verdict:
    if kind is ErrorKind.TOO_LONG:
        return Verdict(act=Act.SPLIT, reason=Reason.DOCUMENT_TOO_LARGE, message=_said(answer))
    if kind is ErrorKind.NO_VISION:
        return _blind(_said(answer))
    if answer.error_code in REJECTED:
        return Verdict(act=Act.FAIL, reason=Reason.REJECTED_BY_PROVIDER, message=_said(answer))
    return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=_said(answer), after_s=answer.poll_after_s)


def _of_retrieve(answer: FailedCall, *, young: bool, cancelled_for: Reason | None) -> Verdict:
    message, after_s = _said(answer), answer.retry_after_s
    if answer.status not in ABSENT:
        return Verdict(act=Act.POLL, message=message, after_s=after_s)
    if cancelled_for is not None:
        return Verdict(act=Act.FAIL, reason=cancelled_for, message=message)
    if young:
        return Verdict(act=Act.POLL, message=message)
    return Verdict(act=Act.LOST, reason=Reason.LOST, message=message)


def _of_create(answer: FailedCall, kind: ErrorKind) -> Verdict:
    message, after_s, status = _said(answer), answer.retry_after_s, answer.status
    if kind is ErrorKind.TOO_LONG:
        return Verdict(act=Act.SPLIT, reason=Reason.DOCUMENT_TOO_LARGE, message=message)
    if kind is ErrorKind.NO_VISION and status is not None:
        return _blind(message)
    if kind is ErrorKind.RATE or not answer.sent or status in (_TOO_MANY, _UNAVAILABLE):
        return Verdict(act=Act.WAIT, message=message, after_s=after_s)
    if status in _REJECTING:
        return Verdict(act=Act.FAIL, reason=Reason.REJECTED_BY_PROVIDER, message=message)
    if status is None or status >= _SERVER_ERROR:
        return Verdict(act=Act.AMBIGUOUS, reason=Reason.PROVIDER_FAILED, message=message, after_s=after_s)
    return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=message, after_s=after_s)


def _blind(said: str) -> Verdict:
    """The model does not accept pictures: the same request would fail again."""
    remedy = "name a model that sees pictures, in the recipe or the line, or set input: text in the recipe"
    return Verdict(act=Act.FAIL, reason=Reason.VISION_UNSUPPORTED, message=f"{said}; {remedy}")


def _is_answer(answer: FailedCall) -> bool:
    """Whether the provider answered at all; an outage, however long, decides nothing."""
    if answer.is_garbled:
        return True
    return answer.status is not None and answer.status < _SERVER_ERROR and answer.status not in (_TIMED_OUT, _TOO_MANY)


def _said(answer: Answer) -> str:
    """The provider's code and message, for the error record."""
    if isinstance(answer, Generation):
        head, tail = answer.error_code, answer.error_message
    else:
        head, tail = _head(answer), answer.message
    return ": ".join(part for part in (head, tail) if part) or "no reason given"


def _head(answer: FailedCall) -> str:
    return f"HTTP {answer.status} {answer.code}".rstrip() if answer.status else answer.code


def _brief(answer: Answer, kind: ErrorKind) -> str:
    """A description of an answer without any word that may come from the document."""
    if isinstance(answer, Generation):
        return " ".join(filter(None, (loggable(answer.status), loggable(answer.error_code), _EXPLAINED.get(kind, ""))))
    code = loggable(answer.code)
    nothing = "a successful answer without a generation" if answer.is_garbled else answer.message or "no answer"
    head = " ".join(filter(None, (f"HTTP {answer.status}" if answer.status else nothing, code)))
    explained, called = _EXPLAINED.get(kind, ""), answer.url if kind is ErrorKind.NO_ENDPOINT else ""
    words = answer.message if kind in _QUOTABLE or code in OURS else ""
    return ": ".join(filter(None, (head, called, explained, words)))[:_MAX_BRIEF_CHARS]


def loggable(word: str) -> str:
    """A code or status for logs: the word itself, or a remark that it is not a plain word."""
    return word if not word or re.fullmatch(r"[\w.:-]{1,64}", word, re.ASCII) else "(no word)"


def _hint(answer: Answer) -> float | None:
    return answer.retry_after_s if isinstance(answer, FailedCall) else answer.poll_after_s
