"""What follows from a verdict, for documents and lines alike."""

from typing import Any

import pytest

from backburner.errors import Reason
from backburner.outcome.decisions import Attempt, Decision, Do, Stop, absent_since, decide, is_believed
from backburner.provider.answers import Answer, FailedCall, Generation
from backburner.provider.verdicts import Act, Call, Verdict

ENDED, REFUSED = Generation(id="r", status="completed"), FailedCall(status=500)


def decided(act: Act, answer: Answer, call: Call, **more: Any) -> Decision:
    """The decision in the first of three attempts, if nothing else is reported."""
    verdict = Verdict(act=act, reason=Reason.EMPTY_OUTPUT, message="said", after_s=7.0)
    return decide(verdict, answer, call, Attempt(**{"number": 1, "most": 3} | more))


@pytest.mark.parametrize(
    ("act", "answer", "call", "told"),
    [
        (Act.POLL, REFUSED, Call.RETRIEVE, (Do.LOOK, 0, Stop.NOTHING, False)),
        (Act.COMMIT, ENDED, Call.RETRIEVE, (Do.FINISH, 0, Stop.NOTHING, False)),
        (Act.COMMIT, ENDED, Call.CREATE, (Do.FINISH, 0, Stop.NOTHING, False)),
        (Act.RETRY, ENDED, Call.RETRIEVE, (Do.AGAIN, 0, Stop.NOTHING, False)),
        (Act.RETRY, REFUSED, Call.CREATE, (Do.AGAIN, 0, Stop.NOTHING, True)),
        (Act.RETRY, ENDED, Call.CREATE, (Do.AGAIN, 0, Stop.NOTHING, False)),
        (Act.LOST, REFUSED, Call.RETRIEVE, (Do.AGAIN, 1, Stop.NOTHING, False)),
        (Act.AMBIGUOUS, REFUSED, Call.CREATE, (Do.AGAIN, 1, Stop.NOTHING, True)),
        (Act.WAIT, REFUSED, Call.CREATE, (Do.PUT_BACK, 0, Stop.NOTHING, True)),
        (Act.PAUSE, REFUSED, Call.CREATE, (Do.PUT_BACK, 0, Stop.ALL_MODELS, False)),
        (Act.PAUSE_MODEL, REFUSED, Call.CREATE, (Do.PUT_BACK, 0, Stop.MODEL, False)),
        (Act.PAUSE, REFUSED, Call.RETRIEVE, (Do.LOOK, 0, Stop.ALL_MODELS, False)),
        (Act.PAUSE_MODEL, REFUSED, Call.RETRIEVE, (Do.LOOK, 0, Stop.MODEL, False)),
        (Act.PAUSE, ENDED, Call.RETRIEVE, (Do.PUT_BACK, 0, Stop.ALL_MODELS, False)),
        (Act.SPLIT, REFUSED, Call.CREATE, (Do.DIVIDE, 0, Stop.NOTHING, False)),
        (Act.FAIL, REFUSED, Call.CREATE, (Do.FAIL, 0, Stop.NOTHING, False)),
        (Act.ENLARGE, ENDED, Call.RETRIEVE, (Do.FAIL, 0, Stop.NOTHING, False)),
    ],
)
def test_every_act_has_its_consequence(act: Act, answer: Answer, call: Call, told: tuple[Do, int, Stop, bool]) -> None:
    """It decides what is done, what is counted, and whom it stops."""
    decision = decided(act, answer, call)
    assert (decision.do, decision.orphans, decision.stop, decision.is_bad) == told
    assert (decision.message, decision.after_s) == ("said", 7.0)


@pytest.mark.parametrize("act", [Act.RETRY, Act.LOST, Act.AMBIGUOUS])
def test_without_attempts_left_it_fails_with_the_verdicts_reason(act: Act) -> None:
    """A generation that may still run is counted all the same."""
    call = Call.CREATE if act is Act.AMBIGUOUS else Call.RETRIEVE
    assert decided(act, REFUSED, call, number=2).do is Do.AGAIN
    last = decided(act, REFUSED, call, number=3)
    assert (last.do, last.reason, last.orphans) == (Do.FAIL, Reason.EMPTY_OUTPUT, int(act is not Act.RETRY))


def test_a_cap_is_doubled_once_and_only_if_it_was_sent() -> None:
    """An identical request is never sent again."""
    once = decided(Act.ENLARGE, ENDED, Call.RETRIEVE, cap=100)
    assert (once.do, once.cap) == (Do.AGAIN, 200)
    assert decided(Act.ENLARGE, ENDED, Call.RETRIEVE, cap=200, is_enlarged=True).do is Do.FAIL
    assert decided(Act.ENLARGE, ENDED, Call.RETRIEVE, cap=100, number=3).do is Do.FAIL
    assert decided(Act.ENLARGE, ENDED, Call.RETRIEVE).do is Do.FAIL


@pytest.mark.parametrize("is_enlarged", [False, True])
def test_a_hard_cap_is_never_doubled(is_enlarged: bool) -> None:  # noqa: FBT001
    """The message says so, and gives the number."""
    decision = decided(Act.ENLARGE, ENDED, Call.RETRIEVE, cap=100, is_cap_hard=True, is_enlarged=is_enlarged)
    assert (decision.do, decision.cap) == (Do.FAIL, None)
    assert "100 tokens is never raised" in decision.message


@pytest.mark.parametrize(
    ("act", "answer", "call"),
    [(Act.FAIL, REFUSED, Call.CREATE), (Act.SPLIT, REFUSED, Call.CREATE), (Act.SPLIT, ENDED, Call.RETRIEVE)],
)
def test_a_doubled_cap_that_is_refused_leaves_a_truncated_answer(act: Act, answer: Answer, call: Call) -> None:
    """The document is as it was when half the cap was accepted."""
    decision = decided(act, answer, call, cap=200, is_enlarged=True)
    assert (decision.do, decision.reason) == (Do.FAIL, Reason.OUTPUT_TRUNCATED)
    assert "the doubled cap was refused: said" in decision.message


def test_an_absence_is_believed_after_two_minutes() -> None:
    """A normal answer in between starts the count again; an outage does not."""
    gone, outage, alive = FailedCall(status=404), FailedCall(status=503), Generation(id="r", status="queued")
    since = absent_since(gone, 30.0, None)
    assert since == 30.0
    assert not is_believed(149.9, since)
    assert is_believed(150.0, since)
    assert absent_since(outage, 60.0, since) == absent_since(gone, 60.0, since) == since
    assert absent_since(alive, 60.0, since) is None
    assert absent_since(outage, 60.0, None) is None
    assert not is_believed(10**6, None)


@pytest.mark.parametrize(
    ("call", "status", "lifted"),
    [(Call.RETRIEVE, 401, True), (Call.RETRIEVE, 429, True), (Call.CREATE, 401, True), (Call.CREATE, 429, False)],
)
def test_a_retrieve_lifts_the_pauses_that_it_disproves(call: Call, status: int, lifted: bool) -> None:  # noqa: FBT001
    """Any accepted call disproves a rejected key or retrieve, but not an exhausted quota on creates."""
    decision = decided(Act.PAUSE, FailedCall(status=status), call)
    assert decision.any_call_lifts is lifted
