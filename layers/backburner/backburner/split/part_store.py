"""Stores the parts of a document below `ledger/work/`: their texts, and the outputs beside them.

The texts are named by a hash of their content, so a text that is cut differently is stored elsewhere, and the parts
that a record names are never a mixture.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from backburner.documents.pictures import PagesPart
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ledger.keys import output_location, work_folder
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import OpenRecord, Part
from backburner.ports import ABSENT, PLAIN_TEXT, Bucket, ConflictError, Stored

AT_ONCE = 16
"""How many parts are read or written, and so held in memory, at the same time."""


def text_of(key: str, body: bytes) -> str:
    """The text of a part; a part that only names pages has none."""
    return msgspec.json.decode(body, type=PagesPart).text if output_location(key).is_pages else body.decode()


@dataclass(frozen=True)
class PartStore:
    """Writes parts, and reads parts and their outputs."""

    bucket: Bucket
    ledger: Ledger

    async def put(
        self, record: OpenRecord, level: int, count: int, body: Callable[[int], bytes], suffix: str = ""
    ) -> list[Part]:
        """Write the parts of a level, each one made when it is needed; their keys end in `suffix`.

        A part of level 0 that is stored already is taken up: the job may have failed, been replaced and been put back.
        """
        digest = hashlib.sha256()
        for number in range(count):
            digest.update((b"\0" if number else b"") + body(number))
        folder = f"{work_folder(record.job_id, record.run)}{digest.hexdigest()[:12]}"
        at_once = asyncio.Semaphore(AT_ONCE)

        async def put(number: int) -> Part:
            async with at_once:
                key = f"{folder}/{level}-{number + 1:04d}{suffix}"
                etag, is_new = await self._put(key, body(number))
                part = Part(key=key, etag=etag)
                return part if is_new or level else await self.taken_up(part)

        return list(await asyncio.gather(*map(put, range(count))))

    async def _put(self, key: str, text: bytes) -> tuple[str, bool]:
        """Write a text unless it is there already, as its name shows. Returns the ETag, and whether it is new."""
        try:
            return await self.bucket.put(key, text, match=ABSENT, content_type=PLAIN_TEXT), True
        except ConflictError:
            there = await self.bucket.head(key)
            if there is None:
                raise RetryLaterError(f"{key} was neither written nor there") from None
            return there.etag, False

    async def origin(self, record: OpenRecord) -> tuple[str, str]:
        """Key and ETag of the document whose pages a run shows: its own or, for a part, the one that the part names.

        Raises `JobError` (`lost`) if the part is gone.
        """
        if not record.location.is_pages:
            return record.source.key, record.source.etag
        stored = await self.bucket.get(record.source.key)
        if stored is None:
            raise JobError(Reason.LOST, f"{record.source.key}, a part that was not done, is gone")
        named = msgspec.json.decode(stored.body, type=PagesPart)
        return named.key, named.etag

    async def keys(self, record: OpenRecord) -> set[str]:
        """The keys of all objects stored for a job, whichever run has written them."""
        return {key async for key, _ in self.bucket.listed(work_folder(record.job_id))}

    async def is_over(self, part: Part, keys: set[str]) -> bool:
        """Whether a part has ended. Its records need to be read only if a replay makes their keys ambiguous."""
        location = output_location(part.key)
        if not {location.run_record_key, location.error_record_key} & keys:
            return False
        if part.run == 1 or part.is_reused:
            return True
        committed = await self.ledger.committed(location, "")
        return any(held.record.run >= part.run for held in (committed.run, committed.error) if held)

    async def taken_up(self, part: Part) -> Part:
        """A part as a replay takes it up: already done, or to be run again."""
        committed = await self.ledger.committed(output_location(part.key), "")
        done, failed = committed.run, committed.error
        if done and not (done.record.lines and done.record.lines.failed):
            return replace(part, is_reused=True)
        last = max((held.record.run for held in (done, failed) if held), default=part.run - 1)
        return replace(part, run=last + 1)

    async def document_text(self, parts: Sequence[Part]) -> str:
        """The text of a document that was cut, put together from its parts without their overlaps.

        Text that is in no part becomes white space. Raises `JobError` (`lost`) if a part is gone.
        """
        texts, chars = list[str](), 0
        for first in range(0, len(parts), AT_ONCE):
            block = parts[first : first + AT_ONCE]
            for part, stored in zip(block, await self._texts(block), strict=True):
                if stored is None:
                    raise JobError(Reason.LOST, f"{part.key}, a part of the document, is gone")
                between = "\n" * (part.first - chars)
                texts.append(between + text_of(part.key, stored.body)[max(chars - part.first, 0) :])
                chars += len(texts[-1])
        return "".join(texts)

    async def _texts(self, parts: Sequence[Part]) -> list[Stored | None]:
        return list(await asyncio.gather(*(self.bucket.get(part.key) for part in parts)))

    async def answer(self, part: Part, output: str) -> str:
        """The result of a part that is done. Raises `JobError` (`lost`) if it is gone."""
        stored = await self.bucket.get(output_location(part.key).result_key(output))
        if stored is None:
            raise JobError(Reason.LOST, f"the answer about {part.key} is gone")
        return stored.body.decode()
