"""Decides what follows from an answer, in pure functions, for documents and lines of batches alike.

Both engines, `jobs` and `batch`, only carry the decisions out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from backburner.errors import Reason
from backburner.provider.answers import Answer, FailedCall, Generation
from backburner.provider.verdicts import ABSENT, UNAUTHORIZED, Act, Call, Verdict, judge

ABSENT_FOR_S = 120.0
"""How long the provider must have reported a generation as absent before that is believed."""
ABSENT_LOOK_S = 30.0
"""A generation reported as absent is polled again within this time."""
OVERDUE_S = 86_400.0
"""This long after the deadline, an answer that says nothing about the generation counts as the provider's failure."""


class Do(StrEnum):
    """What is to be done with a job's one generation, or a line's."""

    LOOK = "look"  # poll again later; nothing has ended
    FINISH = "finish"  # commit its text as the result
    AGAIN = "again"  # make another attempt after a delay
    PUT_BACK = "put_back"  # let it wait, without counting the attempt
    DIVIDE = "divide"  # cut it into parts; fail it if that is not possible
    FAIL = "fail"  # for good


class Stop(StrEnum):
    """What an answer pauses."""

    NOTHING = ""
    MODEL = "model"
    ALL_MODELS = "all models"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a decision needs to know about an attempt at a document or a line.

    `number` counts the generations begun, this one included, of at most `most`. `cap` is the bound on output tokens
    that was sent, `is_enlarged` whether it was doubled before, `is_cap_hard` whether it must never be. `age_s` and
    `deadline_s` are the generation's; `absent_s` is the age at which the provider first said that there is no such
    generation, if it still does.
    """

    number: int
    most: int
    cap: int | None = None
    is_enlarged: bool = False
    is_cap_hard: bool = False
    age_s: float = 0.0
    deadline_s: float = math.inf
    absent_s: float | None = None
    cancelled_for: Reason | None = None
    """Why the provider was asked to cancel it, if it was."""

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self.age_s > self.deadline_s


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do. `orphans` counts new suspected orphans; `cap` is a new cap of output tokens for the next attempt."""

    do: Do
    act: Act
    reason: Reason = Reason.PROVIDER_FAILED
    message: str = ""
    brief: str = ""
    after_s: float | None = None
    cap: int | None = None
    orphans: int = 0
    stop: Stop = Stop.NOTHING
    any_call_lifts: bool = False
    """Whether the pause ends with any call that is accepted, not only with a create."""
    is_bad: bool = False
    """Whether it counts towards the failed creates in a row that pause the provider."""


_DO = {
    Act.POLL: Do.LOOK,
    Act.COMMIT: Do.FINISH,
    Act.WAIT: Do.PUT_BACK,
    Act.PAUSE: Do.PUT_BACK,
    Act.PAUSE_MODEL: Do.PUT_BACK,
    Act.SPLIT: Do.DIVIDE,
    Act.FAIL: Do.FAIL,
    Act.ENLARGE: Do.FAIL,
}
_STOPS = {Act.PAUSE: Stop.ALL_MODELS, Act.PAUSE_MODEL: Stop.MODEL}


def decided(
    answer: Answer,
    call: Call,
    attempt: Attempt,
    schema_problem: str = "",
    quote_problem: str = "",
    *,
    any_output_counts: bool = False,
) -> Decision:
    """Decide what to do about an answer.

    `schema_problem` says why its text does not fit the recipe's schema, "" if it does; `quote_problem`, which of its
    quotes are not in the document. With `any_output_counts` an answer without text is still a result if it has other
    output, such as a tool call.
    """
    verdict = judge(
        answer,
        call,
        schema_problem=schema_problem,
        quote_problem=quote_problem,
        young=not is_believed(attempt.age_s, attempt.absent_s),
        cancelled_for=attempt.cancelled_for,
        cap=attempt.cap,
        overdue=attempt.age_s > attempt.deadline_s + OVERDUE_S,
    )
    if any_output_counts and verdict.reason is Reason.EMPTY_OUTPUT and _has_other_output(answer):
        verdict = Verdict(act=Act.COMMIT)
    return decide(verdict, answer, call, attempt)


def decide(verdict: Verdict, answer: Answer, call: Call, attempt: Attempt) -> Decision:
    """Decide what to do after a verdict."""
    act = verdict.act
    is_refused = call is Call.CREATE and isinstance(answer, FailedCall)
    decision = Decision(
        do=_DO.get(act, Do.AGAIN),
        act=act,
        reason=verdict.reason or Reason.PROVIDER_FAILED,
        message=verdict.message,
        brief=verdict.brief,
        after_s=verdict.after_s,
        orphans=int(act in (Act.LOST, Act.AMBIGUOUS)),
        stop=_STOPS.get(act, Stop.NOTHING),
        any_call_lifts=_lifted_by_any(call, answer),
        is_bad=act in (Act.WAIT, Act.AMBIGUOUS) or (is_refused and act is Act.RETRY),
    )
    if attempt.is_enlarged and (act is Act.SPLIT or (is_refused and act is Act.FAIL)):  # half the cap was accepted
        message = f"the doubled cap was refused: {verdict.message}"
        return replace(decision, do=Do.FAIL, reason=Reason.OUTPUT_TRUNCATED, message=message)
    if decision.stop and call is Call.RETRIEVE and isinstance(answer, FailedCall):
        return replace(decision, do=Do.LOOK)  # it was not about the generation, which runs on
    is_last = attempt.number >= attempt.most
    if act is Act.ENLARGE and attempt.cap is not None and attempt.is_cap_hard:
        return replace(decision, message=f"{verdict.message}: its own bound of {attempt.cap} tokens is never raised")
    if act is Act.ENLARGE and attempt.cap is not None and not attempt.is_enlarged and not is_last:
        return replace(decision, do=Do.AGAIN, cap=2 * attempt.cap)
    return replace(decision, do=Do.FAIL) if is_last and decision.do is Do.AGAIN else decision


def is_believed(age_s: float, absent_s: float | None) -> bool:
    """Whether a generation reported as absent since its age `absent_s` is now believed to be lost."""
    return absent_s is not None and age_s - absent_s >= ABSENT_FOR_S


def absent_since(answer: Answer, age_s: float, absent_s: float | None) -> float | None:
    """The age at which a generation was first reported as absent, after another answer that has not ended it.

    An answer about the generation resets it; an outage or an answer that says nothing leaves it unchanged.
    """
    if isinstance(answer, Generation):
        return None
    if answer.status in ABSENT and absent_s is None:
        return round(age_s, 1)
    return absent_s


def _has_other_output(answer: Answer) -> bool:
    """Whether a completed answer without text has other output."""
    output = answer.body.get("output") if isinstance(answer, Generation) else None
    items = [item for item in output if isinstance(item, Mapping)] if isinstance(output, list) else []
    return any(item.get("type") not in ("message", "reasoning", None) for item in items)


def _lifted_by_any(call: Call, answer: Answer) -> bool:
    """An accepted retrieve shows that the key is good and retrieves work; it shows nothing about creates."""
    return call is Call.RETRIEVE or (isinstance(answer, FailedCall) and answer.status == UNAUTHORIZED)
