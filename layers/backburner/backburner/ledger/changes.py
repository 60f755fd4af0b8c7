"""How an open record changes as its generation proceeds, and what a run has cost so far."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from backburner.capacity.limits import Reservation
from backburner.documents.price import Price
from backburner.ledger.records import Looks, OpenRecord, Response, State, SupersededRecord
from backburner.provider.answers import Generation, Usage, costs


def running(record: OpenRecord, generation: Generation, ticket: str, now: datetime) -> OpenRecord:
    """The record of a run whose generation was started."""
    return replace(
        record,
        state=State.RUNNING,
        ticket=ticket,
        responses=[*record.responses, _response(generation, generation.id, record.attempt)],
        submitted_at=record.submitted_at or now,
        waiting_for=None,
        waits=0,
        elapsed_before_write_s=0.0,
        absent_s=None,
        answer=replace(generation, body={}) if generation.is_over else None,
    )


def looked(record: OpenRecord, receives: int, first_s: float | None, age_s: float) -> OpenRecord:
    """The record after polls of its generation; `first_s` is the generation's age at the first, if that is known."""
    if not record.responses:
        return replace(record, polls=record.polls + receives)
    last = record.responses[-1]
    before = last.looks or Looks(count=0, first_s=age_s if first_s is None else first_s, last_s=age_s)
    looks = Looks(count=before.count + receives, first_s=round(before.first_s, 1), last_s=round(age_s, 1))
    return replace(
        record, polls=record.polls + receives, responses=[*record.responses[:-1], replace(last, looks=looks)]
    )


def waited(record: OpenRecord, age_s: float) -> dict[str, float]:
    """What a waiting record that was written `age_s` ago has waited for, and how long."""
    so_far, what = record.waited, record.waiting_for or "turn"
    return so_far | {what: round(so_far.get(what, 0.0) + age_s, 1)}


def seen(record: OpenRecord, generation: Generation) -> OpenRecord:
    """The record with the last generation's current state; tokens and cost are counted once per response id."""
    last = record.responses[-1]
    responses = [
        *record.responses[:-1],
        replace(_response(generation, last.id, last.attempt), looks=last.looks),
    ]
    usage = sum((response.usage for response in responses if response.usage), Usage())
    return replace(record, responses=responses, usage=usage, cost=cost_of(record.price, usage))


def ended_unseen(record: OpenRecord, status: str) -> OpenRecord:
    """The record of a run whose last generation ended without an answer that described its end."""
    if not record.responses:
        return record
    last = replace(record.responses[-1], status=status)
    return replace(record, responses=[*record.responses[:-1], last])


def booked(record: OpenRecord, used: Usage, responses: Sequence[Response]) -> tuple[int, float]:
    """Tokens and money that count against the day's budget: as the provider reported them, or else as estimated."""
    used = record.kept_usage.subtracted_from(used)
    unreported = record.lines_without_usage + sum(
        costs(response.status) and not (response.usage and response.usage.total_tokens) for response in responses
    )
    each = record.reservation or Reservation(model="")
    return used.total_tokens + unreported * each.tokens, (cost_of(record.price, used) or 0.0) + unreported * each.cost


def cost_of(price: Price | None, usage: Usage) -> float | None:
    """What tokens cost; None without a price."""
    return None if price is None else price.of(usage.input_tokens, usage.output_tokens)


def has_all_of(kept: SupersededRecord, new: SupersededRecord) -> bool:
    """Whether a superseded record names all that a run of the same name has generated.

    Suspected orphans and the lines of a segment have no names: they are the same as long as the upload is.
    """
    parts = {(part.job_id, part.run) for part in kept.parts or ()}
    has_names = new.response_ids <= kept.response_ids and all((end.job_id, end.run) in parts for end in new.parts or ())
    is_same_upload = kept.uploaded_at == new.uploaded_at
    return has_names and (is_same_upload or not (new.suspected_orphans or new.usage.total_tokens))


def added_up(kept: SupersededRecord, new: SupersededRecord) -> SupersededRecord:
    """The superseded record of two runs that had the same name, one after the other."""
    if kept.uploaded_at == new.uploaded_at and kept.response_ids <= new.response_ids:
        return new  # it is the same run, which the kept record did not know to its end
    return replace(
        new,
        responses=[*kept.responses, *new.responses],
        parts=[*(kept.parts or ()), *(new.parts or ())] or None,
        usage=kept.usage + new.usage,
        cost=total_cost(kept.cost, new.cost),
        kept_usage=kept.kept_usage + new.kept_usage,
        kept_cost=total_cost(kept.kept_cost, new.kept_cost),
        suspected_orphans=kept.suspected_orphans + new.suspected_orphans,
        polls=kept.polls + new.polls,
    )


def total_cost(*costs: float | None, is_known: bool = False) -> float | None:
    """The sum of all costs that are known; None if none is, unless `is_known` says that it is then 0."""
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 9) if known or is_known else None


def _response(generation: Generation, response_id: str, attempt: int) -> Response:
    error = {"code": generation.error_code, "message": generation.error_message}
    return Response(
        id=response_id,
        attempt=attempt,
        status=generation.status,
        model=generation.model,
        usage=generation.usage,
        error=error if any(error.values()) else None,
        incomplete_details={"reason": generation.incomplete_reason} if generation.incomplete_reason else None,
        created_at=_utc(generation.created_at),
        completed_at=_utc(generation.completed_at),
    )


def _utc(unix: int | None) -> datetime | None:
    try:
        return None if unix is None else datetime.fromtimestamp(unix, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None
