"""Notifications: identifiers, counts, reasons, tokens and cost; never text of a document, an answer or a provider."""

from datetime import datetime

import msgspec

from backburner.errors import Reason
from backburner.ledger.journal import line_of
from backburner.ledger.records import ErrorRecord, RunRecord, State
from backburner.provider.answers import Usage


class DocumentEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a document has ended. Tokens and cost cover this run only, with all its attempts and parts."""

    bucket: str
    key: str
    recipe: str
    model: str
    job_id: str
    run: int
    state: State
    reason: Reason | None
    record_key: str
    """The key of the run or error record."""
    result_key: str | None
    usage: Usage
    cost: float | None
    suspected_orphans: int
    uploaded_at: datetime
    submitted_at: datetime | None
    finished_at: datetime | None


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """The current documents of a folder, by how they ended; `total` is the sum."""

    total: int
    done: int
    failed: int


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that ended since the folder's last notification, and what they used."""

    done: int = 0
    failed: int = 0
    reasons: dict[str, int] = {}
    usage: Usage = Usage()
    cost: float | None = None
    """The cost of the runs whose recipe names a price; null if none does."""
    first_finished_at: datetime | None = None
    last_finished_at: datetime | None = None


class FolderEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Everything below a folder has ended."""

    bucket: str
    folder: str
    documents: Documents
    runs: Runs


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification in the shape of Standard Webhooks. Its `id` stays the same however often it is delivered."""

    id: str
    type: str
    timestamp: datetime | None
    """When the run or folder ended, not when this was delivered."""
    data: DocumentEnded | FolderEnded

    @property
    def body(self) -> bytes:
        """The JSON that is delivered."""
        return msgspec.json.encode(self)


def of_document(record: RunRecord | ErrorRecord, record_key: str) -> Notification:
    """The notification that a document's run has ended, from its record."""
    line = line_of(record)
    ended = DocumentEnded(
        bucket=record.source.bucket,
        key=line.key,
        recipe=line.recipe,
        model=line.model,
        job_id=line.job_id,
        run=line.run,
        state=line.state,
        reason=line.reason,
        record_key=record_key,
        result_key=line.result_key,
        usage=line.usage,
        cost=line.cost,
        suspected_orphans=line.suspected_orphans,
        uploaded_at=line.uploaded_at,
        submitted_at=record.submitted_at,
        finished_at=line.finished_at,
    )
    return Notification(
        id=f"document_{line.job_id}_{line.run}",
        type=f"document.{line.state}",
        timestamp=line.finished_at,
        data=ended,
    )


def of_folder(identity: str, ended: FolderEnded) -> Notification:
    """The notification that everything below a folder has ended."""
    return Notification(id=f"folder_{identity}", type="folder.ended", timestamp=ended.runs.last_finished_at, data=ended)


def added(runs: Runs, ended: DocumentEnded) -> Runs:
    """The runs with one more added."""
    reasons = dict(runs.reasons)
    if ended.reason is not None:
        reasons[ended.reason] = reasons.get(ended.reason, 0) + 1
    times = [time for time in (runs.first_finished_at, runs.last_finished_at, ended.finished_at) if time]
    costs = [cost for cost in (runs.cost, ended.cost) if cost is not None]
    return Runs(
        done=runs.done + (ended.state is State.DONE),
        failed=runs.failed + (ended.state is State.FAILED),
        reasons=reasons,
        usage=runs.usage + ended.usage,
        cost=round(sum(costs), 9) if costs else None,
        first_finished_at=min(times, default=None),
        last_finished_at=max(times, default=None),
    )
