"""Keeps the text sent for a run below `ledger/work/` until the quotes of its answer are checked (ADR 23).

Only for recipes that ask for quotes and documents that are sent whole: the texts of parts are stored anyway. It is
written before the create, over the text of any earlier attempt; the run's end removes it (`outcome/clear_up.py`).
"""

from dataclasses import dataclass

import msgspec

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.jobs.text import DocumentReader
from backburner.ledger.keys import text_key
from backburner.ledger.records import OpenRecord
from backburner.memory.budget import Hold
from backburner.outcome.clear_up import keeps_text
from backburner.ports import ABSENT, PLAIN_TEXT, Bucket, ConflictError


class _Header(msgspec.Struct, frozen=True):
    pages: list[int] = []


@dataclass(frozen=True, kw_only=True)
class SentTexts:
    """Stores and reads the texts that were sent."""

    bucket: Bucket
    reader: DocumentReader

    async def keep(self, record: OpenRecord, document: Extracted) -> None:
        """Write the text of a document that is about to be sent, if its quotes are to be checked."""
        if not keeps_text(record):
            return
        key = text_key(record.job_id, record.run)
        body = msgspec.json.encode(_Header(list(document.page_starts))) + b"\n" + document.text.encode(errors="replace")
        try:
            await self._put(key, body, ABSENT)
        except ConflictError:
            there = await self.bucket.head(key)
            try:
                await self._put(key, body, ABSENT if there is None else there.etag)
            except ConflictError:
                raise RetryLaterError(f"{key} is being written by other processes") from None

    async def sent(self, record: OpenRecord, hold: Hold) -> Extracted:
        """The text that was sent for a run; if it is gone, the document is read again.

        Raises `JobError` (`source_missing`) if the document was removed or replaced as well.
        """
        stored = await hold.document(self.bucket, text_key(record.job_id, record.run))
        if stored is not None and stored.body:
            end = stored.body.index(b"\n")
            pages = msgspec.json.decode(stored.body[:end], type=_Header).pages
            text = str(memoryview(stored.body)[end + 1 :], "utf-8")  # without a copy of the bytes
            return Extracted(text, page_starts=tuple(pages))
        found = await self.reader.read(record, hold)
        if found is None:
            raise JobError(Reason.SOURCE_MISSING, "the document was replaced before its quotes could be checked")
        return found

    async def _put(self, key: str, body: bytes, match: str) -> None:
        await self.bucket.put(key, body, match=match, content_type=PLAIN_TEXT)
