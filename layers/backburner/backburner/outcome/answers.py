"""Finished answers by what they are about, so that the same document under another name is not paid for again.

An object below `ledger/answers/` names the run whose answer it is (ADR 24). It is a hint, never the truth: what it
names is looked at before it is taken over, and what does not hold any more is as good as absent.
"""

from dataclasses import dataclass

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import JSON, Ledger
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Reused, RunRecord
from backburner.memory.budget import Hold
from backburner.ports import ABSENT, Bucket, ConflictError


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
    """Finds answers, and notes new ones."""

    bucket: Bucket
    ledger: Ledger

    async def find(self, key: str, recipe: RecipeRef, provider: ProviderRef) -> Reused | None:
        """Whose answer is noted under a key, as far as the records tell; None where there is none that holds."""
        stored = await self.bucket.get(key)
        if stored is None:
            return None
        try:
            note = msgspec.json.decode(stored.body, type=_Note)
            made = await self._made(note.key)
        except (msgspec.DecodeError, ValueError):  # somebody else's object
            return None
        if made is None or (made.job_id, made.run) != (note.job_id, note.run) or not _fits(made, recipe, provider):
            return None
        return Reused(job_id=made.job_id, run=made.run, key=note.key, usage=made.usage, cost=made.cost)

    async def read(self, record: OpenRecord, hold: Hold) -> Answer | None:
        """The answer that a run is to take over; None where it is not there any more as it was written."""
        wanted = record.reuses
        made = await self._made(wanted.key) if wanted is not None else None
        if wanted is None or made is None or (made.job_id, made.run) != (wanted.job_id, wanted.run):
            return None
        stored = await hold.document(self.bucket, made.result_key)
        if (
            not _fits(made, record.recipe, record.provider)
            or stored is None
            or stored.etag != made.result_etag
            or not stored.body
        ):
            return None
        return Answer(record=made, text=stored.body.decode())

    async def _made(self, key: str) -> RunRecord | None:
        try:
            return await self.ledger.run_record(output_location(key))
        except UnreadableError:
            return None

    async def note(self, record: OpenRecord, committed: RunRecord) -> None:
        """Note the answer of a run that has generated it. What another run has noted gives way: the latest holds."""
        is_own = (committed.job_id, committed.run) == (record.job_id, record.run)
        if record.answer_key is None or not is_own or committed.reused is not None:
            return
        note = msgspec.json.encode(_Note(job_id=record.job_id, run=record.run, key=record.source.key))
        try:
            await self._put(record.answer_key, note, ABSENT)
        except ConflictError:
            there = await self.bucket.get(record.answer_key)
            if there is not None and there.body != note:
                await self._replace(record.answer_key, note, there.etag)

    async def _replace(self, key: str, note: bytes, etag: str) -> None:
        try:
            await self._put(key, note, etag)
        except ConflictError:
            return  # another run's, and as good

    async def _put(self, key: str, note: bytes, match: str) -> None:
        await self.bucket.put(key, note, match=match, content_type=JSON)


def _fits(made: RunRecord, recipe: RecipeRef, provider: ProviderRef) -> bool:
    """Whether a run record tells of an answer by the same recipe and model, and of one that was generated."""
    is_same = made.recipe.sha256 == recipe.sha256 and made.provider == provider
    return is_same and made.lines is None and made.reused is None
