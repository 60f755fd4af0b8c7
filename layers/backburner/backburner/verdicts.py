"""The verdict on every answer: DESIGN section 6's table as one total function."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from backburner.answers import Answer, Generation, Trouble
from backburner.errors import Reason


class Call(StrEnum):
    """What was asked."""

    CREATE = "create"
    RETRIEVE = "retrieve"


class Act(StrEnum):
    """What to do about an answer."""

    POLL = "poll"  # nothing is decided yet: look again later
    COMMIT = "commit"  # its text is the result
    RETRY = "retry"  # a new generation through the backlog; out of attempts: fail with the reason
    ENLARGE = "enlarge"  # the same once more with a doubled cap, else fail
    LOST = "lost"  # like retry, and the old generation may still run somewhere
    FAIL = "fail"  # for good
    PAUSE = "pause"  # the provider refuses everybody: nothing is failed, try once a minute
    PAUSE_MODEL = "pause_model"  # the same, for its model only
    WAIT = "wait"  # create only: nothing was started, no attempt is used
    AMBIGUOUS = "ambiguous"  # create only: perhaps started, its id unknown
    SPLIT = "split"  # the document is too long for the model


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`reason` is the one to fail with, now or when attempts run out; `after_s` the provider's own hint."""

    act: Act
    reason: Reason | None = None
    message: str = ""
    after_s: float | None = None


EXHAUSTED = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded", "payment_required"}
)
"""Codes that say that money is out, whatever the status: a pause, never a failure."""

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
"""Codes of a `failed` generation that the same request would meet again (openai 3.54 `ResponseError.code`)."""

TOO_LONG = "context_length_exceeded"
_UNAUTHORIZED, _PAYMENT_REQUIRED, _FORBIDDEN = 401, 402, 403
_TIMED_OUT, _TOO_MANY, _SERVER_ERROR, _UNAVAILABLE = 408, 429, 500, 503
_REJECTING = frozenset({400, 404, 405, 413, 422})


def judge(
    answer: Answer,
    call: Call,
    *,
    schema_problem: str = "",
    young: bool = False,
    cancelled_for: Reason | None = None,
) -> Verdict:
    """Say what an answer means.

    `schema_problem` is why the text does not fit the recipe's schema ("" if it does or there is none); `young`: created
    less than 60 s ago; `cancelled_for`: why we asked the provider to cancel, as the record says, if we did.
    """
    if _is_exhausted(answer):
        return Verdict(act=Act.PAUSE, message=_said(answer), after_s=_hint(answer))
    match answer:
        case Generation():
            return _of_generation(answer, schema_problem, cancelled_for)
        case Trouble():
            if call is Call.CREATE:
                return _of_create(answer)
            return _of_retrieve(answer, young=young, cancelled_for=cancelled_for)
        case _:
            assert_never(answer)


def _is_exhausted(answer: Answer) -> bool:
    if isinstance(answer, Generation):
        return answer.status == "failed" and answer.error_code in EXHAUSTED
    return answer.status in (_UNAUTHORIZED, _PAYMENT_REQUIRED) or answer.code in EXHAUSTED


def _of_generation(answer: Generation, schema_problem: str, cancelled_for: Reason | None) -> Verdict:
    match answer.status:
        case "completed" if cancelled_for is not Reason.CANCELLED:
            return _of_completed(answer, schema_problem)
        case _ if cancelled_for is not None:
            return Verdict(act=Act.FAIL, reason=cancelled_for, message=f"cancelled; the provider said {answer.status}")
        case "queued" | "in_progress":
            return Verdict(act=Act.POLL, after_s=answer.poll_after_s)
        case "incomplete":
            return _of_incomplete(answer)
        case "failed":
            return _of_failed(answer)
        case _:
            return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=f"the provider said {answer.status!r}")


def _of_completed(answer: Generation, schema_problem: str) -> Verdict:
    if answer.refusal:
        return Verdict(act=Act.FAIL, reason=Reason.REFUSED, message="the model refused: see partial_text")
    if not answer.text.strip():
        return Verdict(act=Act.RETRY, reason=Reason.EMPTY_OUTPUT, message="completed without any text")
    if schema_problem:
        return Verdict(act=Act.RETRY, reason=Reason.SCHEMA_MISMATCH, message=schema_problem)
    return Verdict(act=Act.COMMIT)


def _of_incomplete(answer: Generation) -> Verdict:
    match answer.incomplete_reason:
        case "max_output_tokens":
            return Verdict(act=Act.ENLARGE, reason=Reason.OUTPUT_TRUNCATED, message="the output met its cap of tokens")
        case "content_filter":
            return Verdict(act=Act.FAIL, reason=Reason.CONTENT_FILTER, message="stopped by the provider's filter")
        case other:
            return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=f"incomplete, {other or 'no reason'}")


def _of_failed(answer: Generation) -> Verdict:
    if answer.error_code == TOO_LONG:
        return Verdict(act=Act.SPLIT, reason=Reason.DOCUMENT_TOO_LARGE, message=_said(answer))
    if answer.error_code in REJECTED:
        return Verdict(act=Act.FAIL, reason=Reason.REJECTED_BY_PROVIDER, message=_said(answer))
    return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=_said(answer), after_s=answer.poll_after_s)


def _of_retrieve(answer: Trouble, *, young: bool, cancelled_for: Reason | None) -> Verdict:
    message, after_s = _said(answer), answer.retry_after_s
    match answer.status:
        case 403:
            return Verdict(act=Act.PAUSE_MODEL, message=message, after_s=after_s)
        case 404 if cancelled_for is not None:
            return Verdict(act=Act.FAIL, reason=cancelled_for, message=message)
        case 404 if young:
            return Verdict(act=Act.POLL, message=message)
        case 404:
            return Verdict(act=Act.LOST, reason=Reason.LOST, message=message)
        case status if status in (None, _TIMED_OUT, _TOO_MANY) or status >= _SERVER_ERROR:
            return Verdict(act=Act.POLL, message=message, after_s=after_s)
        case _:
            return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=message, after_s=after_s)


def _of_create(answer: Trouble) -> Verdict:
    message, after_s, status = _said(answer), answer.retry_after_s, answer.status
    if status == _FORBIDDEN:
        return Verdict(act=Act.PAUSE_MODEL, message=message, after_s=after_s)
    if answer.code == TOO_LONG and status in _REJECTING:
        return Verdict(act=Act.SPLIT, reason=Reason.DOCUMENT_TOO_LARGE, message=message)
    if status in _REJECTING:
        return Verdict(act=Act.FAIL, reason=Reason.REJECTED_BY_PROVIDER, message=message)
    if not answer.sent or status in (_TOO_MANY, _UNAVAILABLE):
        return Verdict(act=Act.WAIT, message=message, after_s=after_s)
    if status is None or status >= _SERVER_ERROR:
        return Verdict(act=Act.AMBIGUOUS, reason=Reason.PROVIDER_FAILED, message=message, after_s=after_s)
    return Verdict(act=Act.RETRY, reason=Reason.PROVIDER_FAILED, message=message, after_s=after_s)


def _said(answer: Answer) -> str:
    """The provider's own words, code first, for the record."""
    if isinstance(answer, Generation):
        head, tail = answer.error_code, answer.error_message
    else:
        head, tail = answer.code, answer.message
        head = f"HTTP {answer.status} {head}".rstrip() if answer.status else head
    return ": ".join(part for part in (head, tail) if part) or "no reason given"


def _hint(answer: Answer) -> float | None:
    return answer.retry_after_s if isinstance(answer, Trouble) else answer.poll_after_s
