"""One SQLite file behind one thread: calls that come at the same time share a transaction.

Several processes may have the file open: a transaction begins by taking SQLite's write lock, which the system frees if
the process dies. Files are moved to their places after the commit that names them; if the process dies in between,
`objects.py` finishes the move later.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from backburner.errors import BackburnerError, RetryLaterError

T = TypeVar("T")
_MAX_AT_ONCE: Final = 64
_LOCK_LIMIT_S: Final = 60.0
_LOCK_EVERY_S: Final = 0.02
VERSION: Final = 1
"""The version of the tables; a file of another version is refused."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, etag TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    last_modified_us INTEGER NOT NULL, metadata TEXT NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    staged TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    path TEXT PRIMARY KEY, etag TEXT NOT NULL, size_bytes INTEGER NOT NULL, uploaded_us INTEGER NOT NULL,
    inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, is_settled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL, sent_s REAL NOT NULL, shows_s REAL NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0, receipt TEXT UNIQUE, sender TEXT NOT NULL, holder TEXT
);
CREATE INDEX IF NOT EXISTS messages_that_show ON messages (queue, shows_s);
"""


class OtherVersionError(Exception):
    """The file was made by another version of this code."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One transaction. The calls in `afterwards` are made in order once it is committed."""

    db: sqlite3.Connection
    afterwards: list[Callable[[], None]] = field(default_factory=list)


@dataclass(kw_only=True)
class _Asked:
    work: Callable[[Turn], Any]
    done: Callable[[Any, BaseException | None], None]
    answer: Any = None
    error: BaseException | None = None

    def report(self) -> None:
        self.done(self.answer, self.error)


class Database:
    """The file and its thread, which the first call starts. `last_error` is that of the disk or the file."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.first: Callable[[Turn], None] | None = None
        """Called at the start of each transaction."""
        self.last_error: str | None = None
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[Turn], T]) -> T:
        """Do the work in a transaction, and return once that is committed. Work that raises changes nothing.

        Raises what `work` raises, and `RetryLaterError` if the disk or the file fails.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="folder-state", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(answer: Any, error: BaseException | None) -> None:
            if not future.done():
                future.set_exception(error) if error else future.set_result(answer)

        def done(answer: Any, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(settle, answer, error)

        self._asked.put(_Asked(work=work, done=done))
        return await future

    def close(self) -> None:
        """Finish all calls, and close the file."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def open(self) -> sqlite3.Connection:
        """Connect in the caller's thread. Raises `OtherVersionError`, and `sqlite3.Error` for a damaged file."""
        db = sqlite3.connect(self.path, timeout=_LOCK_LIMIT_S, isolation_level=None)
        try:
            self._prepare(db)
        except (sqlite3.Error, OtherVersionError):
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        use_wal(db)
        db.execute("PRAGMA synchronous=NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise OtherVersionError(f"{self.path} has version {version}, this is {VERSION}")
        db.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")

    def _serve(self) -> None:
        db: sqlite3.Connection | None = None
        while (one := self._asked.get()) is not None:
            batch, ends = self._company_of(one)
            try:
                db = db or self.open()
                self._together(Turn(db=db), batch)
            except (OSError, sqlite3.Error, OtherVersionError) as error:
                self._refused(batch, error)
                if db is not None and db.in_transaction:
                    db.execute("ROLLBACK")
            for asked in batch:
                asked.report()
            if ends:
                break
        if db is not None:
            db.close()

    def _company_of(self, first: _Asked) -> tuple[list[_Asked], bool]:
        """The first call together with those that wait by now, and whether the database is to be closed after them."""
        batch = [first]
        while len(batch) < _MAX_AT_ONCE:
            try:
                one = self._asked.get_nowait()
            except queue.Empty:
                break
            if one is None:
                return batch, True
            batch.append(one)
        return batch, False

    def _together(self, turn: Turn, batch: list[_Asked]) -> None:
        turn.db.execute("BEGIN IMMEDIATE")
        if self.first is not None:
            self.first(turn)
        for asked in batch:
            self._one(turn, asked)
        turn.db.execute("COMMIT")
        for work in turn.afterwards:
            work()

    def _one(self, turn: Turn, asked: _Asked) -> None:
        turn.db.execute("SAVEPOINT one")
        before = len(turn.afterwards)
        try:
            asked.answer = asked.work(turn)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            turn.db.execute("ROLLBACK TO one")
            del turn.afterwards[before:]
            asked.error = error
            if isinstance(error, OSError | sqlite3.Error):
                self._refused([asked], error)
        turn.db.execute("RELEASE one")

    def _refused(self, batch: list[_Asked], error: Exception) -> None:
        self.last_error = _why(error)
        for asked in batch:
            if not isinstance(asked.error, BackburnerError):
                asked.error = RetryLaterError(self.last_error)
                asked.error.__cause__ = error


def use_wal(db: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging. Raises `sqlite3.Error`.

    This is the one statement for whose lock SQLite does not wait, so we do.
    """
    until = time.monotonic() + _LOCK_LIMIT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOCK_EVERY_S)
        else:
            return


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the disk'}: {error.strerror}"
    return str(error)
