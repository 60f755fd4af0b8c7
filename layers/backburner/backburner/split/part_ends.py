"""How the parts of a document or batch ended, and what they used and cost together."""

from msgspec.structs import replace

from backburner.ledger.changes import total_cost
from backburner.ledger.ledger import Committed
from backburner.ledger.records import ErrorRecord, OpenRecord, Part, PartEnd, RunRecord


def end_of(level: int, number: int, part: Part, committed: Committed) -> PartEnd | None:
    """How a part ended; None if it has not."""
    ends: list[RunRecord | ErrorRecord] = [held.record for held in (committed.run, committed.error) if held]
    ends.sort(key=lambda end: end.run, reverse=True)
    ended = next((end for end in ends if part.is_reused or end.run >= part.run), None)
    if ended is None:
        return None
    return PartEnd(
        level=level,
        number=number,
        job_id=ended.job_id,
        run=ended.run,
        state=ended.state,
        reason=ended.reason if isinstance(ended, ErrorRecord) else None,
        responses=[response.id for response in ended.responses],
        submitted_at=ended.submitted_at,
        usage=ended.usage,
        cost=ended.cost,
        kept_usage=ended.kept_usage,
        kept_cost=ended.kept_cost,
        suspected_orphans=ended.suspected_orphans,
        polls=ended.polls,
        lines=ended.lines,
        is_reused=part.is_reused,
    )


def total(record: OpenRecord, ends: list[PartEnd]) -> OpenRecord:
    """The record with its parts; usage, cost and suspected orphans are its own plus theirs, except for reused parts.

    A batch's result has lines from all its runs, so there everything is added up, and the share of earlier runs is
    given separately. `submitted_at` is that of the first part.
    """
    is_batch = record.division is not None and record.division.is_batch
    own = [end for end in ends if not end.is_reused]
    reused = [end for end in ends if end.is_reused] if is_batch else []
    submitted = [at for at in (record.submitted_at, *(end.submitted_at for end in own)) if at is not None]
    return replace(
        record,
        parts=ends,
        submitted_at=min(submitted, default=None),
        usage=sum((end.usage for end in (*own, *reused)), record.usage),
        cost=total_cost(record.cost, *(end.cost for end in (*own, *reused)), is_known=record.price is not None),
        kept_usage=sum((*(end.kept_usage for end in own), *(end.usage for end in reused)), record.kept_usage),
        kept_cost=total_cost(record.kept_cost, *(end.kept_cost for end in own), *(end.cost for end in reused)),
        suspected_orphans=record.suspected_orphans + sum(end.suspected_orphans for end in own),
        polls=record.polls + sum(end.polls for end in own),
    )
