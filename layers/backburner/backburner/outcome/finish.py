"""Ending a run: done, failed or superseded. The record at the place is the commit (DESIGN section 6).

Order of effects, and what a crash before each costs:
  result text → run record (the commit) → settlement → older error record and older result file away → open record away
  → [the caller] message away → the provider's copy away; the journal's line waits in memory for the end of the tick.
Before the commit the message comes back and everything is done again from what stands there: the text is written over
its own copy, no generation is started. After the commit it comes back and only clears up; the settlement books once,
whoever asks for it; the journal's line is lost, and rebuilt by an audit.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backburner.capacity.governor import Governor
from backburner.errors import Reason, RetryLaterError
from backburner.ledger.journal import Journal
from backburner.ledger.keys import work_folder
from backburner.ledger.ledger import Committed, Held, Ledger, new_nonce
from backburner.ledger.messages import Message, new_ticket
from backburner.ledger.records import (
    ErrorRecord,
    JobRecord,
    OpenRecord,
    R,
    Replaced,
    RunRecord,
    State,
    SupersededRecord,
    booked,
    log_keys,
    shared,
)
from backburner.outcome.current import CurrentJob, CurrentJobs
from backburner.ports import ABSENT, Bucket, Clock, ConflictError, Queue, Stored

logger = logging.getLogger(__name__)

_TRIES = 5
"""How often a commit looks again after meeting a change; then the message is left to come back."""
_CONTENT_TYPES = {
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
_OWNER = "backburner-run"
"""Metadata of a result: `<job_id>.<run>`, to tell our text from another run's before its record stands."""


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """Ends runs, each of them once, whoever else tries."""

    bucket: Bucket
    ledger: Ledger
    inbox: CurrentJobs
    governor: Governor
    journal: Journal
    pending: Queue
    clock: Clock

    async def done(self, record: OpenRecord, text: "_Text") -> State:
        """Write the text and its run record, on condition that nobody else did meanwhile. Returns how the run ended."""
        place, nonce = record.place, new_nonce()
        result_key = place.result_key(record.output)
        for _ in range(_TRIES):
            committed = await self.ledger.committed(place, record.job_id)
            own = committed.run is not None and committed.run.record.nonce == nonce
            if not own and (ended := await self._settled(record, committed, text)):
                return ended
            try:
                etag = await self._put_text(record, result_key, text)
                run_record = self._run_record(record, committed, result_key, etag, nonce)
                await self.ledger.put(place.run_record_key, run_record, _match(committed.run))
            except ConflictError:
                continue  # look again: still current?
            written = await self.bucket.head(result_key)
            if written is not None and written.etag == etag:
                logger.info("job done", extra=log_keys(record) | {"result_key": result_key, "polls": record.polls})
                await self._note(run_record)
                await self._clear_up(record, run_record)
                return State.DONE
        raise RetryLaterError(f"{result_key} is written by others all the time")

    async def fail(self, record: OpenRecord, reason: Reason, message: str) -> State:
        """Write the error record, on condition that nobody else ended the run. Returns how the run ended."""
        place, nonce = record.place, new_nonce()
        for _ in range(_TRIES):
            committed = await self.ledger.committed(place, record.job_id)
            error_record = self._error_record(record, reason, message, nonce)
            if committed.error is None or committed.error.record.nonce != nonce:
                if ended := await self._settled(record, committed, None):
                    return ended
                try:
                    await self.ledger.put(place.error_record_key, error_record, _match(committed.error))
                except ConflictError:
                    continue  # look again: still current, or our own write?
            logger.warning("job failed", extra=log_keys(record) | {"reason": reason})
            await self._note(error_record)
            await self._clear_up(record, error_record)
            return State.FAILED
        raise RetryLaterError(f"{place.error_record_key} is written by others all the time")

    async def supersede(self, record: OpenRecord, text: str | None) -> State:
        """Set a replaced run aside, and see to it that the place gets what is current.

        Once the superseded record stands, an event opens the next run; what came before it may have been turned away
        because this run was open, so the place is looked at once more, and a message starts what it lacks.
        """
        ended = self._ended(record, State.SUPERSEDED, new_nonce())
        aside = SupersededRecord(**ended, text=text, parts=record.parts)
        stands = await self.ledger.set_aside(aside)
        if stands.nonce == aside.nonce:
            await self.journal.note(aside)
        if record.part_of is None:
            await self._start_current(record, await self.bucket.head(record.source.key))
        await self._settle(record, stands)
        await self._clear_parts(record)
        await self.ledger.close(record)
        self.governor.closed(record.name)
        logger.info("job superseded", extra=log_keys(record) | {"with_text": text is not None})
        return State.SUPERSEDED

    async def settled(self, record: OpenRecord) -> State | None:
        """How a run ended by other hands, cleared up behind; None while it is still to be carried on."""
        return await self._settled(record, await self.ledger.committed(record.place, record.job_id), None)

    async def _settled(self, record: OpenRecord, committed: Committed, text: "_Text | None") -> State | None:
        if record.run <= committed.superseded_run:
            return await self.supersede(record, _quotable(text))
        if committed.run is not None and committed.is_done(record.run):
            await self._clear_up(record, committed.run.record)
            return State.DONE
        if committed.error is not None and committed.is_over(record.run):
            await self._clear_up(record, committed.error.record)
            return State.FAILED
        if await self.inbox.is_superseded(record, committed):
            return await self.supersede(record, _quotable(text))
        return None

    async def _note(self, ended: RunRecord | ErrorRecord) -> None:
        """The journal's line; parts have none: their document's counts what they used."""
        if not ended.place.is_part:
            await self.journal.note(ended)

    async def _clear_parts(self, record: OpenRecord) -> None:
        """Remove what lies under `ledger/work` for this run and those before it, whose parts it may have taken up."""
        if record.division is not None:
            folder = work_folder(record.job_id)
            async for key, _ in self.bucket.listed(folder):
                run = key.removeprefix(folder).partition("/")[0]
                if run.isdecimal() and int(run) <= record.run:
                    await self.bucket.delete(key)

    async def _clear_up(self, record: OpenRecord, committed: RunRecord | ErrorRecord) -> None:
        """Settle, and take away what a run that is over leaves: harmless however often. The caller has its message."""
        await self._settle(record, committed)
        there = await self.bucket.head(record.source.key)
        if there is not None and there.etag != record.source.etag:  # it came under the commit; its event may be lost
            await self._start_current(record, there)
        if isinstance(committed, RunRecord):
            replaced = committed.replaces
            failed = await self.bucket.head(record.place.error_record_key) if replaced.error_etag else None
            if failed is not None and failed.etag == replaced.error_etag:
                await self.bucket.delete(record.place.error_record_key)
            if replaced.result_key is not None and replaced.result_key != committed.result_key:
                await self.bucket.delete(replaced.result_key)
            if replaced.errors_key is not None and not _has_failures(committed):
                await self.bucket.delete(replaced.errors_key)
            if not _has_failures(committed):
                await self._clear_parts(record)
        await self.ledger.close(record)
        self.governor.closed(record.name)

    async def _start_current(self, record: OpenRecord, source: Stored | None) -> None:
        """Send a message for the run that the document as it stands now is lacking, if it lacks one."""
        current = await self.inbox.current(record.source.key, source)
        if current is not None and (run := await self._run_missing(record, current)):
            message = Message(job=current.job_id, run=run, key=record.source.key, ticket=new_ticket())
            await self.pending.send(message.encode(), 0)

    async def _settle(self, record: OpenRecord, ended: JobRecord) -> None:
        """Book what the record that ended the run says it used: the open record may know less."""
        if (ended.job_id, ended.run) != (record.job_id, record.run):
            ended = record  # a later run's record stands there by now
        if record.reservation is not None:
            tokens, cost = booked(record, ended.own_usage, ended.responses)  # its parts settle for themselves
            await self.governor.settle(record.name, told=record.counted, tokens=tokens, cost=cost)

    async def _put_text(self, record: OpenRecord, key: str, text: "_Text") -> str:
        there = await self.bucket.head(key)
        return await self.bucket.put(
            key,
            text.encode() if isinstance(text, str) else text,
            match=ABSENT if there is None else there.etag,
            content_type=_CONTENT_TYPES[record.output],
            metadata={_OWNER: record.name},
        )

    async def _run_missing(self, record: OpenRecord, current: CurrentJob) -> int | None:
        """The run of the current job that nobody has opened; also if our text stands where its own belongs."""
        committed = await self.ledger.committed(current.place, current.job_id)
        wrote = bool(record.responses) or record.division is not None
        ours = await self.bucket.head(current.place.result_key(record.output)) if wrote else None
        overwritten = _is_of(ours, record) and not committed.committed_by(record)
        return committed.last_run + 1 if overwritten else committed.run_for_event(current.source.last_modified)

    def _run_record(self, record: OpenRecord, committed: Committed, key: str, etag: str, nonce: str) -> RunRecord:
        before = committed.run.record if committed.run else None
        own = before is not None and before.nonce == nonce
        replaced = (
            before.replaces
            if before and own
            else Replaced(
                result_key=before.result_key if before else None,
                error_etag=committed.error.etag if committed.error else None,
                errors_key=record.place.errors_key if _has_errors(committed) else None,
            )
        )
        return RunRecord(
            **self._ended(record, State.DONE, nonce),
            result_key=key,
            result_etag=etag,
            parts=record.parts,
            lines=record.lines,
            resume=record.resume if _has_failures(record) else None,
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
    """How to try again: where the document itself is at fault, its bytes have to change."""
    address = f"s3://{record.source.bucket}/{record.source.key}"
    if reason in _FAULTS_OF_DOCUMENTS:
        return f"correct the document and upload it to {address} again"
    return f"upload {address} again (the same bytes will do)"


_FAULTS_OF_DOCUMENTS = frozenset(
    {
        Reason.EMPTY_DOCUMENT,
        Reason.UNREADABLE_DOCUMENT,
        Reason.UNSUPPORTED_TYPE,
        Reason.UNSUPPORTED_ENDPOINT,
    }
)

_Text = str | bytes | Path
"""A result: a batch's is a file."""


def _quotable(text: _Text | None) -> str | None:
    """What a superseded record keeps: never the lines of a batch."""
    return text if isinstance(text, str) else None


def _has_errors(committed: Committed) -> bool:
    """Whether a batch has left a file of lines that failed."""
    return any(
        held.record.lines is not None and held.record.lines.failed for held in (committed.run, committed.error) if held
    )


def _has_failures(record: OpenRecord | RunRecord) -> bool:
    """Whether lines of a batch failed, which a replay would run again."""
    return record.lines is not None and record.lines.failed > 0


def _match(held: Held[R] | None) -> str:
    return ABSENT if held is None else held.etag


def _is_of(stored: Stored | None, record: OpenRecord) -> bool:
    return stored is not None and stored.metadata.get(_OWNER) == record.name
