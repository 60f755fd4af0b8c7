"""Objects as plain files, each with its metadata in a row of SQLite.

The order of a put, and what a crash after each step costs: write the content to a staged file (nothing refers to it;
`clear_staged` removes it) → commit the row that names it (the put is done; `clear_staged` or the row's next reader
moves the file) → move the file to its place. If somebody changes a file by hand, its object has a new version; if
somebody removes it, the object is gone. A result that was edited is never written over: the next one gets another path.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from backburner.adapters.folder import files
from backburner.adapters.folder.adoption import Found, found_at, is_ours
from backburner.adapters.folder.database import Database, Turn
from backburner.adapters.folder.files import Staged, as_time, now_us
from backburner.adapters.folder.layout import Layout
from backburner.ledger.keys import OWNER, RESULTS, RUN_RECORD, WORK
from backburner.ports import ABSENT, ConflictError, Stored, TooLargeError

_COLUMNS: Final = "key, path, etag, size_bytes, last_modified_us, metadata, inode, mtime_ns, staged"


class Row(NamedTuple):
    """An object's row in the table; `path` is relative to the object's root."""

    key: str
    path: str
    etag: str
    size_bytes: int
    last_modified_us: int
    metadata: str
    inode: int
    mtime_ns: int
    staged: str | None = None

    def stored(self, body: bytes = b"", read_at: datetime | None = None) -> Stored:
        """The object as the core sees it; `read_at` where many are read at one time."""
        last_modified = as_time(self.last_modified_us)
        return Stored(
            etag=self.etag,
            size_bytes=self.size_bytes,
            last_modified=last_modified,
            read_at=max(read_at or as_time(now_us()), last_modified),
            body=body,
            metadata={} if self.metadata == "{}" else json.loads(self.metadata),
        )


@dataclass(frozen=True, kw_only=True)
class Objects:
    """All objects except the documents. Methods run within a transaction (`turn`)."""

    database: Database
    layout: Layout
    staging: Path
    """The folder for staged results, on the same file system as the results."""
    process: str
    """The name of this process; its staged files begin with it."""
    _moved: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Let each transaction begin by noting the files that were moved after the one before."""
        self.database.first = self._note_moved

    def get(self, turn: Turn, key: str, limit_bytes: int | None) -> Stored | None:
        """Read an object. Raises `TooLargeError`."""
        row = self.current(turn, key)
        if row is None:
            return None
        if limit_bytes is not None and row.size_bytes > limit_bytes:
            raise TooLargeError(row.size_bytes)
        read = files.read(self.file(row), None)
        return None if read is None or read[1] is None else row.stored(read[1])

    def get_range(self, turn: Turn, key: str, first: int, last: int, match: str) -> bytes | None:
        """Read a range of an object. Raises `ConflictError` if its ETag is not `match`."""
        row = self.current(turn, key)
        if row is None:
            return None
        if row.etag != match:
            raise ConflictError(key)
        read = files.read_range(self.file(row), first, last)
        return None if read is None else read[1]

    def head(self, turn: Turn, key: str) -> Stored | None:
        """An object without its body."""
        row = self.current(turn, key)
        return None if row is None else row.stored()

    def stage(self, key: str, body: bytes | Path) -> Staged:
        """Write an object's content to a staged file. Needs no transaction."""
        return files.stage(self._staging(key) / f"{self.process}-{secrets.token_hex(8)}", body)

    def put(self, turn: Turn, key: str, body: bytes | Staged, match: str, metadata: dict[str, str]) -> str:
        """Write if the condition holds, and return the ETag. Raises `ConflictError`."""
        row = self.current(turn, key)
        if (ABSENT if row is None else row.etag) != match:
            raise ConflictError(key)
        path = row.path if row and not self._is_edited(row) else self._free(turn, key, row.etag if row else "")
        staged = body if isinstance(body, Staged) else self.stage(key, body)
        names = json.dumps({name.lower(): value for name, value in metadata.items()})
        new = Row(
            key, path, staged.etag, staged.version.size_bytes, max(now_us(), row.last_modified_us if row else 0), names,
            staged.version.inode, staged.version.mtime_ns, staged.path.name,
        )  # fmt: skip
        self._write(turn, new)
        turn.afterwards.append(lambda: self._move(new))
        return new.etag

    def delete(self, turn: Turn, key: str) -> None:
        """Remove an object; its file first, so that after a crash in between the object is gone."""
        row = self.current(turn, key)
        if row is not None:
            files.remove(self.file(row))
            turn.db.execute("DELETE FROM objects WHERE key = ?", (key,))
            if key.startswith(WORK):
                files.remove_empty(self.file(row).parent)

    def page(self, turn: Turn, prefix: str, after: str, most: int) -> tuple[list[tuple[str, Stored]], str | None]:
        """A page of objects below a prefix and after a key, and the key after which to continue; None at the end."""
        found: list[tuple[str, Stored]] = []
        rows = turn.db.execute(
            f"SELECT {_COLUMNS} FROM objects WHERE key > ? AND key >= ? ORDER BY key LIMIT ?",  # noqa: S608
            (after, prefix, most),
        ).fetchall()
        read_at = as_time(now_us())
        for listed in map(Row._make, rows):
            if not listed.key.startswith(prefix):
                return found, None
            row = self._checked(turn, listed)
            if row is not None:
                found.append((row.key, row.stored(read_at=read_at)))
        return found, rows[-1][0] if len(rows) == most else None

    def current(self, turn: Turn, key: str) -> Row | None:
        """The row of an object, brought up to date with its file; None if there is no such object."""
        values = turn.db.execute(f"SELECT {_COLUMNS} FROM objects WHERE key = ?", (key,)).fetchone()  # noqa: S608
        if values is None:
            return self._adopted(turn, key)
        return self._checked(turn, Row._make(values))

    @cached_property
    def _roots(self) -> tuple[str, str]:
        """The folder of the state's objects, and the folder of outputs."""
        return str(self.layout.root_of("")), str(self.layout.out)

    def clear_staged(self, turn: Turn, process: str) -> None:
        """Finish the puts that a dead process had committed, and remove its other staged files.

        May be repeated after a crash: files that were moved already are left as they are.
        """
        put = "SELECT key, staged FROM objects WHERE staged GLOB ?"
        for key, _ in turn.db.execute(put, (f"{process}-*",)).fetchall():
            with suppress(OSError):  # the row stays as it is, and its next reader gets the error
                self.current(turn, key)
        wanted = {staged for _, staged in turn.db.execute(put, (f"{process}-*",))}
        for folder in {self.staging, self.layout.staging}:
            for path in folder.glob(f"{process}-*"):
                if path.name not in wanted:
                    path.unlink(missing_ok=True)

    def _staging(self, key: str) -> Path:
        """The folder for an object's staged file, from which it can be moved into place in one step."""
        return self.staging if self.layout.is_output(key) else self.layout.staging

    def file(self, row: Row) -> Path:
        """Where an object's file is."""
        return self.layout.root_of(row.key) / row.path

    def file_of(self, turn: Turn, key: str) -> Path | None:
        """The file that an object was put into, without checking it."""
        found = turn.db.execute("SELECT path FROM objects WHERE key = ?", (key,)).fetchone()
        return None if found is None else self.layout.root_of(key) / found[0]

    def _checked(self, turn: Turn, row: Row) -> Row | None:
        """A row, brought up to date if its file was changed; None if the file is gone."""
        if row.staged is not None:
            files.put_in_place(self._staging(row.key) / row.staged, self.file(row))
            turn.db.execute("UPDATE objects SET staged = NULL WHERE key = ?", (row.key,))
        root = self._roots[self.layout.is_output(row.key)]
        # No Path, no Version: they would take half the time of a long listing.
        if files.is_unchanged(f"{root}/{row.path}", row.size_bytes, row.inode, row.mtime_ns):
            return row
        current = files.hashed(self.file(row))
        if current is None:
            turn.db.execute("DELETE FROM objects WHERE key = ?", (row.key,))
            return None
        is_same = current[1] == row.etag  # touched, or copied with the whole folder
        metadata = json.loads(row.metadata) if is_same else {}
        return self._write(turn, _row(row.key, row.path, *current, metadata=metadata))

    def _adopted(self, turn: Turn, key: str) -> Row | None:
        """A new row for an output that the table does not have, but whose record is there."""
        if not self.layout.is_output(key):
            return None
        root = self.layout.root_of(key)
        for path in self.layout.candidates(key):
            match found_at(root / path, key):
                case Found(version=version, etag=etag, owner=owner) if not self._is_taken(turn, path):
                    metadata = {OWNER: owner} if owner else {}
                    return self._write(turn, _row(key, path, version, etag, metadata=metadata))
        return None

    def _is_edited(self, row: Row) -> bool:
        """Whether a result's file was edited: its row has lost its metadata, and it is no other recipe's result."""
        is_result = row.key.startswith(RESULTS) and not row.key.endswith(RUN_RECORD)
        is_changed = is_result and self.layout.is_output(row.key) and row.metadata == "{}"
        return is_changed and not is_ours(self.file(row))

    def _free(self, turn: Turn, key: str, edited: str) -> str:
        """A path without anybody else's file; `edited` is the ETag of the object's own file that stays where it is."""
        root, path = self.layout.root_of(key), ""
        for path in self.layout.candidates(key, edited):
            file = root / path
            if self._is_taken(turn, path) or not _can_be_made(file) or file.is_dir():
                continue
            is_free = not self.layout.is_output(key) or not (file.is_symlink() or file.exists())
            if is_free or is_ours(file):
                return path
        return path  # the last one contains the hash of this key

    def _is_taken(self, turn: Turn, path: str) -> bool:
        return turn.db.execute("SELECT 1 FROM objects WHERE path = ?", (path,)).fetchone() is not None

    def _move(self, row: Row) -> None:
        assert row.staged is not None, "it was just staged"
        files.put_in_place(self._staging(row.key) / row.staged, self.file(row))
        self._moved.append((row.key, row.staged))

    def _note_moved(self, turn: Turn) -> None:
        turn.db.executemany("UPDATE objects SET staged = NULL WHERE key = ? AND staged = ?", self._moved)
        self._moved.clear()

    def _write(self, turn: Turn, row: Row) -> Row:
        turn.db.execute(f"INSERT OR REPLACE INTO objects ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)  # noqa: S608
        return row


def _row(key: str, path: str, version: files.Version, etag: str, *, metadata: dict[str, str]) -> Row:
    return Row(
        key, path, etag, version.size_bytes, now_us(), json.dumps(metadata), version.inode, version.mtime_ns
    )  # fmt: skip


def _can_be_made(file: Path) -> bool:
    """Make a file's folder; returns False if a file has that name."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    return True
