"""Lost, late or refused answers of a store: our own writes are recognised, and nothing is taken for absent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backburner.errors import RetryLaterError, UnreadableError
from backburner.ledger.keys import open_key
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Source, State
from backburner.ports import ABSENT, ConflictError, TooLargeError
from support.proxy import CUT, HALVE, LOSE, Request, Say, once, s3_error

from .conftest import Wire, run

WHEN = datetime(2031, 5, 17, tzinfo=UTC)
RECORD = OpenRecord(
    job_id="0" * 32,
    run=1,
    state=State.SUBMITTING,
    source=Source(bucket="b", key="inbox/a.txt", etag="e", size=1, last_modified=WHEN),
    recipe=RecipeRef(name="default", sha256=""),
    provider=ProviderRef(profile="openai", base_url="http://p/v1", model="m"),
    uploaded_at=WHEN,
    ticket="t",
)
TEXT = "text/plain"


def _is_put(request: Request) -> bool:
    return request.method == "PUT"


def _is_read(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


def _puts(wire: Wire) -> int:
    return sum(map(_is_put, wire.proxy.requests))


@pytest.mark.parametrize("wrong", [LOSE, CUT, s3_error(503, "SlowDown"), s3_error(500, "InternalError")])
def test_a_claim_whose_answer_was_lost_is_ours(wire: Wire, wrong: Any) -> None:
    """The network retry meets our own write or makes it: either way the claim holds, with that ETag."""
    wire.proxy.rule = once(_is_put, wrong)

    async def story() -> None:
        held = await Ledger(wire.bucket).claim(RECORD)
        there = await wire.direct.head(open_key(RECORD.job_id, 1))
        assert held is not None
        assert there is not None
        assert held.etag == there.etag

    run(story())
    assert _puts(wire) == 2


@pytest.mark.parametrize("wrong", [LOSE, CUT])
def test_a_rewrite_whose_answer_was_lost_is_ours(wire: Wire, wrong: Any) -> None:
    """It succeeded, and the returned hold permits the next write."""

    async def story() -> None:
        ledger = Ledger(wire.bucket)
        held = await ledger.claim(RECORD)
        assert held is not None
        wire.proxy.rule = once(_is_put, wrong)
        again = await ledger.rewrite(held.with_changes(state=State.RUNNING, ticket="u"))
        assert again is not None
        assert (again.record.state, again.record.ticket) == (State.RUNNING, "u")
        assert await ledger.rewrite(again.with_changes(ticket="v")) is not None
        assert await ledger.rewrite(held.with_changes(ticket="w")) is None
        last = await ledger.open_record(RECORD.job_id, 1)
        assert last is not None
        assert last.record.ticket == "v"

    run(story())


def test_another_owners_claim_is_not_ours(wire: Wire) -> None:
    """It is not even if the network repeated the loser's request."""
    wire.proxy.rule = once(_is_put, CUT)

    async def story() -> None:
        assert await Ledger(wire.direct).claim(RECORD) is not None
        assert await Ledger(wire.bucket).claim(RECORD) is None

    run(story())


def test_a_passing_conflict_is_put_again(wire: Wire) -> None:
    """409 says that two requests met, not who won: the stored object decides."""
    wire.proxy.rule = once(_is_put, s3_error(409, "ConditionalRequestConflict"), times=2)
    assert run(Ledger(wire.bucket).claim(RECORD)) is not None
    assert _puts(wire) == 3


def test_conflicts_without_end_are_left_for_later(wire: Wire) -> None:
    """There is no other owner's record, so the claim is neither lost nor held."""
    wire.proxy.rule = once(_is_put, s3_error(409, "ConditionalRequestConflict"), times=100)
    with pytest.raises(RetryLaterError):
        run(Ledger(wire.bucket).claim(RECORD))


@pytest.mark.parametrize("verb", ["get", "head"])
@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_refusal_is_never_read_as_absent(wire: Wire, verb: str, status: int) -> None:
    """Only the store's own code for `no such key` means absent."""
    wire.proxy.rule = once(_is_read, s3_error(status, "AccessDenied"), times=9)
    with pytest.raises(RetryLaterError):
        run(getattr(wire.bucket, verb)("inbox/a.txt"))


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "list the bucket"),
        (403, "InvalidObjectState", "archived"),
        (400, "InvalidRequest", "SSE-C"),
        (405, "MethodNotAllowed", "405 MethodNotAllowed"),
    ],
)
@pytest.mark.parametrize("verb", ["get", "head"])
def test_an_object_that_alone_cannot_be_read_is_named(
    wire: Wire, verb: str, status: int, code: str, remedy: str
) -> None:
    """Archived, encrypted with a key of its own, or forbidden: the error has its key and the remedy."""
    wire.proxy.rule = once(_is_read, s3_error(status, code), times=9)
    with pytest.raises(UnreadableError, match=remedy if verb == "get" else "inbox/a.txt") as refused:
        run(getattr(wire.bucket, verb)("inbox/a.txt"))
    assert refused.value.key == "inbox/a.txt"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_temporary_refusal_concerns_no_object(wire: Wire, status: int) -> None:
    """An outage, or a forbidden list or write, must not look like thousands of damaged objects."""
    wire.proxy.rule = once(_is_read, s3_error(status, "SlowDown"), times=9)
    with pytest.raises(RetryLaterError) as refused:
        run(wire.bucket.get("inbox/a.txt"))
    assert not isinstance(refused.value, UnreadableError)
    wire.proxy.rule = once(_is_put, s3_error(403, "AccessDenied"), times=9)
    with pytest.raises(RetryLaterError) as refused:
        run(wire.bucket.put("k", b"x", match=ABSENT, content_type=TEXT))
    assert not isinstance(refused.value, UnreadableError)


def test_a_missing_bucket_is_not_an_absent_object(wire: Wire) -> None:
    """A wrong bucket name must not look like an empty bucket."""
    wire.proxy.rule = once(_is_read, s3_error(404, "NoSuchBucket"), times=9)
    with pytest.raises(RetryLaterError):
        run(wire.bucket.get("inbox/a.txt"))


@pytest.mark.parametrize(("match", "status"), [(ABSENT, 403), ("etag", 403), (ABSENT, 404), ("etag", 500)])
def test_a_refused_put_is_not_a_conflict(wire: Wire, match: str, status: int) -> None:
    """It decides nothing."""
    code = "NoSuchBucket" if status == 404 else "AccessDenied"
    wire.proxy.rule = once(_is_put, s3_error(status, code), times=9)
    with pytest.raises(RetryLaterError):
        run(wire.bucket.put("k", b"x", match=match, content_type=TEXT))


def test_a_match_on_a_missing_key_that_answers_404_is_a_conflict(wire: Wire) -> None:
    """S3 itself answers so."""
    wire.proxy.rule = once(_is_put, s3_error(404, "NoSuchKey"))
    with pytest.raises(ConflictError):
        run(wire.bucket.put("k", b"x", match="etag", content_type=TEXT))


def test_a_refused_delete_is_reported(wire: Wire) -> None:
    """An object that must be deleted and is not is tried again later."""
    wire.proxy.rule = once(lambda request: request.method == "DELETE", s3_error(403, "AccessDenied"), times=9)
    with pytest.raises(RetryLaterError):
        run(wire.bucket.delete("k"))


@pytest.mark.parametrize(
    "wrong",
    [
        CUT,
        HALVE,
    ],
)
def test_an_object_is_read_whole_or_not_at_all(wire: Wire, wrong: Any) -> None:
    """A truncated body is never taken for the document."""
    run(wire.direct.put("k", b"x" * 10_000, match=ABSENT, content_type=TEXT))
    wire.proxy.rule = once(_is_read, wrong, times=9)
    with pytest.raises(RetryLaterError):
        run(wire.bucket.get("k"))


def test_a_too_large_object_is_not_read(wire: Wire) -> None:
    """The size is checked before any of the bytes, which here would never arrive."""
    headers = {"Content-Length": str(10**12), "ETag": '"e"', "Last-Modified": "Sat, 17 May 2031 12:00:00 GMT"}
    wire.proxy.rule = once(_is_read, Say(200, b"x", headers), times=9)
    with pytest.raises(TooLargeError) as refused:
        run(wire.bucket.get("k", 1000))
    assert refused.value.size_bytes == 10**12


def test_ages_are_by_the_stores_clock(wire: Wire) -> None:
    """Both times come with the answer; this machine's clock does not matter."""
    headers = {
        "ETag": '"e"',
        "Last-Modified": "Sat, 17 May 1997 12:00:00 GMT",
        "Date": "Sat, 17 May 1997 12:01:40 GMT",
    }
    wire.proxy.rule = once(_is_read, Say(200, b"x", headers), times=2)

    async def story() -> list[float]:
        return [stored.age_s for stored in (await wire.bucket.get("k"), await wire.bucket.head("k")) if stored]

    assert run(story()) == [100, 100]


def test_metadata_is_read_whatever_case_a_store_sends_it_in(wire: Wire) -> None:
    """Some stores keep the case of header names."""
    date = "Sat, 17 May 1997 12:00:00 GMT"
    headers = {"ETag": '"e"', "Last-Modified": date, "Date": date, "X-Amz-Meta-Backburner-Run": "Job.1"}
    wire.proxy.rule = once(_is_read, Say(200, b"x", headers))
    stored = run(wire.bucket.get("k"))
    assert stored is not None
    assert stored.metadata == {"backburner-run": "Job.1"}
