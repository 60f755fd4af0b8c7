"""Finds finished answers by document, recipe and model, so that a copy of a document is not paid for again.

An object below `ledger/answers/` names the run that has given the answer, or is generating it (ADR 24). It is only a
hint: the answer is checked before it is taken over, and a note that no longer holds is ignored.
"""

from dataclasses import dataclass

import msgspec

from backburner.errors import Reason, UnreadableError
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Reused, RunRecord
from backburner.memory.budget import Hold
from backburner.ports import ABSENT, JSON, Bucket, ConflictError, Stored

FRESH_S = 60.0
"""For this long after its note, a run without a record is believed to be about to be claimed."""
_TRIES = 3


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    run: int
    key: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer that may be taken over: its text, and the record that made it valid."""

    record: RunRecord
    text: str


@dataclass(frozen=True)
class Answers:
    """Finds answers to take over, and notes which run gave or generates one."""

    bucket: Bucket
    ledger: Ledger

    async def find(self, key: str, recipe: RecipeRef, provider: ProviderRef) -> Reused | None:
        """The answer that may be taken over, finished or being generated; None if it has to be generated."""
        stored = await self.bucket.get(key)
        note = None if stored is None else _noted(stored)
        return None if stored is None or note is None else await self._holding(stored, note, recipe, provider)

    async def claim(self, record: OpenRecord) -> Reused | None:
        """The answer that a run is to take over; None if it must generate it, which is noted so that other runs wait.

        If the record names an answer already, that one is known to be gone.
        """
        for _ in range(_TRIES):
            stored = None if record.answer_key is None else await self.bucket.get(record.answer_key)
            note = None if stored is None else _noted(stored)
            if stored is not None and note is not None and not _is_known(note, record):
                found = await self._holding(stored, note, record.recipe, record.provider)
                if found is not None:
                    return found
            if await self._write(record, stored):
                return None
        return None

    async def _holding(self, stored: Stored, note: _Note, recipe: RecipeRef, provider: ProviderRef) -> Reused | None:
        made = await self._made(note)
        if made is not None:
            return reused(made) if _fits(made, recipe, provider) else None
        is_coming = stored.age_s < FRESH_S or await self._is_open(note)
        return Reused(job_id=note.job_id, run=note.run, key=note.key) if is_coming else None

    async def read(self, record: OpenRecord, hold: Hold) -> Answer | None:
        """The answer that a run is to take over; None if it is gone or has been changed since."""
        made = None if record.reuses is None else await self._made(record.reuses)
        if made is None or not _fits(made, record.recipe, record.provider):
            return None
        stored = await hold.document(self.bucket, made.result_key)
        if stored is None or stored.etag != made.result_etag or not stored.body:
            return None
        return Answer(record=made, text=stored.body.decode())

    async def is_coming(self, record: OpenRecord) -> bool:
        """Whether the answer that a run is to take over is being generated, or about to be."""
        wanted = record.reuses
        if wanted is None or record.answer_key is None or await self._made(wanted) is not None:
            return False
        if await self._is_open(wanted):
            return True
        stored = await self.bucket.get(record.answer_key)
        note = None if stored is None else _noted(stored)
        is_its = note is not None and (note.job_id, note.run) == (wanted.job_id, wanted.run)
        return stored is not None and is_its and stored.age_s < FRESH_S

    async def has_failed(self, wanted: Reused) -> bool:
        """Whether the run that was to generate an answer has failed, other than by being cancelled."""
        error = (await self.ledger.committed(output_location(wanted.key), wanted.job_id)).error
        is_its = error is not None and error.record.name == f"{wanted.job_id}.{wanted.run}"
        return is_its and error is not None and error.record.reason is not Reason.CANCELLED

    async def note(self, record: OpenRecord, committed: RunRecord) -> None:
        """Note the answer that a run has generated, in place of any other run's note."""
        is_own = (committed.job_id, committed.run) == (record.job_id, record.run)
        if record.answer_key is not None and is_own and committed.reused is None:
            await self._write(record, await self.bucket.get(record.answer_key))

    async def _write(self, record: OpenRecord, stored: Stored | None) -> bool:
        """Write a run's note over what was read there; False if another run has written one meanwhile."""
        note = msgspec.json.encode(_Note(job_id=record.job_id, run=record.run, key=record.source.key))
        if record.answer_key is None or (stored is not None and stored.body == note):
            return True
        match = ABSENT if stored is None else stored.etag
        try:
            await self.bucket.put(record.answer_key, note, match=match, content_type=JSON)
        except ConflictError:
            return False
        return True

    async def _made(self, note: _Note | Reused) -> RunRecord | None:
        """The record of a run that is done; None if it is not, or cannot be read."""
        try:
            made = await self.ledger.run_record(output_location(note.key))
        except UnreadableError:
            return None
        return made if made is not None and (made.job_id, made.run) == (note.job_id, note.run) else None

    async def _is_open(self, note: _Note | Reused) -> bool:
        """Whether a run is under way and generates its answer: a run that waits for another one is not waited for."""
        held = await self.ledger.open_record(note.job_id, note.run)
        return held is not None and held.record.reuses is None and held.record.cancelled_for is None


def reused(made: RunRecord) -> Reused:
    """The reference to a finished run's answer, with what that run used."""
    return Reused(job_id=made.job_id, run=made.run, key=made.source.key, usage=made.usage, cost=made.cost)


def _is_known(note: _Note, record: OpenRecord) -> bool:
    """Whether a note names the run itself, or the run whose answer it has waited for without getting one."""
    vain = record.reuses
    return note.job_id == record.job_id or (vain is not None and (note.job_id, note.run) == (vain.job_id, vain.run))


def _noted(stored: Stored) -> _Note | None:
    """What a note says; None for an object that is not a note."""
    try:
        note = msgspec.json.decode(stored.body, type=_Note)
        output_location(note.key)
    except (msgspec.DecodeError, ValueError):
        return None
    return note


def _fits(made: RunRecord, recipe: RecipeRef, provider: ProviderRef) -> bool:
    """Whether the answer of a run record was generated, with the same recipe and model."""
    is_same = made.recipe.sha256 == recipe.sha256 and made.provider == provider
    return is_same and made.lines is None and made.reused is None
