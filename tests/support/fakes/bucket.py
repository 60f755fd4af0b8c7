"""A bucket in memory that treats conditions and times as S3 does."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from backburner.errors import RetryLaterError
from backburner.ports import ABSENT, ConflictError, Stored, TooLargeError
from support.fakes.world import World

MAX_KEY_BYTES: Final = 1024


@dataclass
class FakeBucket:
    """A bucket like S3: the ETag is the MD5 of the bytes, times are whole seconds, metadata names are lower case."""

    world: World
    objects: dict[str, Stored] = field(default_factory=dict)

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read a whole object."""
        async with self.world.effect("bucket.get", key):
            stored = self._read(key)
        if stored and limit_bytes is not None and stored.size_bytes > limit_bytes:
            raise TooLargeError(stored.size_bytes)
        return stored

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Read some bytes of an object if it has not changed."""
        async with self.world.effect("bucket.get", key):
            stored = self._read(key)
        if stored is not None and stored.etag != match:
            raise ConflictError(key)
        return stored and stored.body[first:last]

    async def head(self, key: str) -> Stored | None:
        """Read everything but the body."""
        async with self.world.effect("bucket.head", key):
            stored = self._read(key)
        return stored and replace(stored, body=b"")

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write if the condition holds."""
        assert content_type
        body = _bytes(body)
        async with self.world.effect("bucket.put", key):
            there = self.objects.get(key)
            if (there.etag if there else ABSENT) != match:
                raise ConflictError(key)
            return self.upload(key, body, metadata)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        async with self.world.effect("bucket.delete", key):
            self.remove(key)

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """List all objects below a prefix, after a key."""
        async with self.world.effect("bucket.list", prefix):
            page = [(key, replace(stored, body=b"")) for key in self.keys(prefix) if (stored := self._read(key))]
        for key, stored in page:
            if key > after:
                yield key, stored

    def upload(self, key: str, body: bytes | str, metadata: Mapping[str, str] | None = None) -> str:
        """Write over whatever is there, as users do, and return the ETag."""
        if len(key.encode()) > MAX_KEY_BYTES:
            raise RetryLaterError(f"a key of more than {MAX_KEY_BYTES} bytes")
        body = body.encode() if isinstance(body, str) else body
        now = self.world.now().replace(microsecond=0)
        self.objects[key] = Stored(
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            size_bytes=len(body),
            last_modified=now,
            read_at=now,
            body=body,
            metadata={name.lower(): value for name, value in (metadata or {}).items()},
        )
        return self.objects[key].etag

    def remove(self, key: str) -> None:
        """Delete, as users do."""
        self.objects.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below a prefix."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def body(self, key: str) -> str:
        """An object's text. Raises `KeyError`."""
        return self.objects[key].body.decode()

    def json(self, key: str) -> Any:
        """An object's JSON. Raises `KeyError`."""
        return json.loads(self.objects[key].body)

    def _read(self, key: str) -> Stored | None:
        there = self.objects.get(key)
        return there and replace(there, read_at=self.world.now().replace(microsecond=0))


def _bytes(body: bytes | Path) -> bytes:
    return body.read_bytes() if isinstance(body, Path) else body
