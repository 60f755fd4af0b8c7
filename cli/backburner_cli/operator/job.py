"""A document's run as commands and the console list it: from its journal line, or its open record before it ends."""

import sys
from datetime import datetime
from typing import Any

import msgspec

from backburner.errors import Reason
from backburner.ledger.journal import Line
from backburner.ledger.keys import output_location
from backburner.ledger.records import OpenRecord, State
from backburner.ports import Stored

UNCLAIMED = "unclaimed"
_SHOWN = {state: "running" if state is State.SUBMITTING else str(state) for state in State}
"""Lists show a job that is being submitted as running."""


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A run of a document, as lists show it. It is kept as an array, since there may be a hundred thousand."""

    key: str
    state: State | None
    """None for a document without a job: its event is still to come, or a sweep will find it."""
    job_id: str
    run: int
    recipe: str
    model: str
    reason: Reason | None = None
    waiting_for: str | None = None
    tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    polls: int = 0
    suspected_orphans: int = 0
    uploaded_at: datetime
    finished_at: datetime | None = None
    result_key: str | None = None
    result_lag_s: float | None = None
    is_reused: bool = False
    saved_tokens: int = 0
    saved_cost: float | None = None
    """What it would have used, if it had not taken another's answer over."""
    quotes: int = 0

    def __post_init__(self) -> None:
        """Keep each name of a recipe or model only once in memory."""
        msgspec.structs.force_setattr(self, "recipe", sys.intern(self.recipe))
        msgspec.structs.force_setattr(self, "model", sys.intern(self.model))

    def plain(self) -> dict[str, Any]:
        """The job as JSON, by the fields' names."""
        fields: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(self))
        return fields

    @property
    def shown_state(self) -> str:
        """The state that lists show."""
        return UNCLAIMED if self.state is None else _SHOWN[self.state]

    @property
    def waits_for(self) -> str | None:
        """What a waiting job waits for; None for all others."""
        return (self.waiting_for or "turn") if self.state is State.WAITING else None

    @property
    def is_open(self) -> bool:
        """Whether the run is not over."""
        return self.state is State.RUNNING or self.state is State.WAITING or self.state is State.SUBMITTING

    @property
    def changed_at(self) -> datetime:
        """When the run ended, or while it is open, when its document was uploaded."""
        return self.finished_at or self.uploaded_at


def ended_job(line: Line) -> Job:
    """A finished run, from its journal line."""
    return Job(
        key=line.key,
        state=line.state,
        job_id=line.job_id,
        run=line.run,
        recipe=line.recipe,
        model=line.model,
        reason=line.reason,
        tokens=line.usage.total_tokens,
        input_tokens=line.usage.input_tokens,
        output_tokens=line.usage.output_tokens,
        suspected_orphans=line.suspected_orphans,
        cost=line.cost,
        polls=line.polls,
        uploaded_at=line.uploaded_at,
        finished_at=line.finished_at,
        result_key=line.result_key,
        result_lag_s=line.result_lag_s,
        is_reused=line.is_reused,
        saved_tokens=line.saved_tokens,
        saved_cost=line.saved_cost,
        quotes=line.quotes,
    )


def open_job(record: OpenRecord) -> Job:
    """A run that is not over, from its open record."""
    return Job(
        key=record.source.key,
        state=record.state,
        job_id=record.job_id,
        run=record.run,
        recipe=record.recipe.name,
        model=record.provider.model,
        waiting_for=record.waiting_for,
        tokens=record.usage.total_tokens,
        input_tokens=record.usage.input_tokens,
        output_tokens=record.usage.output_tokens,
        suspected_orphans=record.suspected_orphans,
        cost=record.cost,
        polls=record.polls,
        uploaded_at=record.uploaded_at,
    )


def unclaimed_job(key: str, stored: Stored) -> Job:
    """A document without a job."""
    recipe = output_location(key).recipe
    return Job(key=key, state=None, job_id="", run=0, recipe=recipe, model="", uploaded_at=stored.last_modified)
