"""What follows from a verdict: one pure function, whose decisions documents and lines of batches only carry out."""

from dataclasses import dataclass, replace
from enum import StrEnum

from backburner.errors import Reason
from backburner.provider.answers import Answer, FailedCall, Generation
from backburner.provider.verdicts import ABSENT, UNAUTHORIZED, Act, Call, Verdict

ABSENT_FOR_S = 120.0
"""An absence is believed once it has been told again and again for so long."""
ABSENT_LOOK_S = 30.0
"""A generation that was told to be absent is looked at again at least this soon."""
OVERDUE_S = 86_400.0
"""Answers that say nothing are the provider's failure once the deadline has passed by so much."""


class Do(StrEnum):
    """What is to be done with a job's one generation, or a line's."""

    LOOK = "look"  # again later; nothing has ended
    FINISH = "finish"  # its text is the result
    AGAIN = "again"  # one more attempt, after a while
    PUT_BACK = "put_back"  # it waits, and the attempt is given back
    DIVIDE = "divide"  # cut into parts; what cannot be cut fails
    FAIL = "fail"  # for good


class Stop(StrEnum):
    """Whom a pause concerns."""

    NOBODY = ""
    MODEL = "model"
    EVERYBODY = "everybody"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`orphans`: generations that may run on unknown. `cap`: of output tokens, for the next attempt, if it changes."""

    do: Do
    reason: Reason = Reason.PROVIDER_FAILED
    message: str = ""
    brief: str = ""
    after_s: float | None = None
    cap: int | None = None
    orphans: int = 0
    stop: Stop = Stop.NOBODY
    is_bad: bool = False
    """Whether it counts among the creates in a row that close the tap."""


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
_STOPS = {Act.PAUSE: Stop.EVERYBODY, Act.PAUSE_MODEL: Stop.MODEL}


def decide(
    verdict: Verdict,
    answer: Answer,
    call: Call,
    *,
    attempt: int,
    most: int,
    cap: int | None = None,
    is_enlarged: bool = False,
) -> Decision:
    """Say what to do. `attempt` counts the generations begun, this one included, of at most `most`.

    `cap` is the bound on output tokens that was sent, `is_enlarged` whether it was doubled before.
    """
    act = verdict.act
    is_refused = call is Call.CREATE and isinstance(answer, FailedCall)
    decision = Decision(
        do=_DO.get(act, Do.AGAIN),
        reason=verdict.reason or Reason.PROVIDER_FAILED,
        message=verdict.message,
        brief=verdict.brief,
        after_s=verdict.after_s,
        orphans=int(act in (Act.LOST, Act.AMBIGUOUS)),
        stop=_STOPS.get(act, Stop.NOBODY),
        is_bad=act in (Act.WAIT, Act.AMBIGUOUS) or (is_refused and act is Act.RETRY),
    )
    if is_enlarged and (act is Act.SPLIT or (is_refused and act is Act.FAIL)):  # with half the cap it was accepted
        told = f"the doubled cap was refused: {verdict.message}"
        return replace(decision, do=Do.FAIL, reason=Reason.OUTPUT_TRUNCATED, message=told)
    if decision.stop and call is Call.RETRIEVE and isinstance(answer, FailedCall):
        return replace(decision, do=Do.LOOK)  # it was not about the generation, which runs on
    if act is Act.ENLARGE and cap is not None and not is_enlarged and attempt < most:
        return replace(decision, do=Do.AGAIN, cap=2 * cap)
    is_last = decision.do is Do.AGAIN and attempt >= most
    return replace(decision, do=Do.FAIL) if is_last else decision


def is_believed(age_s: float, absent_s: float | None) -> bool:
    """Whether a generation is lost that is told to be absent once more, at an age, as it was first at `absent_s`."""
    return absent_s is not None and age_s - absent_s >= ABSENT_FOR_S


def absent_since(answer: Answer, age_s: float, absent_s: float | None) -> float | None:
    """The age at which a generation was first told to be absent, after one more answer that has not ended it.

    An answer about it brings it back; an outage, or an answer that says nothing, changes nothing.
    """
    if isinstance(answer, Generation):
        return None
    if answer.status in ABSENT and absent_s is None:
        return round(age_s, 1)
    return absent_s


def lifted_by_any(call: Call, answer: Answer) -> bool:
    """Whether a pause ends with any call that is accepted, not only with a create.

    A retrieve proves the key, and what stopped a retrieve; that a create would be let through it does not.
    """
    return call is Call.RETRIEVE or (isinstance(answer, FailedCall) and answer.status == UNAUTHORIZED)
