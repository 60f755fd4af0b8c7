"""Replays a document: sends one message for its next run, and the checker does the rest.

Only the message is written. It opens its run or is void: it is void once the run is open (with another ticket in its
record) or over. So any number of replays until then make one run.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum

from backburner.ledger.ledger import Committed, Ledger
from backburner.ledger.messenger import Messenger
from backburner.outcome.current_job import CurrentJobs
from backburner.ports import Bucket

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """The outcome of a replay."""

    REPLAYED = "replayed"  # the message for the next run of its job is sent
    NEW_VERSION = "new_version"  # the same, but it is another job: bytes, recipe or model have changed
    RUNNING = "running"  # its job is open already: nothing is done
    DONE = "done"  # its job is done: nothing is done
    SOURCE_MISSING = "source_missing"  # the document is not in the inbox any more


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a replay would do: open this run of this job, or nothing if `run` is 0."""

    outcome: Outcome
    job: str = ""
    run: int = 0


@dataclass(frozen=True, kw_only=True)
class Replayer:
    """Runs documents again, each once, however often it is asked to."""

    bucket: Bucket
    ledger: Ledger
    current_jobs: CurrentJobs
    messenger: Messenger

    async def replay(self, key: str, *, rerun: bool = False) -> Outcome:
        """Send the message for a document's next run, unless its job is open, or is done and `rerun` is not set."""
        plan = await self.plan(key, rerun=rerun)
        if plan.run:
            await self.messenger.open_run(plan.job, plan.run, key)
            logger.info("replayed", extra={"job_id": plan.job, "run": plan.run, "key": key})
        return plan.outcome

    async def plan(self, key: str, *, rerun: bool = False) -> Plan:
        """Say what `replay` would do now. Raises `ValueError` for a key outside the inbox."""
        current = await self.current_jobs.current(key, await self.bucket.head(key))
        if current is None:
            return Plan(outcome=Outcome.SOURCE_MISSING)
        committed = await self.ledger.committed(current.location, current.job_id)
        run = committed.last_run + 1
        if await self.ledger.open_record(current.job_id, run):
            return Plan(outcome=Outcome.RUNNING)
        if _is_done(committed) and not rerun:
            return Plan(outcome=Outcome.DONE)
        outcome = Outcome.NEW_VERSION if run == 1 and committed.etags else Outcome.REPLAYED
        return Plan(outcome=outcome, job=current.job_id, run=run)


def _is_done(committed: Committed) -> bool:
    """Whether the current result is that of the job's last run that is over."""
    done = committed.run.record if committed.run else None
    if done is not None and done.lines is not None and done.lines.failed:
        return False  # its failed lines can be run again
    return done is not None and (done.job_id, done.run) == (committed.job, committed.last_run)
