"""Settles a run that is over and removes what it left behind; doing it again is harmless.

Order: settle → remove the older error record and result → [if answers are reused, note this one] → remove parts →
[the caller] remove the open record. After a crash in between, the run's message comes back and all of it is done again;
the settlement is booked only once.
"""

from dataclasses import dataclass

from backburner.capacity.governor import Governor
from backburner.documents.recipes import parse
from backburner.ledger.changes import booked
from backburner.ledger.keys import OWNER, text_key, work_folder
from backburner.ledger.ledger import Ledger
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, RunRecord
from backburner.outcome.answers import Answers
from backburner.outcome.current_job import CurrentJob, CurrentJobs
from backburner.ports import Bucket, Stored


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """Clears up after runs."""

    bucket: Bucket
    ledger: Ledger
    current_jobs: CurrentJobs
    governor: Governor
    messenger: Messenger
    answers: Answers

    async def clear_up(self, record: OpenRecord, committed: RunRecord | ErrorRecord) -> None:
        """Settle a run, remove what it left behind, and close its record. The caller deletes its message."""
        await self.settle(record, committed)
        there = await self.bucket.head(record.source.key)
        if there is not None and there.etag != record.source.etag:  # uploaded during the commit; its event may be lost
            await self.start_current(record, there)
        if isinstance(committed, RunRecord):
            await self._remove_replaced(record, committed)
            await self.answers.note(record, committed)
            if not has_failures(committed):
                await self.remove_parts(record)
        await self.close(record)

    async def close(self, record: OpenRecord) -> None:
        """Remove the open record of a settled run and, before it, the text kept for checking quotes."""
        if keeps_text(record) or _was_undivided(record):
            await self.bucket.delete(text_key(record.job_id, record.run))
        await self.ledger.close(record)
        self.governor.closed(record.name)

    async def settle(self, record: OpenRecord, ended: JobRecord) -> None:
        """Book the usage in the record that ended the run: the open record may know less.

        An open record without the run's generations was claimed after the run was over, by a process that had checked
        before; the run was booked already, with the record that knew them.
        """
        if (ended.job_id, ended.run) != (record.job_id, record.run):
            ended = record  # a later run has replaced the record
        if record.reservation is not None:
            tokens, cost = booked(record, ended.own_usage, ended.responses)  # its parts settle for themselves
            if _is_claimed_late(record, ended):
                tokens, cost = 0, 0.0
            await self.governor.settle(record.name, recorded=record.counted, tokens=tokens, cost=cost)

    async def remove_parts(self, record: OpenRecord) -> None:
        """Remove all objects below `ledger/work` of this run and of earlier ones, whose parts it may have reused.

        An earlier run that is open still needs its own: its superseded record is to name what its parts generated.
        """
        if record.division is not None:
            folder, removes = work_folder(record.job_id), {record.run: True}
            async for key, _ in self.bucket.listed(folder):
                name = key.removeprefix(folder).partition("/")[0]
                run = int(name) if name.isdecimal() else record.run + 1
                if run < record.run and run not in removes:
                    removes[run] = await self.ledger.open_record(record.job_id, run) is None
                if removes.get(run):
                    await self.bucket.delete(key)

    async def start_current(self, record: OpenRecord, source: Stored | None) -> None:
        """Send a message to open the run that the current version of the document still needs, if any."""
        current = await self.current_jobs.current(record.source.key, source)
        if current is not None and (run := await self._run_missing(record, current)):
            await self.messenger.open_run(current.job_id, run, record.source.key)

    async def _run_missing(self, record: OpenRecord, current: CurrentJob) -> int | None:
        """The run of the current job that must still be opened, for instance because our text replaced its result."""
        committed = await self.ledger.committed(current.location, current.job_id)
        wrote = bool(record.responses) or record.division is not None or record.reuses is not None
        ours = await self.bucket.head(current.location.result_key(record.output)) if wrote else None
        overwritten = _is_of(ours, record) and not committed.committed_by(record)
        return committed.last_run + 1 if overwritten else committed.run_for_event(current.source.last_modified)

    async def _remove_replaced(self, record: OpenRecord, committed: RunRecord) -> None:
        """Remove what the run record replaced: an older error record, result and file of failed lines."""
        replaced = committed.replaces
        failed = await self.bucket.head(record.location.error_record_key) if replaced.error_etag else None
        if failed is not None and failed.etag == replaced.error_etag:
            await self.bucket.delete(record.location.error_record_key)
        if replaced.result_key is not None and replaced.result_key != committed.result_key:
            await self.bucket.delete(replaced.result_key)
        if replaced.errors_key is not None and not has_failures(committed):
            await self.bucket.delete(replaced.errors_key)


def has_failures(record: OpenRecord | RunRecord) -> bool:
    """Whether lines of a batch failed, which a replay would run again."""
    return record.lines is not None and record.lines.failed > 0


def _is_claimed_late(record: OpenRecord, ended: JobRecord) -> bool:
    """Whether an open record knows nothing of what its run has generated. That of a segment names no generations."""
    if record.segment is not None:
        return record.submitted_at is None
    return not ended.response_ids <= record.response_ids


def keeps_text(record: OpenRecord) -> bool:
    """Whether the text that was sent is kept until the run ends; the texts of parts are stored anyway."""
    is_one = record.part_of is None and record.division is None and record.segment is None
    return is_one and bool(record.recipe_text) and parse(record.recipe_text).has_quotes


def _was_undivided(record: OpenRecord) -> bool:
    """Whether a run in parts was sent whole before, so that its text may have been kept as well."""
    is_cut = record.part_of is None and record.division is not None and not record.division.is_batch
    return is_cut and record.context_overflows > 0 and parse(record.recipe_text).has_quotes


def _is_of(stored: Stored | None, record: OpenRecord) -> bool:
    return stored is not None and stored.metadata.get(OWNER) == record.name
