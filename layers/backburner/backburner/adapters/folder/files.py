"""Reading and writing files: versions, hashes, and moves that happen in one step."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Final, TypeVar

from backburner.errors import RetryLaterError

T = TypeVar("T")
_CHUNK_BYTES: Final = 1024 * 1024
_TRIES: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_md5: Final = partial(hashlib.md5, usedforsecurity=False)


@dataclass(frozen=True, kw_only=True)
class Version:
    """What the file system says that changes with a file's content."""

    size_bytes: int
    inode: int
    mtime_ns: int
    ctime_ns: int


def now_us() -> int:
    """The store's clock: microseconds since 1970."""
    return time.time_ns() // 1000


def as_time(microseconds: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def version_at(path: Path | str) -> Version | None:
    """The version of a regular file, or None if there is none; links are followed."""
    try:
        return _version(os.stat(path))  # noqa: PTH116 - the same call for files and descriptors
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_unchanged(path: str, size_bytes: int, inode: int, mtime_ns: int) -> bool:
    """Whether a regular file is still the one that was put there: its links and rights may have changed since."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path would take as long as the question
    except (FileNotFoundError, NotADirectoryError):
        return False
    is_same = found.st_mtime_ns == mtime_ns and found.st_ino == inode and found.st_size == size_bytes
    return is_same and stat.S_ISREG(found.st_mode)


def _version(found: os.stat_result) -> Version | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return Version(size_bytes=found.st_size, inode=found.st_ino, mtime_ns=found.st_mtime_ns, ctime_ns=found.st_ctime_ns)


def md5_of(body: bytes) -> str:
    """The ETag of some bytes: their MD5, as in S3."""
    return _md5(body).hexdigest()


def hashed(path: Path) -> tuple[Version, str] | None:
    """A file's version and the ETag of that same version, or None if there is no file."""
    return _while_unchanged(path, lambda stream: hashlib.file_digest(stream, _md5).hexdigest())


def read(path: Path, limit_bytes: int | None) -> tuple[Version, bytes | None] | None:
    """A file's version and its bytes (None beyond the limit) in that same version, or None if there is no file."""

    def body(stream: BufferedReader) -> bytes | None:
        is_within = limit_bytes is None or os.fstat(stream.fileno()).st_size <= limit_bytes
        return stream.read() if is_within else None

    return _while_unchanged(path, body)


def read_range(path: Path, first: int, last: int) -> tuple[Version, bytes] | None:
    """A file's version and its bytes [first, last) in that same version, or None if there is no file."""

    def body(stream: BufferedReader) -> bytes:
        stream.seek(first)
        return stream.read(last - first)

    return _while_unchanged(path, body)


def _while_unchanged(path: Path, use: Callable[[BufferedReader], T]) -> tuple[Version, T] | None:
    for _ in range(_TRIES):
        if version_at(path) is None:  # opening a pipe would block
            return None
        try:
            with path.open("rb") as stream:
                before = _version(os.fstat(stream.fileno()))
                used = use(stream)
                after = _version(os.fstat(stream.fileno()))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        if before is not None and before == after:
            return before, used
    raise RetryLaterError(f"{path} keeps being written")


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Content in a temporary file, to be moved to its place."""

    path: Path
    etag: str
    version: Version


def stage(path: Path, body: bytes | Path) -> Staged:
    """Write content to a temporary file; if it is a file, copy it."""
    digest = _md5()
    with path.open("xb") as target:
        if isinstance(body, Path):
            with body.open("rb") as source:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
        else:
            digest.update(body)
            target.write(body)
        target.flush()
        version = _version(os.fstat(target.fileno()))
    assert version is not None, "a file that was just made"
    return Staged(path=path, etag=digest.hexdigest(), version=version)


def put_in_place(staged: Path, path: Path) -> None:
    """Move staged content to its place in one step; does nothing if it was moved already."""
    for _ in range(_TRIES):
        try:
            staged.replace(path)
        except FileNotFoundError:
            if not staged.exists():
                return
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            return


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        folder.rmdir()
