"""The figures of a report, from the runs of its documents."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime  # noqa: TC003 - msgspec reads the fields' types
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backburner.ledger.records import State
from backburner_cli.operator.figures import at_share, cost_of
from backburner_cli.operator.remedies import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backburner.errors import Reason
    from backburner_cli.operator.job import Job

STATES: Final = ("done", "failed", "running", "waiting", "not started")
_WITHIN: Final = (
    (10, "10 s"), (30, "30 s"), (60, "1 min"), (120, "2 min"), (300, "5 min"), (600, "10 min"), (1800, "30 min"),
    (3600, "1 h"), (10_800, "3 h"), (43_200, "12 h"), (86_400, "1 day"),
)  # fmt: skip
MAX_AGAIN: Final = 200


class Use(msgspec.Struct, kw_only=True):
    """What the runs of one recipe with one model used; `cost` is None if the recipe names no price."""

    recipe: str
    model: str
    runs: int = 0
    done: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    @property
    def tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens


class Latency(msgspec.Struct, kw_only=True):
    """Times from upload to result, of first runs that are done; replays start later, when an operator asks for them."""

    runs: int
    p50_s: float
    p90_s: float
    p99_s: float
    longest_s: float
    buckets: list[dict[str, Any]]


class Failure(msgspec.Struct, kw_only=True):
    """The failed documents of one reason."""

    reason: str
    count: int
    remedy: str
    documents: list[dict[str, Any]]


class Again(msgspec.Struct, kw_only=True):
    """Documents that had more than one run."""

    documents: int
    extra_runs: int
    cost: float | None
    listed: list[dict[str, Any]]


class Saved(msgspec.Struct, kw_only=True):
    """Runs that took an answer over, and what they would have used; `cost` is None if no recipe names a price."""

    runs: int
    tokens: int
    cost: float | None


class Quoted(msgspec.Struct, kw_only=True):
    """Quotes that were checked. `documents` is empty unless they were asked for."""

    runs: int
    quotes: int
    documents: list[dict[str, Any]]


class Report(msgspec.Struct, kw_only=True):
    """The whole report. `documents` are counted separately from the states, so `balances` proves something."""

    described: str
    made_at: datetime
    scope: dict[str, str]
    documents: int
    states: dict[str, int]
    balances: bool
    removed: int
    """Documents with runs that are no longer in the inbox."""
    uses: list[Use]
    total: Use
    without_price: int
    suspected_orphans: int
    saved: Saved
    quoted: Quoted
    latency: Latency | None
    failures: list[Failure]
    again: Again


def figures(
    *,
    described: str,
    made_at: datetime,
    scope: dict[str, str],
    states: Mapping[str, int],
    latest: Sequence[Job],
    removed: int,
    ended: Sequence[Job],
) -> Report:
    """Make the figures. `states` counts the inbox, `latest` has its jobs, `ended` all finished runs."""
    counted = {name: states.get(name, 0) for name in STATES}
    by_jobs = Counter(job.shown_state for job in latest)
    return Report(
        described=described,
        made_at=made_at,
        scope=scope,
        documents=sum(states.values()),
        states=counted,
        balances=sum(counted.values()) == sum(states.values())
        and all(by_jobs[name] <= counted[name] for name in counted),
        removed=removed,
        uses=uses_of(ended),
        total=_use("", "", ended),
        without_price=sum(job.cost is None and job.input_tokens > 0 for job in ended),
        suspected_orphans=sum(job.suspected_orphans for job in ended),
        saved=_saved(ended),
        quoted=_quoted(ended),
        latency=_latency(ended),
        failures=_failures(latest),
        again=_again(ended),
    )


def uses_of(jobs: Iterable[Job]) -> list[Use]:
    """What the runs of each recipe with each model used, ordered by recipe and model."""
    groups: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.recipe, job.model].append(job)
    return [_use(recipe, model, group) for (recipe, model), group in sorted(groups.items())]


def _use(recipe: str, model: str, jobs: Sequence[Job]) -> Use:
    return Use(
        recipe=recipe,
        model=model,
        runs=len(jobs),
        done=sum(job.state is State.DONE for job in jobs),
        failed=sum(job.state is State.FAILED for job in jobs),
        input_tokens=sum(job.input_tokens for job in jobs),
        output_tokens=sum(job.output_tokens for job in jobs),
        cost=cost_of(jobs),
    )


def _saved(ended: Iterable[Job]) -> Saved:
    taken = [job for job in ended if job.is_reused]
    costs = [job.saved_cost for job in taken if job.saved_cost is not None]
    tokens = sum(job.saved_tokens for job in taken)
    return Saved(runs=len(taken), tokens=tokens, cost=round(sum(costs), 9) if costs else None)


def _quoted(ended: Iterable[Job]) -> Quoted:
    counts = [job.quotes for job in ended if job.quotes]
    return Quoted(runs=len(counts), quotes=sum(counts), documents=[])


def _latency(ended: Iterable[Job]) -> Latency | None:
    lasted = sorted(
        max(0.0, (job.finished_at - job.uploaded_at).total_seconds())
        for job in ended
        if job.state is State.DONE and job.run == 1 and job.finished_at is not None
    )
    if not lasted:
        return None
    buckets, below = [], 0
    for limit_s, name in (*_WITHIN, (float("inf"), "longer")):
        count = sum(below_s <= limit_s for below_s in lasted) - below
        below += count
        buckets.append({"within": name, "count": count, "percent": round(100 * count / len(lasted), 1)})
    while buckets and not buckets[-1]["count"]:
        buckets.pop()

    p50_s, p90_s, p99_s, longest_s = (round(at_share(lasted, share), 1) for share in (0.5, 0.9, 0.99, 1))
    return Latency(runs=len(lasted), p50_s=p50_s, p90_s=p90_s, p99_s=p99_s, longest_s=longest_s, buckets=buckets)


def _failures(latest: Iterable[Job]) -> list[Failure]:
    groups: dict[Reason, list[Job]] = defaultdict(list)
    for job in latest:
        if job.state is State.FAILED and job.reason is not None:
            groups[job.reason].append(job)
    return [
        Failure(
            reason=str(reason),
            count=len(group),
            remedy=REMEDIES[reason],
            documents=[{"key": job.key, "finished_at": job.finished_at} for job in group],
        )
        for reason, group in sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))
    ]


def _again(ended: Iterable[Job]) -> Again:
    runs: dict[str, list[Job]] = defaultdict(list)
    for job in ended:
        runs[job.key].append(job)
    repeated = {key: sorted(each, key=lambda job: job.changed_at) for key, each in runs.items() if len(each) > 1}
    extra = [job for each in repeated.values() for job in each[1:]]
    most = sorted(repeated.items(), key=lambda item: (-len(item[1]), item[0]))[:MAX_AGAIN]
    listed = [
        {"key": key, "runs": len(each), "ends": [str(job.reason or job.state) for job in each], "cost": cost_of(each)}
        for key, each in most
    ]
    return Again(documents=len(repeated), extra_runs=len(extra), cost=cost_of(extra), listed=listed)
