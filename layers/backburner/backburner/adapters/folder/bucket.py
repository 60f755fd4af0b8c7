"""The bucket over a folder: documents are the user's own files, everything else is in files that we write."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backburner.adapters.folder.database import Database, Turn
from backburner.adapters.folder.documents import Documents
from backburner.adapters.folder.files import Staged, remove
from backburner.adapters.folder.objects import Objects
from backburner.errors import RetryLaterError
from backburner.ports import Stored

_PAGE: Final = 2000
"""Objects of a list that are looked at in one transaction."""
_DOCUMENTS_PAGE: Final = 500
"""Fewer documents: one that has changed is read whole."""
_SMALL_BYTES: Final = 256 * 1024
"""Content up to this size is written in the database's own thread."""
_Page = tuple[list[tuple[str, Stored]], str | None]


@dataclass(frozen=True, kw_only=True)
class FolderBucket:
    """The port `Bucket`."""

    database: Database
    objects: Objects
    documents: Documents

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read a whole object."""
        if not self._is_document(key):
            return await self.database.run(lambda turn: self.objects.get(turn, key, limit_bytes))
        read = await asyncio.to_thread(self.documents.read, key, limit_bytes)
        if read is None:
            return None
        version, etag, body = read
        return await self.database.run(lambda turn: self.documents.noted(turn, key, version, etag, body))

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Bytes [first, last) of an object with this ETag."""
        store = self.documents if self._is_document(key) else self.objects
        return await self.database.run(lambda turn: store.get_range(turn, key, first, last, match))

    async def head(self, key: str) -> Stored | None:
        """Read all but the body."""
        store = self.documents if self._is_document(key) else self.objects
        return await self.database.run(lambda turn: store.head(turn, key))

    async def file_of(self, key: str) -> Path | None:
        """The file that an object was put into, whatever has become of it since; None if there is no such object."""
        return await self.database.run(lambda turn: self.objects.file_of(turn, key))

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write if the condition holds. Raises `RetryLaterError` for a document, which belongs to the user."""
        assert content_type, "the port requires it; files do not have one"
        if self._is_document(key):
            raise RetryLaterError(f"{key} is the user's own file")
        named = metadata or {}
        if isinstance(body, bytes) and len(body) <= _SMALL_BYTES:
            return await self.database.run(lambda turn: self.objects.put(turn, key, body, match, named))
        staged = await self._staged(key, body)
        try:
            return await self.database.run(lambda turn: self.objects.put(turn, key, staged, match, named))
        except BaseException:
            await asyncio.to_thread(remove, staged.path)
            raise

    async def delete(self, key: str) -> None:
        """Remove an object."""
        await self.database.run(lambda turn: self.objects.delete(turn, key))

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix; only those documents that were read before."""
        documents = self.documents.prefix
        is_inbox = prefix.startswith(documents)
        are_due = is_inbox or documents.startswith(prefix)
        if not is_inbox:
            async for one in self._pages(lambda turn, at: self.objects.page(turn, prefix, at, _PAGE), after):
                if are_due and one[0] > documents:
                    async for document in self._documents(prefix, after):
                        yield document
                    are_due = False
                yield one
        if are_due:
            async for document in self._documents(prefix, after):
                yield document

    async def _documents(self, prefix: str, after: str) -> AsyncIterator[tuple[str, Stored]]:
        start = max(after, prefix[:-1] if prefix.startswith(self.documents.prefix) else "")
        async for key, stored in self._pages(lambda turn, at: self.documents.page(turn, at, _DOCUMENTS_PAGE), start):
            if key.startswith(prefix):
                yield key, stored
            elif key > prefix:
                return

    async def _pages(self, page: Callable[[Turn, str], _Page], after: str) -> AsyncIterator[tuple[str, Stored]]:
        going: str | None = after
        while going is not None:
            at = going
            found, going = await self.database.run(lambda turn, at=at: page(turn, at))  # type: ignore[misc]
            for one in found:
                yield one

    async def _staged(self, key: str, body: bytes | Path) -> Staged:
        try:
            return await asyncio.to_thread(self.objects.stage, key, body)
        except OSError as error:
            self.database.last_error = f"{error.filename or 'the disk'}: {error.strerror}"
            raise RetryLaterError(self.database.last_error) from error

    def _is_document(self, key: str) -> bool:
        return key.startswith(self.documents.prefix)
