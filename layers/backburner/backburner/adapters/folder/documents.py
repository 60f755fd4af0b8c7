"""The user's own files as the documents of an inbox: read in place, never written.

A document counts as uploaded when it is first seen, and again whenever its file has changed, by the store's clock: a
file's own times may be anything. Its hash is reused as long as size, inode and times are the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backburner.adapters.folder import files
from backburner.adapters.folder.database import Turn
from backburner.adapters.folder.files import Version, as_time, now_us
from backburner.errors import UnreadableError
from backburner.ledger.keys import INBOX
from backburner.ports import ConflictError, Stored, TooLargeError

_SETTLED_NS: Final = 2_000_000_000
"""A file changed more recently than this may change again while its times stay the same, as they are coarse."""
_COLUMNS: Final = "etag, uploaded_us, size_bytes, inode, mtime_ns, ctime_ns, is_settled"


@dataclass(frozen=True, kw_only=True)
class Documents:
    """The files below a folder, as `inbox/<recipe>/…`."""

    folder: Path
    recipe: str

    @property
    def prefix(self) -> str:
        """The prefix of their keys."""
        return f"{INBOX}{self.recipe}/"

    def file(self, key: str) -> Path:
        """The file of a document."""
        return self.folder / key.removeprefix(self.prefix)

    def read(self, key: str, limit_bytes: int | None) -> tuple[Version, str, bytes] | None:
        """A document's version, ETag and bytes. Needs no transaction. Raises `TooLargeError`, `UnreadableError`."""
        try:
            read = files.read(self.file(key), limit_bytes)
        except OSError as error:
            raise _unreadable(key, error) from error
        if read is None:
            return None
        if read[1] is None:
            raise TooLargeError(read[0].size_bytes)
        return read[0], files.md5_of(read[1]), read[1]

    def head(self, turn: Turn, key: str) -> Stored | None:
        """A document without its body; its file is read only if it may have changed. Raises `UnreadableError`."""
        file, path = self.file(key), key.removeprefix(self.prefix)
        try:
            version = files.version_at(file)
            row = turn.db.execute(f"SELECT {_COLUMNS} FROM documents WHERE path = ?", (path,)).fetchone()  # noqa: S608
            if version is not None and row is not None and row[2:] == (*_numbers(version), 1):
                return _stored(row[0], row[1], version)
            current = None if version is None else files.hashed(file)
        except OSError as error:
            raise _unreadable(key, error) from error
        if current is None:
            turn.db.execute("DELETE FROM documents WHERE path = ?", (path,))
            return None
        return self.noted(turn, key, *current, b"")

    def get_range(self, turn: Turn, key: str, first: int, last: int, match: str) -> bytes | None:
        """A range of a document. Raises `ConflictError` if its ETag is not `match`, and `UnreadableError`."""
        found = self.head(turn, key)
        if found is None:
            return None
        try:
            read = files.read_range(self.file(key), first, last)
        except OSError as error:
            raise _unreadable(key, error) from error
        again = self.head(turn, key)
        if found.etag != match or again is None or again.etag != match:
            raise ConflictError(key)
        return None if read is None else read[1]

    def page(self, turn: Turn, after: str, most: int) -> tuple[list[tuple[str, Stored]], str | None]:
        """A page of known documents after a key, and the key after which to continue; None at the end."""
        found = []
        paths = turn.db.execute(
            "SELECT path FROM documents WHERE path > ? ORDER BY path LIMIT ?", (_below(after, self.prefix), most)
        ).fetchall()
        for (path,) in paths:
            stored = self.head(turn, self.prefix + path)
            if stored is not None:
                found.append((self.prefix + path, stored))
        return found, self.prefix + paths[-1][0] if len(paths) == most else None

    def noted(self, turn: Turn, key: str, version: Version, etag: str, body: bytes) -> Stored:
        """Remember a document as it was just read, and return it for the core."""
        path, now = key.removeprefix(self.prefix), now_us()
        row = turn.db.execute("SELECT etag, mtime_ns, uploaded_us FROM documents WHERE path = ?", (path,)).fetchone()
        is_known = row is not None and row[:2] == (etag, version.mtime_ns)
        uploaded_us = row[2] if is_known else now
        is_settled = now * 1000 - version.ctime_ns > _SETTLED_NS
        turn.db.execute(
            f"INSERT OR REPLACE INTO documents (path, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
            (path, etag, uploaded_us, *_numbers(version), is_settled),
        )
        return _stored(etag, uploaded_us, version, body)


def _numbers(version: Version) -> tuple[int, int, int, int]:
    return version.size_bytes, version.inode, version.mtime_ns, version.ctime_ns


def _stored(etag: str, uploaded_us: int, version: Version, body: bytes = b"") -> Stored:
    return Stored(
        etag=etag,
        size_bytes=version.size_bytes,
        last_modified=as_time(uploaded_us),
        read_at=as_time(max(now_us(), uploaded_us)),
        body=body,
    )


def _below(after: str, prefix: str) -> str:
    """The path after which to continue; "" for a key that comes before all documents."""
    if after.startswith(prefix):
        return after.removeprefix(prefix)
    return "" if after < prefix else "\U0010ffff"


def _unreadable(key: str, error: OSError) -> UnreadableError:
    return UnreadableError(key, f"its file cannot be read: {error.strerror}; may you read it?")
