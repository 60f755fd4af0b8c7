"""Finished answers by what they are about, so that the same document under another name is not paid for again.

An object below `ledger/answers/` names the run whose answer it is, or is to be (ADR 24). It is a hint, never the truth:
what it names is looked at before it is taken over, and what does not hold any more is as good as absent.
"""

from dataclasses import dataclass

import msgspec

from backburner.errors import Reason, UnreadableError
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import JSON, Ledger
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Reused, RunRecord
from backburner.memory.budget import Hold
from backburner.ports import ABSENT, Bucket, ConflictError, Stored

FRESH_S = 60.0
"""So long after its note a run is believed to be about to be claimed."""


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
    """Finds answers, and notes whose they are."""

    bucket: Bucket
    ledger: Ledger

    async def find(self, key: str, recipe: RecipeRef, provider: ProviderRef) -> Reused | None:
        """Whose answer may be taken over, finished or under way; None where it has to be generated."""
        stored = await self.bucket.get(key)
        note = None if stored is None else _noted(stored)
        return None if stored is None or note is None else await self._holding(stored, note, recipe, provider)

    async def claim(self, record: OpenRecord) -> Reused | None:
        """Whose answer a run is to take over; None where it is to generate it, which is noted for others to wait for.

        What the record names already does not hold any more.
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
        """The answer that a run is to take over; None where it is not there, or not any more as it was written."""
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
        """Whether the run that an answer was expected of has failed, and not only been cancelled."""
        error = (await self.ledger.committed(output_location(wanted.key), wanted.job_id)).error
        is_its = error is not None and error.record.name == f"{wanted.job_id}.{wanted.run}"
        return is_its and error is not None and error.record.reason is not Reason.CANCELLED

    async def note(self, record: OpenRecord, committed: RunRecord) -> None:
        """Note the answer of a run that has generated it. What another run has noted gives way: the latest holds."""
        is_own = (committed.job_id, committed.run) == (record.job_id, record.run)
        if record.answer_key is not None and is_own and committed.reused is None:
            await self._write(record, await self.bucket.get(record.answer_key))

    async def _write(self, record: OpenRecord, stored: Stored | None) -> bool:
        """Put a run's note over what was read there; False where another has put one meanwhile."""
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
        """The record of a run that is done; None where it is not, or cannot be read."""
        try:
            made = await self.ledger.run_record(output_location(note.key))
        except UnreadableError:
            return None
        return made if made is not None and (made.job_id, made.run) == (note.job_id, note.run) else None

    async def _is_open(self, note: _Note | Reused) -> bool:
        """Whether a run is under way that generates its answer: nobody waits for one that waits itself."""
        held = await self.ledger.open_record(note.job_id, note.run)
        return held is not None and held.record.reuses is None and held.record.cancelled_for is None


def reused(made: RunRecord) -> Reused:
    """Whose answer it is, and what it used."""
    return Reused(job_id=made.job_id, run=made.run, key=made.source.key, usage=made.usage, cost=made.cost)


def _is_known(note: _Note, record: OpenRecord) -> bool:
    """Whether a note is of a run itself, or of the one that it has waited for in vain."""
    vain = record.reuses
    return note.job_id == record.job_id or (vain is not None and (note.job_id, note.run) == (vain.job_id, vain.run))


def _noted(stored: Stored) -> _Note | None:
    """What a note says; None for somebody else's object."""
    try:
        note = msgspec.json.decode(stored.body, type=_Note)
        output_location(note.key)
    except (msgspec.DecodeError, ValueError):
        return None
    return note


def _fits(made: RunRecord, recipe: RecipeRef, provider: ProviderRef) -> bool:
    """Whether a run record tells of an answer by the same recipe and model, and of one that was generated."""
    is_same = made.recipe.sha256 == recipe.sha256 and made.provider == provider
    return is_same and made.lines is None and made.reused is None
