"""Ends a run: done, failed or superseded. The record at the output location is the commit (DESIGN section 6).

Order of effects, and what a crash before each costs:
  result text → [a notice, if notifications are on] → run record (the commit) → [clear_up.py] settle, remove what was
  replaced, remove the open record → [the caller] delete the message, then the provider's copy; the journal's line stays
  in memory until the end of the tick.
After a crash before the commit, the message comes back and everything is done again: the text is written over its own
copy, and no generation is started. After a crash after the commit, it comes back and only clears up; the journal's
line is lost until an audit rebuilds it.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backburner.errors import Reason, RetryLaterError
from backburner.ledger.journal import Journal
from backburner.ledger.keys import FOLDER, OWNER
from backburner.ledger.ledger import Committed, Held, Ledger, Open, new_nonce, nothing_committed
from backburner.ledger.records import (
    ErrorRecord,
    OpenRecord,
    R,
    Replaced,
    RunRecord,
    State,
    SupersededRecord,
    log_keys,
    shared,
)
from backburner.notifications.announce import Announcer
from backburner.outcome.clear_up import Cleaner, has_failures
from backburner.outcome.current_job import CurrentJobs
from backburner.ports import ABSENT, JSON, PLAIN_TEXT, Bucket, Clock, ConflictError

logger = logging.getLogger(__name__)

_TRIES = 5
"""How often a commit is tried when other processes interfere; then the message is left to come back."""
_CONTENT_TYPES = {
    "md": "text/markdown; charset=utf-8",
    "txt": PLAIN_TEXT,
    "json": JSON,
    "jsonl": "application/x-ndjson",
}


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """Ends runs, each exactly once, even if several processes try."""

    bucket: Bucket
    ledger: Ledger
    current_jobs: CurrentJobs
    cleaner: Cleaner
    journal: Journal
    announcer: Announcer
    clock: Clock

    async def done(self, record: OpenRecord, text: "_Text") -> State:
        """Write the text and its run record, unless another process ended the run. Returns how it ended.

        The first try for an ordinary run does not read its output location: nothing was there when it was claimed, and
        the puts are refused if something is there now. Later tries, and all other runs, read it first (ADR 17).
        """
        location, nonce = record.location, new_nonce()
        result_key = location.result_key(record.output)
        for attempt in range(_TRIES):
            is_ordinary = attempt == 0 and await self.current_jobs.is_ordinary(record)
            if is_ordinary:
                committed = nothing_committed(record.job_id)  # if that is not so, the puts fail
            else:
                committed = await self.ledger.committed(location, record.job_id)
            own = committed.run is not None and committed.run.record.nonce == nonce
            if not own and not is_ordinary and (ended := await self._settled(record, committed, text)):
                return ended
            try:
                match = ABSENT if is_ordinary else await self._seen(result_key)
                etag = await self._put_text(record, result_key, text, match)
                run_record = self._run_record(record, committed, result_key, etag, nonce)
                await self.announcer.announce(run_record)
                await self.ledger.put(location.run_record_key, run_record, _match(committed.run))
            except ConflictError:
                continue  # check again: still current?
            written = await self.bucket.head(result_key)
            if written is not None and written.etag == etag:
                logger.info("job done", extra=log_keys(record) | {"result_key": result_key, "polls": record.polls})
                await self._note(run_record)
                await self.cleaner.clear_up(record, run_record)
                return State.DONE
        raise RetryLaterError(f"other processes keep writing {result_key}")

    async def fail(self, record: OpenRecord, reason: Reason, message: str) -> State:
        """Write the error record, unless another process ended the run. Returns how it ended."""
        location, nonce = record.location, new_nonce()
        for _ in range(_TRIES):
            committed = await self.ledger.committed(location, record.job_id)
            error_record = self._error_record(record, reason, message, nonce)
            if committed.error is None or committed.error.record.nonce != nonce:
                if ended := await self._settled(record, committed, None):
                    return ended
                await self.announcer.announce(error_record)
                try:
                    await self.ledger.put(location.error_record_key, error_record, _match(committed.error))
                except ConflictError:
                    continue  # check again: still current, or our own write?
            logger.warning("job failed", extra=log_keys(record) | {"reason": reason})
            await self._note(error_record)
            await self.cleaner.clear_up(record, error_record)
            return State.FAILED
        raise RetryLaterError(f"other processes keep writing {location.error_record_key}")

    async def fail_if_ours(self, held: Open, reason: Reason, message: str) -> bool:
        """Fail a run if it is still ours, which is proved by writing its record first. False if it is not."""
        mine = await self.ledger.rewrite(held)
        if mine is None:
            return False
        await self.fail(mine.record, reason, message)
        return True

    async def supersede(self, record: OpenRecord, text: str | None, *, keeps_parts: bool = False) -> State:
        """Set a replaced run aside, and make sure that the current version is run.

        Once the superseded record is written, an event can open the next run. Earlier events may have done nothing
        because this run was open, so the document is checked again, and a message opens a run that is missing.

        If the process dies before the settlement, the next one settles what the kept record says. If that adds up two
        runs of one name, the earlier one is booked twice: the day's budget allows less than it could, and nothing more.
        """
        ended = self._ended(record, State.SUPERSEDED, new_nonce())
        aside = SupersededRecord(**ended, text=text, parts=record.parts)
        kept = await self.ledger.set_aside(aside)
        if kept.nonce == aside.nonce:
            await self.journal.note(aside)
        if record.part_of is None:
            await self.cleaner.start_current(record, await self.bucket.head(record.source.key))
        await self.cleaner.settle(record, kept)
        if not keeps_parts:
            await self.cleaner.remove_parts(record)
        await self.cleaner.close(record)
        logger.info("job superseded", extra=log_keys(record) | {"with_text": text is not None})
        return State.SUPERSEDED

    async def settled(self, record: OpenRecord, committed: Committed | None = None) -> State | None:
        """How another process ended a run, after clearing up; None if the run is to continue.

        `committed` is what is committed at its output location, if read since the claim.
        """
        committed = committed or await self.ledger.committed(record.location, record.job_id)
        return await self._settled(record, committed, None)

    async def is_over(self, record: OpenRecord, committed: Committed | None = None) -> bool:
        """Whether a run is over, after clearing up; its document was read a moment ago.

        Unlike `settled`, it does not check whether the document was replaced since: the commit will find that out.
        """
        committed = committed or await self.ledger.committed(record.location, record.job_id)
        return committed.is_over(record.run) and await self._settled(record, committed, None) is not None

    async def _settled(self, record: OpenRecord, committed: Committed, text: "_Text | None") -> State | None:
        if record.run <= committed.superseded_run:
            return await self.supersede(record, _quotable(text))
        if record.has_begun and committed.is_overtaken(record.run):
            return await self.supersede(record, _quotable(text), keeps_parts=not committed.is_done(record.run))
        if committed.run is not None and committed.is_done(record.run):
            await self.cleaner.clear_up(record, committed.run.record)
            return State.DONE
        if committed.error is not None and committed.is_over(record.run):
            await self.cleaner.clear_up(record, committed.error.record)
            return State.FAILED
        if await self.current_jobs.is_superseded(record, committed):
            return await self.supersede(record, _quotable(text))
        return None

    async def _note(self, ended: RunRecord | ErrorRecord) -> None:
        """Note the journal's line. Parts have none, since their parent's line counts what they used."""
        if not ended.location.is_part:
            await self.journal.note(ended)

    async def _seen(self, key: str) -> str:
        there = await self.bucket.head(key)
        return ABSENT if there is None else there.etag

    async def _put_text(self, record: OpenRecord, key: str, text: "_Text", match: str) -> str:
        return await self.bucket.put(
            key,
            text.encode() if isinstance(text, str) else text,
            match=match,
            content_type=_CONTENT_TYPES[record.output],
            metadata={OWNER: record.name},
        )

    def _run_record(self, record: OpenRecord, committed: Committed, key: str, etag: str, nonce: str) -> RunRecord:
        before = committed.run.record if committed.run else None
        own = before is not None and before.nonce == nonce
        replaced = (
            before.replaces
            if before and own
            else Replaced(
                result_key=before.result_key if before else None,
                error_etag=committed.error.etag if committed.error else None,
                errors_key=record.location.errors_key if _has_errors(committed) else None,
            )
        )
        return RunRecord(
            **self._ended(record, State.DONE, nonce),
            result_key=key,
            result_etag=etag,
            parts=record.parts,
            lines=record.lines,
            resume=record.resume if has_failures(record) else None,
            quotes=record.quotes,
            reused=record.reuses,
            replaces=replaced,
        )

    def _error_record(self, record: OpenRecord, reason: Reason, message: str, nonce: str) -> ErrorRecord:
        return ErrorRecord(
            **self._ended(record, State.FAILED, nonce),
            reason=reason,
            message=message,
            partial_text=record.partial_text,
            parts=record.parts,
            lines=record.lines,
            resume=record.resume,
            replay=_replay(record, reason),
        )

    def _ended(self, record: OpenRecord, state: State, nonce: str) -> dict[str, Any]:
        return shared(record) | {"state": state, "finished_at": self.clock.now(), "nonce": nonce}


def _replay(record: OpenRecord, reason: Reason) -> str:
    """How the user can try again: a document that is itself at fault must be changed first."""
    if record.source.bucket == FOLDER:
        return _replay_in_folder(record, reason)
    address = f"s3://{record.source.bucket}/{record.source.key}"
    if reason in _FAULTS_OF_DOCUMENTS:
        return f"correct the document and upload it to {address} again"
    return f"upload {address} again (the same bytes will do)"


def _replay_in_folder(record: OpenRecord, reason: Reason) -> str:
    path = record.source.key.split("/", 2)[-1]
    if reason in _FAULTS_OF_DOCUMENTS:
        return f"correct {path} and run the folder again"
    return f"remove this file and run the folder again; it runs {path} once more"


_FAULTS_OF_DOCUMENTS = frozenset(
    {
        Reason.EMPTY_DOCUMENT,
        Reason.UNREADABLE_DOCUMENT,
        Reason.UNSUPPORTED_TYPE,
        Reason.UNSUPPORTED_ENDPOINT,
    }
)

_Text = str | bytes | Path
"""A result; a batch's is a file."""


def _quotable(text: _Text | None) -> str | None:
    """The text that a superseded record keeps: never the lines of a batch."""
    return text if isinstance(text, str) else None


def _has_errors(committed: Committed) -> bool:
    """Whether a batch has left a file of failed lines."""
    return any(
        held.record.lines is not None and held.record.lines.failed for held in (committed.run, committed.error) if held
    )


def _match(held: Held[R] | None) -> str:
    return ABSENT if held is None else held.etag
