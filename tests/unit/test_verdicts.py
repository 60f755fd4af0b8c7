"""Every answer has one verdict: each row of the contract's table by name, and the whole space at once."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.errors import Reason
from backburner.provider.answers import Answer, FailedCall, Generation, Usage
from backburner.provider.error_kinds import EXHAUSTED
from backburner.provider.verdicts import REJECTED, Act, Call, Verdict, judge, loggable


def _generation(status: str = "completed", **more: Any) -> Generation:
    return Generation(id="r", status=status, **more)


def _trouble(status: int | None, code: str = "", **more: Any) -> FailedCall:
    return FailedCall(status=status, code=code, message="said", **more)


def _said(answer: Answer, call: Call = Call.RETRIEVE, **more: Any) -> tuple[Act, Reason | None]:
    verdict = judge(answer, call, **more)
    return verdict.act, verdict.reason


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_running_generation_is_polled(status: str) -> None:
    """The provider's own hint is kept."""
    assert judge(_generation(status, poll_after_s=3.0), Call.RETRIEVE) == Verdict(act=Act.POLL, after_s=3.0)


def test_a_text_is_committed() -> None:
    """It is complete, and valid against the schema if there is one."""
    assert _said(_generation(text="a")) == (Act.COMMIT, None)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u00a0"])
def test_an_answer_without_text_is_tried_again(text: str) -> None:
    """Then the reason is `empty_output`."""
    assert _said(_generation(text=text)) == (Act.RETRY, Reason.EMPTY_OUTPUT)


def test_a_text_that_violates_the_schema_is_tried_again() -> None:
    """Then the reason is `schema_mismatch`, and the problem is kept."""
    verdict = judge(_generation(text="{}"), Call.RETRIEVE, schema_problem="at a: missing")
    assert (verdict.act, verdict.reason, verdict.message) == (Act.RETRY, Reason.SCHEMA_MISMATCH, "at a: missing")


@pytest.mark.parametrize("text", ["", "a"])
def test_a_refusal_fails(text: str) -> None:
    """It is no result, whether or not there is text beside it."""
    assert _said(_generation(text=text, refusal="No.")) == (Act.FAIL, Reason.REFUSED)


def test_the_cap_of_a_truncated_answer_is_enlarged() -> None:
    """The identical request is never sent again; then the reason is `output_truncated`."""
    answer = _generation("incomplete", text="half", incomplete_reason="max_output_tokens")
    assert _said(answer) == (Act.ENLARGE, Reason.OUTPUT_TRUNCATED)


def test_a_filtered_answer_fails() -> None:
    """The reason is `content_filter`."""
    answer = _generation("incomplete", text="half", incomplete_reason="content_filter")
    assert _said(answer) == (Act.FAIL, Reason.CONTENT_FILTER)


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error", "solar_flare", "", "vector_store_timeout"])
def test_a_failed_generation_is_tried_again(code: str) -> None:
    """Then the reason is `provider_failed`, with the code verbatim."""
    verdict = judge(_generation("failed", error_code=code, error_message="m"), Call.RETRIEVE)
    assert (verdict.act, verdict.reason) == (Act.RETRY, Reason.PROVIDER_FAILED)
    assert code in verdict.message


@pytest.mark.parametrize("code", sorted(REJECTED))
def test_a_rejected_prompt_fails(code: str) -> None:
    """The same request would fail again."""
    verdict = judge(_generation("failed", error_code=code, error_message="bad words"), Call.RETRIEVE)
    assert (verdict.act, verdict.reason) == (Act.FAIL, Reason.REJECTED_BY_PROVIDER)
    assert "bad words" in verdict.message
    assert "invalid_prompt" in REJECTED


@pytest.mark.parametrize("reason", [Reason.DEADLINE_EXCEEDED, Reason.CANCELLED])
@pytest.mark.parametrize("status", ["cancelled", "queued", "in_progress", "incomplete", "failed", "paused"])
def test_what_we_cancelled_fails_with_our_reason(reason: Reason, status: str) -> None:
    """It is the one recorded before we asked."""
    assert _said(_generation(status), cancelled_for=reason) == (Act.FAIL, reason)


def test_a_result_that_came_after_all_is_taken_at_the_deadline() -> None:
    """An operator's cancel holds all the same."""
    answer = _generation(text="a")
    assert _said(answer, cancelled_for=Reason.DEADLINE_EXCEEDED) == (Act.COMMIT, None)
    assert _said(answer, cancelled_for=Reason.CANCELLED) == (Act.FAIL, Reason.CANCELLED)


def test_what_the_provider_cancelled_is_tried_again() -> None:
    """We did not ask for it."""
    assert _said(_generation("cancelled")) == (Act.RETRY, Reason.PROVIDER_FAILED)


def test_a_404_is_lost_unless_it_is_young() -> None:
    """It is not believed within 60 s of the create."""
    assert _said(_trouble(404)) == (Act.LOST, Reason.LOST)
    assert _said(_trouble(404), young=True) == (Act.POLL, None)


@pytest.mark.parametrize("reason", [Reason.DEADLINE_EXCEEDED, Reason.CANCELLED])
def test_a_404_after_our_cancel_starts_nothing_new(reason: Reason) -> None:
    """If the provider forgets what was cancelled, the job ends with our reason and is not paid again."""
    assert _said(_trouble(404), cancelled_for=reason) == (Act.FAIL, reason)


@pytest.mark.parametrize("status", [None, 302, 409, 418, 425, 429, 451, 500, 501, 502, 503, 504, 529])
def test_trouble_on_a_retrieve_changes_nothing(status: int | None) -> None:
    """The generation runs on, and Retry-After is honoured."""
    verdict = judge(_trouble(status, retry_after_s=7.0), Call.RETRIEVE)
    assert (verdict.act, verdict.reason, verdict.after_s) == (Act.POLL, None, 7.0)


def test_a_request_that_timed_out_at_the_provider_is_a_time_out() -> None:
    """408 on a retrieve says nothing about the generation: another would be paid while it runs."""
    assert _said(_trouble(408)) == (Act.POLL, None)


@pytest.mark.parametrize("call", Call)
@pytest.mark.parametrize("code", ["", *sorted(EXHAUSTED)])
@pytest.mark.parametrize("status", [401, 402, 403, 429, 400, 404, 500])
def test_a_rejected_key_or_an_exhausted_quota_pauses(call: Call, code: str, status: int) -> None:
    """It takes precedence over every other row, and fails no job."""
    if code or status in (401, 402):
        verdict = judge(_trouble(status, code, retry_after_s=9.0), call, cancelled_for=Reason.CANCELLED)
        assert (verdict.act, verdict.reason, verdict.after_s) == (Act.PAUSE, None, 9.0)


@pytest.mark.parametrize("code", sorted(EXHAUSTED))
def test_a_generation_that_failed_for_lack_of_money_pauses(code: str) -> None:
    """It is not the document's fault."""
    assert _said(_generation("failed", error_code=code)) == (Act.PAUSE, None)


@pytest.mark.parametrize("status", [400, 422])
def test_a_document_that_is_too_long_is_split(status: int) -> None:
    """It is at its create and as a failed generation; then the reason is `document_too_large`."""
    answers = _trouble(status, "context_length_exceeded"), _generation("failed", error_code="context_length_exceeded")
    assert {_said(answer, Call.CREATE) for answer in answers} == {(Act.SPLIT, Reason.DOCUMENT_TOO_LARGE)}


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
def test_a_refused_create_fails(status: int) -> None:
    """It keeps the provider's own words."""
    verdict = judge(_trouble(status, "invalid_value"), Call.CREATE)
    assert (verdict.act, verdict.reason) == (Act.FAIL, Reason.REJECTED_BY_PROVIDER)
    assert "invalid_value" in verdict.message
    assert "said" in verdict.message


@pytest.mark.parametrize("answer", [_trouble(429), _trouble(503), _trouble(None, sent=False)])
def test_a_create_that_started_nothing_waits(answer: FailedCall) -> None:
    """No attempt is used."""
    assert _said(answer, Call.CREATE) == (Act.WAIT, None)


@pytest.mark.parametrize("status", [None, 500, 502, 504, 529])
def test_a_create_that_may_have_started_something_is_ambiguous(status: int | None) -> None:
    """It costs one suspected orphan and one attempt."""
    assert _said(_trouble(status), Call.CREATE) == (Act.AMBIGUOUS, Reason.PROVIDER_FAILED)


@pytest.mark.parametrize("status", [300, 402 + 16, 409, 425, 451])
def test_any_other_refusal_of_a_create_is_tried_again(status: int) -> None:
    """It backs off."""
    assert _said(_trouble(status), Call.CREATE) == (Act.RETRY, Reason.PROVIDER_FAILED)


@pytest.mark.parametrize("status", [400, 404, 405, 410, 422])
def test_an_absence_is_loss_only_once_it_is_believed(status: int) -> None:
    """One odd answer about a running generation must not pay for another."""
    assert _said(_trouble(status), young=True) == (Act.POLL, None)
    assert _said(_trouble(status)) == (Act.LOST, Reason.LOST)
    assert _said(_trouble(status), cancelled_for=Reason.DEADLINE_EXCEEDED) == (Act.FAIL, Reason.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("status", ["paused", "expired", "requires_action", "validating", "", "ЗАВЕРШЕНО"])
def test_an_undocumented_status_is_polled_again(status: str) -> None:
    """It may still end; at the deadline it is cancelled, and its words are in the record verbatim."""
    assert _said(_generation(status)) == (Act.POLL, None)
    verdict = judge(_generation(status), Call.RETRIEVE, cancelled_for=Reason.DEADLINE_EXCEEDED)
    assert (verdict.act, verdict.reason) == (Act.FAIL, Reason.DEADLINE_EXCEEDED)
    assert status in verdict.message


@pytest.mark.parametrize(
    ("spelt", "act"),
    [
        ("COMPLETED", Act.COMMIT), (" Completed ", Act.COMMIT), ("In-Progress", Act.POLL), ("in progress", Act.POLL),
        ("canceled", Act.RETRY), ("CANCELLED", Act.RETRY), ("FAILED", Act.RETRY),
    ],
)  # fmt: skip
def test_a_status_is_recognised_however_it_is_spelt(spelt: str, act: Act) -> None:
    """A finished text is not paid for again because of capital letters."""
    assert judge(_generation(spelt, text="a"), Call.RETRIEVE).act is act


@pytest.mark.parametrize(
    "more",
    [
        {"is_cut_off": True},
        {"usage": Usage(input_tokens=9, output_tokens=400, total_tokens=409)},
        {"usage": Usage(output_tokens=400), "text": ""},
        {"incomplete_reason": "max_output_tokens"},
    ],
)
def test_a_text_that_is_cut_off_is_not_complete(more: dict[str, Any]) -> None:
    """The status may say so, but a message is incomplete, or the tokens equal the cap that was sent."""
    context = {"text": "half a"} | more
    assert _said(_generation(**context), cap=400) == (Act.ENLARGE, Reason.OUTPUT_TRUNCATED)


def test_a_text_below_its_cap_is_complete() -> None:
    """One without a cap is too, however long."""
    usage = Usage(output_tokens=399)
    assert _said(_generation(text="a", usage=usage), cap=400) == (Act.COMMIT, None)
    assert _said(_generation(text="a", usage=usage)) == (Act.COMMIT, None)


@pytest.mark.parametrize(
    "answer", [_trouble(None, is_garbled=True), _trouble(302), _trouble(425), _trouble(404), _trouble(400)]
)
def test_meaningless_answers_are_the_providers_failure_in_the_end(answer: FailedCall) -> None:
    """They are a day after the deadline; an outage, however long, is not."""
    assert _said(answer, young=True) == (Act.POLL, None)
    assert _said(answer, young=True, overdue=True) == (Act.FAIL, Reason.PROVIDER_FAILED)
    for outage in (_trouble(None), _trouble(503), _trouble(429), _trouble(408)):
        assert _said(outage, overdue=True) == (Act.POLL, None)


@pytest.mark.parametrize("code", ["", "not_implemented"])
def test_a_service_that_cannot_do_it_pauses(code: str) -> None:
    """A 501 generated nothing, and is not about a document."""
    assert _said(_trouble(501, code), Call.CREATE) == (Act.PAUSE, None)


def test_an_address_without_an_api_pauses_and_is_named() -> None:
    """The documents are fine; the public message has the address and the remedy."""
    page = FailedCall(status=404, message="HTTP 404", is_api_error=False, url="POST http://host/responses")
    verdict = judge(page, Call.CREATE)
    assert verdict.act is Act.PAUSE
    assert "POST http://host/responses" in verdict.brief
    assert "OPENAI_BASE_URL" in verdict.brief


def test_the_cause_of_a_missing_answer_is_reported() -> None:
    """It has the adapter's words, as the provider sent none; a success without a generation is garbled."""
    refused = FailedCall(status=None, sent=False, message="no answer: connection refused")
    assert judge(refused, Call.CREATE).brief == "no answer: connection refused"
    garbled = FailedCall(status=None, is_garbled=True, message="My dear diary")
    assert judge(garbled, Call.CREATE).brief == "a successful answer without a generation"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
def test_public_messages_have_no_words_that_may_be_from_a_document(status: int) -> None:
    """The provider's message is for the error record; logs and pauses have status and code."""
    answer = FailedCall(status=status, code="some_code", message="no access for: My dear diary, today I")
    verdict = judge(answer, Call.CREATE)
    assert "diary" not in verdict.brief
    assert f"HTTP {status} some_code" in verdict.brief
    assert "My dear diary" in verdict.message


@pytest.mark.parametrize(
    ("word", "shown"), [("a_b.c-D", "a_b.c-D"), ("", ""), ("my diary", "(no word)"), ("é", "(no word)")]
)
def test_a_log_shows_only_codes_that_are_words(word: str, shown: str) -> None:
    """A provider may send anything as a code."""
    assert loggable(word) == shown


STATUSES = ["", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "paused"]
CODES = ["", "context_length_exceeded", "insufficient_quota", "invalid_prompt", "server_error", "unknown"]
GENERATIONS = [
    _generation(status, text=text, refusal=refusal, error_code=code, incomplete_reason=reason)
    for status, text, refusal, code, reason in product(
        STATUSES, ["", " ", "a"], ["", "No."], CODES, ["", "max_output_tokens", "content_filter", "else"]
    )
]
TROUBLES = [_trouble(status, code) for status, code in product([None, *range(300, 600)], CODES)] + [
    _trouble(None, code, sent=False) for code in CODES
]
CANCELLED = [None, Reason.DEADLINE_EXCEEDED, Reason.CANCELLED]
ALLOWED = {
    (Generation, Call.CREATE): {Act.POLL, Act.COMMIT, Act.RETRY, Act.ENLARGE, Act.FAIL, Act.PAUSE, Act.SPLIT},
    (Generation, Call.RETRIEVE): {Act.POLL, Act.COMMIT, Act.RETRY, Act.ENLARGE, Act.FAIL, Act.PAUSE, Act.SPLIT},
    (FailedCall, Call.CREATE): {Act.WAIT, Act.AMBIGUOUS, Act.RETRY, Act.FAIL, Act.PAUSE, Act.PAUSE_MODEL, Act.SPLIT},
    (FailedCall, Call.RETRIEVE): {Act.POLL, Act.LOST, Act.PAUSE, Act.PAUSE_MODEL, Act.FAIL},
}
ENDING = {Act.RETRY, Act.ENLARGE, Act.LOST, Act.FAIL, Act.AMBIGUOUS, Act.SPLIT}


def _space() -> Iterator[tuple[Answer, Call, dict[str, Any]]]:
    for answer, call, problem, young, cancelled_for in product(
        [*GENERATIONS, *TROUBLES], Call, ["", "not JSON"], [False, True], CANCELLED
    ):
        context = {"schema_problem": problem, "young": young, "cancelled_for": cancelled_for}
        yield answer, call, context | {"overdue": young and not problem}


def test_every_answer_has_a_verdict_that_its_call_allows() -> None:
    """Each has a possible act and a reason exactly if it may end a job, and none is wrongly done."""
    for answer, call, context in _space():
        verdict = judge(answer, call, **context)
        assert verdict.act in ALLOWED[type(answer), call], (answer, call, context)
        assert (verdict.reason is not None) == (verdict.act in ENDING), (answer, call, context)
        if verdict.act is Act.COMMIT:
            assert isinstance(answer, Generation), context
            assert answer.status == "completed"
            assert answer.text.strip()
            assert not answer.refusal
            assert not context["schema_problem"]
            assert context["cancelled_for"] is not Reason.CANCELLED
        if isinstance(answer, FailedCall) and (answer.status in (401, 402) or answer.code in EXHAUSTED):
            assert verdict.act is Act.PAUSE, (answer, call, context)


@given(
    st.builds(Generation, id=st.text(), status=st.text(), text=st.text(), error_code=st.text())
    | st.builds(FailedCall, status=st.none() | st.integers(), sent=st.booleans(), code=st.text(), message=st.text()),
    st.sampled_from(Call),
)
def test_an_unforeseen_answer_has_a_verdict_too(answer: Answer, call: Call) -> None:
    """The function is total."""
    assert judge(answer, call).act in ALLOWED[type(answer), call]
