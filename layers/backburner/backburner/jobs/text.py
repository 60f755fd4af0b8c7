"""The text of a document or part, read within what one process may hold in memory."""

from dataclasses import dataclass

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.ledger.keys import OutputLocation
from backburner.ledger.records import OpenRecord
from backburner.memory.budget import Hold, MemoryBudget
from backburner.ports import Bucket, Extractor, Stored, TooLargeError


@dataclass(frozen=True, kw_only=True)
class DocumentReader:
    """Makes text of documents; both ways raise `JobError` for what cannot be read."""

    bucket: Bucket
    extractor: Extractor
    memory: MemoryBudget

    async def extract(self, source: Stored, location: OutputLocation, hold: Hold) -> Extracted:
        """The text of a document whose bytes are in hand; a part is text already."""
        self.memory.must_fit(source.size_bytes)
        if location.is_part:
            return Extracted(source.body.decode())
        await hold.before_reading(source.body, location.key)
        extracted = await self.extractor.extract(source.body, location.key)
        await hold.after_reading(len(extracted.text))
        return extracted

    async def read(self, record: OpenRecord, hold: Hold) -> Extracted | None:
        """The document that a run was claimed for; None if another version stands there by now."""
        self.memory.must_fit(record.source.size)
        try:
            source = await self.bucket.get(record.source.key, record.source.size)
        except TooLargeError:
            return None
        if source is None:
            raise JobError(Reason.SOURCE_MISSING, "the document was removed before its generation was started")
        if source.etag != record.source.etag:
            return None
        return await self.extract(source, record.location, hold)
