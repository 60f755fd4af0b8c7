"""Keeps track of a run's documents: which are under way, and how each one ended, whichever process ended it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backburner.adapters.folder.bucket import FolderBucket
from backburner.ledger.journal import Line
from backburner.ledger.keys import INBOX, output_location
from backburner.ledger.ledger import Committed
from backburner.ledger.records import ErrorRecord, State, decode
from backburner.ports import Stored
from backburner.wiring.core import Core
from backburner_cli.folder.again import RunsAgain
from backburner_cli.folder.progress import Progress
from backburner_cli.folder.tally import Failure, Tally


@dataclass
class Pending:
    """A document under way: its job, and when that was last found to be open."""

    job: str
    since: float


@dataclass(kw_only=True)
class Tracker:
    """Counts the documents of a run, and shows each one that ends."""

    core: Core
    bucket: FolderBucket
    recipe: str
    recipe_source: bytes | None
    again: RunsAgain
    tally: Tally
    progress: Progress
    pending: dict[str, Pending] = field(default_factory=dict)
    """The documents under way, by key."""
    _early: set[str] = field(default_factory=set)
    """Documents left by earlier runs that ended in this one before the intake reached them."""

    def key_of(self, path: str) -> str:
        """The key of the document at a path in the folder."""
        return f"{INBOX}{self.recipe}/{path}"

    async def is_over(self, key: str) -> bool:
        """Whether the current version of a document has ended, or it is gone; if not, it is counted as under way."""
        source = await self.bucket.head(key)
        if source is None:
            self.pending.pop(key, None)
            return True
        committed = await self._committed(key, source)
        is_asked_for = self.again.has(committed.job, committed.last_run + 1)
        if is_asked_for or committed.run_for_event(source.last_modified) is not None:
            before = self.pending.get(key)
            if before is None or before.job != committed.job:
                self.pending[key] = Pending(committed.job, time.monotonic())
            return False
        was_pending = self.pending.pop(key, None) is not None or key in self._early
        self._early.discard(key)
        if committed.is_done(committed.last_run):
            self.tally.failures.pop(_path(key), None)
            self.tally.done += was_pending
            self.tally.done_before += not was_pending
        elif committed.error is not None:
            self.fail(key, await self._failure(committed.error.record), is_new=was_pending)
        return True

    async def _committed(self, key: str, source: Stored) -> Committed:
        location = output_location(key)
        job = self.core.current_jobs.job_of(location, source, self.recipe_source).job_id
        return await self.core.ledger.committed(location, job)

    async def _failure(self, record: ErrorRecord) -> Failure:
        where = await self.bucket.file_of(record.location.error_record_key)
        return Failure(reason=str(record.reason), message=record.message, record=str(where) if where else None)

    def fail(self, key: str, failure: Failure, *, is_new: bool = True) -> None:
        """Count a document as failed, and show it if it is new."""
        self.pending.pop(key, None)
        path = _path(key)
        if path not in self.tally.failures and is_new:
            self.progress.failed(path, failure)
        self.tally.failures[path] = failure

    async def note(self, lines: Sequence[Line]) -> None:
        """Count and show what this process has ended."""
        for line in lines:
            self.tally.add(line)
            if line.state is State.SUPERSEDED or not line.key.startswith(self.key_of("")):
                continue
            is_known = self.pending.pop(line.key, None) is not None
            if not is_known:
                self._early.add(line.key)
            await self._show_end(line, is_known=is_known)

    async def _show_end(self, line: Line, *, is_known: bool) -> None:
        path = _path(line.key)
        if line.state is State.DONE:
            self.tally.failures.pop(path, None)
            self.tally.done += is_known
            result = await self.bucket.file_of(line.result_key or "")
            self.progress.done(path, str(result) if result else None)
            return
        stored = await self.bucket.get(output_location(line.key).error_record_key)
        unrecorded = Failure(message=str(line.reason))
        self.fail(line.key, await self._failure(decode(stored.body, ErrorRecord)) if stored else unrecorded)

    async def reopen_replayed(self, knows: Callable[[str], bool]) -> None:
        """Count documents that had ended and were replayed since as under way again, if the intake `knows` them."""
        for key in await self.again.look():
            source, path = await self.bucket.head(key), _path(key)
            if source is None or key in self.pending or not knows(path):
                continue
            committed = await self._committed(key, source)
            if self.again.has(committed.job, committed.last_run + 1):
                self.pending[key] = Pending(committed.job, time.monotonic())
                self.tally.reopen(path)


def _path(key: str) -> str:
    return key.split("/", 2)[2]
