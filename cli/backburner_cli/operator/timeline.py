"""What happened to a document, by its records: uploaded, waited, attempts, looks, how each ended, what it cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from backburner.ledger.records import ErrorRecord, JobRecord, Looks, Response, RunRecord
from backburner_cli.terminal import count_of, span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


_WAITS: Final = {
    "capacity": "a free slot",
    "rate": "the rate limit",
    "turn": "its turn",
    "provider": "the provider",
    "budget": "the budget",
    "retry": "another attempt",
    "reuse": "an answer to take over",
}


def events_of(record: JobRecord) -> Iterator[tuple[datetime, str]]:
    """The events of a run according to its record, in no particular order."""
    yield record.source.last_modified, f"uploaded, {record.source.size:,} bytes"
    run = f"run {record.run}: "
    if record.waited:
        waits = ", ".join(f"{span(seconds)} for {_WAITS.get(what, what)}" for what, seconds in record.waited.items())
        yield _left(record), f"{run}waited {waits}"
    if record.submitted_at is not None and not record.responses:
        yield record.submitted_at, f"{run}started"
    for number, response in enumerate(record.responses, 1):
        attempt = f"{run}attempt {response.attempt}: "
        began = response.created_at or (record.submitted_at if number == 1 else None)
        if began is not None:
            began = max(began, record.source.last_modified)  # the provider's clock has whole seconds, or is another one
            yield began, f"{attempt}generation {response.id} started"
        ended = response.completed_at
        if response.looks and began is not None:
            seen = began + timedelta(seconds=response.looks.last_s)
            yield seen, f"{attempt}{_looks(response.looks)}"
            ended = ended or seen
        if ended is not None:
            verdict = "; does not count, another attempt follows" if number < len(record.responses) else ""
            yield ended, f"{attempt}{_ended(response)}{verdict}"
    if record.finished_at is not None:
        yield record.finished_at, run + _end(record)


def by_journal(run: int, state: str, reason: str | None) -> str:
    """How a run ended whose record is gone, as its line in the journal says."""
    return f"run {run} ended: {state}{f': {reason}' if reason else ''} (from the journal)"


def _left(record: JobRecord) -> datetime:
    """When a run stopped waiting for the last time, as far as its record shows."""
    started = [response.created_at for response in record.responses if response.created_at is not None]
    return max(started, default=None) or record.submitted_at or record.finished_at or record.source.last_modified


def _looks(looks: Looks) -> str:
    if looks.count == 1:
        return f"looked at once, {span(looks.last_s)} after its start"
    return f"looked at {looks.count} times, first {span(looks.first_s)} after its start, last {span(looks.last_s)}"


def _ended(response: Response) -> str:
    used = (
        f", {response.usage.input_tokens:,} tokens in, {response.usage.output_tokens:,} out" if response.usage else ""
    )
    details = response.error or response.incomplete_details or {}
    why = details.get("code") or details.get("reason") or details.get("message")
    return f"generation {response.status}{used}{f', {why}' if why else ''}"


def _end(record: JobRecord) -> str:
    cost = "" if record.cost is None else f", cost {record.cost:.6f}"
    polls = f" after {count_of(record.polls, 'poll')}" if record.polls else ""
    if isinstance(record, ErrorRecord):
        return f"failed{polls}: {record.reason}{cost}"
    if isinstance(record, RunRecord):
        taken_over = f", the answer of {record.reused.key}" if record.reused is not None else ""
        return f"done{polls}: {record.result_key}{taken_over}{cost}"
    return f"superseded{polls}: the document was replaced by a newer version{cost}"
