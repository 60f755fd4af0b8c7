"""Records have exactly the contract's fields, are read as they were written, and count money once."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.price import Price
from backburner.errors import Reason
from backburner.ledger.changes import running, seen
from backburner.ledger.records import (
    ErrorRecord,
    JobRecord,
    OpenRecord,
    ProviderRef,
    RecipeRef,
    RunRecord,
    Source,
    State,
    SupersededRecord,
    decode,
    encode,
    log_keys,
    shared,
)
from backburner.provider.answers import Generation, Usage

WHEN = datetime(2031, 5, 17, 12, 0, 0, tzinfo=UTC)
SHARED = {
    "version", "job_id", "run", "state", "source", "recipe", "provider", "responses", "usage", "cost",
    "suspected_orphans", "polls", "waited", "uploaded_at", "submitted_at", "finished_at",
}  # fmt: skip
OPEN = OpenRecord(
    job_id="0" * 32,
    run=1,
    state=State.RUNNING,
    source=Source(bucket="b", key="inbox/s/ё 🐘.txt", etag="e", size=3, last_modified=WHEN),
    recipe=RecipeRef(name="s", sha256="f"),
    provider=ProviderRef(profile="openai", base_url="http://p/v1", model="m"),
    uploaded_at=WHEN,
    ticket="t",
    attempt=1,
    price=Price(input=2.0, output=8.0),
    recipe_text="SECRET RECIPE",
    partial_text="SECRET TEXT",
)
RUN = RunRecord(**shared(OPEN), result_key="results/s/ё 🐘.txt.md", result_etag="x")
ERROR = ErrorRecord(**shared(OPEN), reason=Reason.LOST, message="m", replay="upload it again")
SUPERSEDED = SupersededRecord(**shared(OPEN), text="t")
RECORDS = [OPEN, RUN, ERROR, SUPERSEDED]


def _fields(record: JobRecord) -> dict[str, Any]:
    return json.loads(encode(record))


@pytest.mark.parametrize("record", RECORDS)
def test_every_record_has_the_shared_fields(record: JobRecord) -> None:
    """They have the contract's names, even if the value is null."""
    assert _fields(record).keys() >= SHARED


def test_each_kind_has_its_own_fields() -> None:
    """They are the contract's, and a few of ours."""
    assert _fields(RUN).keys() - SHARED - {
        "nonce",
        "replaces",
        "lines",
        "resume",
        "quotes",
        "reused",
        "kept_usage",
        "kept_cost",
    } == {
        "result_key",
        "result_etag",
        "parts",
    }
    assert _fields(ERROR).keys() - SHARED - {"nonce", "parts", "lines", "resume", "kept_usage", "kept_cost"} == {
        "reason",
        "message",
        "partial_text",
        "replay",
    }
    assert _fields(OPEN).keys() >= {"attempt", "ticket", "nonce", "waiting_for"}
    assert _fields(RUN)["parts"] is None
    assert _fields(ERROR)["partial_text"] is None


def test_the_objects_in_a_record_have_the_contracts_fields() -> None:
    """They are the source, recipe, provider, usage, and each response."""
    record = seen(_running(OPEN, _generation()), _generation())
    fields = _fields(record)
    assert fields["source"].keys() == {"bucket", "key", "etag", "size", "last_modified", "notes"}
    assert fields["recipe"].keys() == {"name", "sha256"}
    assert fields["provider"].keys() == {"profile", "base_url", "model"}
    assert fields["usage"].keys() == {"input_tokens", "output_tokens", "total_tokens"}
    assert fields["responses"][0].keys() == {
        "id", "attempt", "status", "model", "usage", "error", "incomplete_details", "created_at", "completed_at",
        "looks",
    }  # fmt: skip


def test_times_are_rfc_3339_in_utc() -> None:
    """People and tools can read them."""
    assert _fields(OPEN)["uploaded_at"] == "2031-05-17T12:00:00Z"


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_is_read_as_it_was_written(record: JobRecord) -> None:
    """Its key is verbatim."""
    assert decode(encode(record), type(record)) == record


@pytest.mark.parametrize("record", RECORDS)
def test_a_later_versions_fields_are_ignored(record: JobRecord) -> None:
    """This holds at the top level and inside."""
    fields = _fields(record)
    fields["tomorrow"] = {"a": 1}
    fields["source"]["version_id"] = "v"
    assert decode(json.dumps(fields).encode(), type(record)) == record


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 2**62), st.none() | st.floats(0, 1e12))
def test_any_record_is_read_as_it_was_written(text: str, number: int, cost: float | None) -> None:
    """Its texts and numbers may be anything."""
    usage = Usage(input_tokens=number, output_tokens=number, total_tokens=number)
    record = msgspec.structs.replace(OPEN, partial_text=text, polls=number, usage=usage, cost=cost, ticket=text)
    assert decode(encode(record), OpenRecord) == record


def _running(record: OpenRecord, generation: Generation) -> OpenRecord:
    return running(record, generation, "next", WHEN)


def _generation(response_id: str = "r1", status: str = "completed", **more: Any) -> Generation:
    usage = Usage(input_tokens=1000, output_tokens=500, total_tokens=1500) if status == "completed" else None
    return Generation(id=response_id, status=status, **{"usage": usage, "model": "m-1", "created_at": 0} | more)


def test_tokens_and_money_are_counted_once_for_each_generation() -> None:
    """The number of looks does not matter; two generations count twice."""
    first = _running(OPEN, _generation(status="queued"))
    once = seen(first, _generation())
    twice = seen(once, _generation())
    assert twice == once
    assert (once.usage, once.cost) == (Usage(input_tokens=1000, output_tokens=500, total_tokens=1500), 0.006)
    second = _running(msgspec.structs.replace(once, attempt=2), _generation("r2", "queued"))
    both = seen(second, _generation("r2"))
    assert (both.usage.total_tokens, both.cost) == (3000, 0.012)
    assert both.response_ids == {"r1", "r2"}


def test_without_a_price_there_is_no_cost() -> None:
    """The cost is null, not zero."""
    record = _running(msgspec.structs.replace(OPEN, price=None), _generation())
    assert seen(record, _generation()).cost is None


def test_a_response_has_what_the_provider_reported() -> None:
    """Code, message, reason and times are kept, or null."""
    answer = _generation(
        status="incomplete", error_code="c", error_message="m", incomplete_reason="max_output_tokens", completed_at=60
    )
    (response,) = _running(OPEN, answer).responses
    assert (response.error, response.incomplete_details) == (
        {"code": "c", "message": "m"},
        {"reason": "max_output_tokens"},
    )
    assert response.completed_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    (bare,) = _running(OPEN, _generation()).responses
    assert (bare.error, bare.incomplete_details, bare.completed_at) == (None, None, None)


@pytest.mark.parametrize("unix", [10**30, -(10**30), 2**62, 253_402_300_800])
def test_a_time_beyond_the_calendar_is_unknown(unix: int) -> None:
    """A provider's clock raises nothing."""
    (response,) = _running(OPEN, _generation(created_at=unix)).responses
    assert response.created_at is None
    assert encode(msgspec.structs.replace(OPEN, responses=[response]))


def test_a_log_line_names_the_job_and_none_of_its_text() -> None:
    """Every line has job and response id, but no document, prompt or output."""
    record = _running(OPEN, _generation())
    keys = log_keys(record)
    assert (keys["job_id"], keys["response_id"], keys["run"]) == (OPEN.job_id, "r1", 1)
    assert "SECRET" not in repr(keys)


def test_a_running_record_has_its_start_and_its_ticket() -> None:
    """It no longer waits for anything; the first create's time stays."""
    waiting = msgspec.structs.replace(
        OPEN, state=State.WAITING, waiting_for="provider", waits=3, elapsed_before_write_s=9.0
    )
    first = running(waiting, _generation(), "u", WHEN)
    assert (first.state, first.ticket, first.submitted_at) == (State.RUNNING, "u", WHEN)
    assert (first.waiting_for, first.waits, first.elapsed_before_write_s) == (None, 0, 0.0)
    assert running(first, _generation("r2"), "v", WHEN.replace(year=2032)).submitted_at == WHEN


def test_a_message_drives_the_records_next_step() -> None:
    """It has a fresh ticket that follows the current one, and attempt and id only for a generation."""
    bare, bringing = OPEN.message(), OPEN.message("r1")
    assert (bare.job, bare.run, bare.key, bare.follows) == (OPEN.job_id, 1, OPEN.source.key, "t")
    assert (bare.response_id, bare.attempt) == (None, None)
    assert (bringing.response_id, bringing.attempt) == ("r1", 1)
    assert len({bare.ticket, bringing.ticket, "t"}) == 3


def test_states_and_reasons_are_the_contracts() -> None:
    """Users script against them."""
    assert {state.value for state in State} == {"waiting", "submitting", "running", "done", "failed", "superseded"}
    assert {reason.value for reason in Reason} == {
        "unknown_recipe", "invalid_recipe", "empty_document", "unreadable_document", "unsupported_type",
        "unsupported_endpoint", "vision_unsupported",
        "document_too_large", "source_missing", "rejected_by_provider", "refused", "content_filter", "output_truncated",
        "empty_output", "schema_mismatch", "unverified_quote",
        "provider_failed", "deadline_exceeded", "lost", "cancelled", "over_budget",
            "internal_error",
    }  # fmt: skip
