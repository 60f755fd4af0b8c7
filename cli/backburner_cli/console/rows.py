"""The rows of the page's list: a document's latest run as JSON, and the query that selects and sorts them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backburner_cli.operator.listing import SORTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from backburner_cli.operator.job import Job
    from backburner_cli.operator.listing import Filter

STATES = ("unclaimed", "waiting", "running", "done", "failed", "superseded")


def row_of(job: Job) -> dict[str, Any]:
    """A job as JSON. Times are seconds since 1970; `lag_s` is from the provider's end to the commit."""
    return {
        "key": job.key,
        "state": job.shown_state,
        "job_id": job.job_id,
        "run": job.run,
        "recipe": job.recipe,
        "model": job.model,
        "reason": job.reason,
        "waiting_for": job.waits_for,
        "input_tokens": job.input_tokens,
        "output_tokens": job.output_tokens,
        "cost": job.cost,
        "uploaded_at": job.uploaded_at.timestamp(),
        "finished_at": _seconds(job.finished_at),
        "result_key": job.result_key,
        "lag_s": job.result_lag_s,
    }


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which jobs, in which order; an empty field or None excludes nothing."""

    wanted: Filter
    keys: frozenset[str] = frozenset()
    recipe: str | None = None
    """Compared with the job's own recipe, which is faster than by key."""
    sort: str = "time"
    reverse: bool = True

    def of(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs that pass, in order."""
        found = [job for job in jobs if job.key in self.keys] if self.keys else jobs
        if self.recipe:
            recipe = unicodedata.normalize("NFC", self.recipe)
            found = [job for job in found if job.recipe == recipe]
        return sorted(filter(self.wanted.has, found), key=SORTS[self.sort], reverse=self.reverse)
