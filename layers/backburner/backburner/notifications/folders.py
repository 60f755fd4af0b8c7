"""Finds folders that have ended. A folder's note counts the runs since its last notification and keeps its pass.

A pass goes through the folder's documents in the order of their keys and waits at the first one that has not ended or
was uploaded a moment ago. Each tick checks that one again, so waiting costs three listings a minute. A pass that had to
wait is followed by another; one that reaches the end without waiting sends the folder's notification.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from backburner.capacity.timing import RANDOM
from backburner.errors import RetryLaterError
from backburner.ledger.inbox_pages import PageRecords, page_of, records_of
from backburner.ledger.keys import folder_note_key, folders_of, output_location
from backburner.ledger.records import RunRecord, State, decode
from backburner.notifications.delivery import Deliverer
from backburner.notifications.notification import (
    DocumentEnded,
    Documents,
    FolderEnded,
    Notification,
    Runs,
    added,
    of_folder,
)
from backburner.ports import ABSENT, JSON, Bucket, ConflictError, Stored

logger = logging.getLogger(__name__)

QUIET_S = 120.0
"""A folder's notification waits until nothing was uploaded for this long, so that a long upload causes only one."""
_READS_AT_ONCE = 32
_TRIES = 5


class FolderNote(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that ended in a folder since its last notification, and how far the pass over its documents has got."""

    folder: str
    identity: str
    counted: list[str]
    """Keys of notices that are counted already and may not be removed yet."""
    runs: Runs = Runs()
    after: str = ""
    """The last document that the pass found ended."""
    is_clean: bool = True
    """Whether the pass has not had to wait."""
    done: int = 0
    failed: int = 0
    is_ended: bool = False
    """Whether its notification is about to be sent, so that nothing more is counted."""


@dataclass(frozen=True)
class _Held:
    """A note as it was last read or written."""

    key: str
    note: FolderNote
    etag: str


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Counts the runs that end in each folder, and notifies of folders in which everything has ended."""

    bucket: Bucket
    name: str
    """The bucket's name, for notifications."""

    async def count(self, ended: Mapping[str, DocumentEnded], remaining: set[str]) -> set[str]:
        """Add each run once to the notes of its folders, by the key of its notice.

        `remaining` are the notices that have not been removed. Returns those that every note has counted.
        """
        by_folder: dict[str, dict[str, DocumentEnded]] = {}
        for notice, document in ended.items():
            for folder in folders_of(document.key):
                by_folder.setdefault(folder, {})[notice] = document
        counted = set(ended)
        for folder, documents in by_folder.items():
            if not await self._count(folder, documents, remaining):
                counted -= documents.keys()
        return counted

    async def _count(self, folder: str, documents: Mapping[str, DocumentEnded], remaining: set[str]) -> bool:
        """Count these in a folder's note. Returns False if they could not be, as for a note about to be sent."""
        for _ in range(_TRIES):
            held = await self._read(folder_note_key(folder))
            note = held.note if held else FolderNote(folder=folder, identity=secrets.token_hex(16), counted=[])
            if note.is_ended:
                return False
            runs = note.runs
            for notice, document in documents.items():
                if notice not in note.counted:
                    runs = added(runs, document)
            counted = sorted({one for one in note.counted if one in remaining} | documents.keys())
            try:
                key, match = folder_note_key(folder), held.etag if held else ABSENT
                await self._write(key, replace(note, runs=runs, counted=counted), match)
            except ConflictError:
                continue
            return True
        return False

    async def advance(self, keys: Sequence[str], deliverer: Deliverer) -> None:
        """Continue the pass of each folder with a note, in random order, and notify of those that have ended."""
        for key in RANDOM.sample(keys, len(keys)):
            held = await self._read(key)
            try:
                while held is not None and not held.note.is_ended:
                    held = await self._pass(held)
                if held is not None:
                    await deliverer.deliver(self._notification(held.note))
                    await self.bucket.delete(key)
            except ConflictError:
                continue  # another tick is at work on it
            except RetryLaterError as error:
                logger.warning("folder left to the next tick", extra={"note": key, "error": str(error)})

    async def _pass(self, held: _Held) -> _Held | None:
        """Go through one page. Returns the updated note, or None if the pass has to wait."""
        note, page = held.note, await page_of(self.bucket, held.note.folder, held.note.after)
        if not page:
            at_end = replace(note, is_ended=True) if note.is_clean else _from_the_start(note)
            return await self._rewritten(held, at_end)
        records = await records_of(self.bucket, page)
        documents = [(key, document) for key, document in page.items() if not key.endswith("/")]
        for first in range(0, len(documents), _READS_AT_ONCE):
            chunk = documents[first : first + _READS_AT_ONCE]
            ended = await asyncio.gather(*(self._state(key, document, records) for key, document in chunk))
            for (key, _), state in zip(chunk, ended, strict=True):
                if state is None:
                    await self._rewritten(held, replace(note, is_clean=False))
                    return None
                done, failed = note.done + (state is State.DONE), note.failed + (state is State.FAILED)
                note = replace(note, done=done, failed=failed, after=key)
        return await self._rewritten(held, replace(note, after=max(page)))

    async def _state(self, key: str, document: Stored, records: PageRecords) -> State | None:
        """How a document ended; None if it has not, or was uploaded a moment ago.

        Uploading the same bytes again makes no new job, so their run record is older than the document and yet valid.
        """
        if document.age_s < QUIET_S:
            return None
        if state := records.state_of(key, document):
            return state
        stored = await self.bucket.get(output_location(key).run_record_key)
        if stored is not None and decode(stored.body, RunRecord).source.etag == document.etag:
            return State.DONE
        return None

    async def _read(self, key: str) -> _Held | None:
        stored = await self.bucket.get(key)
        if stored is None:
            return None
        return _Held(key, msgspec.json.decode(stored.body, type=FolderNote), stored.etag)

    async def _rewritten(self, held: _Held, note: FolderNote) -> _Held:
        return held if note == held.note else _Held(held.key, note, await self._write(held.key, note, held.etag))

    async def _write(self, key: str, note: FolderNote, match: str) -> str:
        return await self.bucket.put(key, msgspec.json.encode(note), match=match, content_type=JSON)

    def _notification(self, note: FolderNote) -> Notification:
        documents = Documents(total=note.done + note.failed, done=note.done, failed=note.failed)
        ended = FolderEnded(bucket=self.name, folder=note.folder, documents=documents, runs=note.runs)
        return of_folder(note.identity, ended)


def _from_the_start(note: FolderNote) -> FolderNote:
    return replace(note, after="", is_clean=True, done=0, failed=0)
