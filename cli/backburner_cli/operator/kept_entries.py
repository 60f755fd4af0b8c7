"""The index file: the ETag of each object that was read, and a row for each of its runs.

Filters, orders and pages are SQL over those rows, so that only jobs that are shown are decoded.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import unicodedata
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backburner.ledger.keys import OPEN, output_location
from backburner_cli.operator.job import Job
from backburner_cli.operator.listing import Listed
from backburner_cli.operator.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from backburner_cli.operator.listing import Filter, Page

Entries = dict[str, tuple[str, list[Job]]]
"""For each object its ETag and jobs."""
_TABLES: Final = """
CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, etag TEXT NOT NULL);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, is_latest INTEGER NOT NULL DEFAULT 0, is_open INTEGER NOT NULL,
    key TEXT NOT NULL, folded TEXT, recipe TEXT, state TEXT NOT NULL, reason TEXT, job_id TEXT NOT NULL,
    run INTEGER NOT NULL, changed_us INTEGER NOT NULL, tokens INTEGER NOT NULL, cost REAL
);
CREATE INDEX runs_by_entry ON runs (entry);
CREATE INDEX runs_by_key ON runs (key);
CREATE TABLE jobs (id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, job BLOB NOT NULL);
"""
"""`folded` is the key for searches where it differs from `key`; `recipe` is None if the key is no document's.
`jobs` has the whole job of each row of `runs`, apart from it, so that a filter passes over fewer bytes."""
_SHAPE: Final = int.from_bytes(hashlib.sha256(repr(("3", _TABLES, Job.__struct_fields__)).encode()).digest()[:3])
"""The version of the file's content; a file with another one is emptied."""
_IN_ENTRY: Final = "entry = (SELECT id FROM entries WHERE key = ?)"
_MARK_LATEST: Final = """
UPDATE runs SET is_latest = 1 WHERE id IN (
    SELECT coalesce(
        (SELECT id FROM runs AS opened WHERE opened.key = document.key AND is_open AND NOT EXISTS (
            SELECT 1 FROM runs AS ended
            WHERE ended.id = document.ended AND ended.job_id = opened.job_id AND ended.run >= opened.run
        ) ORDER BY changed_us DESC, run DESC LIMIT 1),
        document.ended
    ) FROM (
        SELECT key, (
            SELECT id FROM runs WHERE runs.key = touched.key AND NOT is_open ORDER BY changed_us DESC, run DESC LIMIT 1
        ) AS ended FROM touched
    ) AS document
)"""
"""The same choice as `JobIndex.latest`."""
_ORDERS: Final = {
    "key": "key {way}",
    "state": "state {way}, key {way}",
    "time": "changed_us {way}, key",
    "tokens": "tokens {way}, key",
    "cost": "coalesce(cost, 0) {way}, key",
}
"""The same orders as `listing.sorted_page`."""
_FAILURES: Final = (sqlite3.Error, OSError, OverflowError, msgspec.DecodeError)
_PRIMARY: Final = 0xFF
"""The bits of an error code that are not its details."""
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT)
"""SQLite's codes for a file that is damaged, is no database, or has other tables or rows than ours."""
_ALL: Final = Selection()
_DECODER: Final = msgspec.msgpack.Decoder(Job)
_ENCODER: Final = msgspec.msgpack.Encoder()


@dataclass(frozen=True, kw_only=True)
class KeptEntries:
    """The index file. It may be removed at any time; a damaged one is removed by the first that notices."""

    path: Path

    @staticmethod
    def of(environment: Mapping[str, str], identity: str) -> KeptEntries:
        """The file of one deployment, in this user's cache."""
        home = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        mark = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return KeptEntries(path=Path(home) / "backburner" / f"jobs-{mark}.db")

    def read(self) -> Entries:
        """Read all entries; none if the file cannot be read."""
        with suppress(*_FAILURES), self._transaction() as db:
            jobs: dict[int, list[Job]] = {}
            for entry, job in db.execute("SELECT entry, job FROM jobs"):
                jobs.setdefault(entry, []).append(_DECODER.decode(job))
            return {key: (etag, jobs.get(entry, [])) for entry, key, etag in db.execute("SELECT * FROM entries")}
        return {}

    def etags(self) -> dict[str, str]:
        """Read the ETag of each entry; none if the file cannot be read."""
        with suppress(*_FAILURES), self._transaction() as db:
            return _etags(db)
        return {}

    def jobs_in(self, keys: Collection[str]) -> list[Job]:
        """Read the jobs of some entries; those that cannot be read are left out."""
        select = f"SELECT job FROM runs JOIN jobs USING (id) WHERE runs.{_IN_ENTRY}"  # noqa: S608
        with suppress(*_FAILURES), self._transaction() as db:
            return [_DECODER.decode(job) for key in keys for (job,) in db.execute(select, (key,))]
        return []

    def ended(self, keys: Collection[str]) -> set[tuple[str, int]]:
        """Job and run of each finished run of some documents; none if the file cannot be read."""
        select = "SELECT job_id, run FROM runs WHERE key = ? AND NOT is_open"
        with suppress(*_FAILURES), self._transaction() as db:
            return {name for key in keys for name in db.execute(select, (key,))}
        return set()

    def write(self, changed: Mapping[str, tuple[str, list[Job]]], gone: Collection[str]) -> bool:
        """Keep what has changed, and return whether that worked. If not, the objects are read again the next time."""
        with suppress(*_FAILURES), self._transaction("IMMEDIATE") as db:
            _touch(db, changed, gone)
            _remove(db, [(key,) for key in (*changed, *gone)])
            _add(db, changed)
            db.execute(_MARK_LATEST)
            return True
        return False

    def page(self, wanted: Filter, page: Page, etags: Mapping[str, str]) -> Listed | None:
        """List a page of the latest runs; None if the file cannot be read, or has other entries than `etags`."""
        where, given = _where(wanted)
        order = _ORDERS[page.sort].format(way="DESC" if page.reverse else "ASC")
        sums = f"SELECT state, count(*), sum(tokens), count(cost), sum(cost) FROM runs WHERE {where} GROUP BY state"  # noqa: S608
        ids = f"SELECT id FROM runs WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        limit, offset = (-1, 0) if page.limit is None else (page.limit, (page.number - 1) * page.limit)
        with suppress(*_FAILURES), self._transaction() as db:
            if _etags(db) != etags:
                return None
            totals = _totals(db.execute(sums, given).fetchall())
            found = db.execute(ids, (*given, limit, offset)).fetchall()
            jobs = (db.execute("SELECT job FROM jobs WHERE id = ?", one).fetchone()[0] for one in found)
            return Listed(jobs=[_DECODER.decode(job) for job in jobs], totals=totals)
        return None

    @contextmanager
    def _transaction(self, kind: str = "DEFERRED") -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as db:
                _prepare(db)
                with db:
                    db.execute(f"BEGIN {kind}")
                    yield db
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY in _DAMAGED:
                self._remove()
            raise

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(self.path, timeout=5, isolation_level=None)

    def _remove(self) -> None:
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            with suppress(OSError):
                path.unlink()


def _prepare(db: sqlite3.Connection) -> None:
    """Empty a file of another version; its version is looked at again under the lock, as two may begin at once."""
    db.execute("PRAGMA temp_store = MEMORY")
    if _is_current(db):
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        if _is_current(db):
            return
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f'DROP TABLE "{name}"')
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_SHAPE}")


def _is_current(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA user_version").fetchone() == (_SHAPE,))


def _etags(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT key, etag FROM entries"))


def _touch(db: sqlite3.Connection, changed: Mapping[str, tuple[str, list[Job]]], gone: Collection[str]) -> None:
    """Note the documents of what changes; none of their runs is the latest until that is found out again."""
    db.execute("CREATE TEMP TABLE touched (key TEXT PRIMARY KEY) WITHOUT ROWID")
    before = ((key,) for key in (*changed, *gone))
    db.executemany(f"INSERT OR IGNORE INTO touched SELECT key FROM runs WHERE {_IN_ENTRY}", before)  # noqa: S608
    after = ((job.key,) for _, jobs in changed.values() for job in jobs)
    db.executemany("INSERT OR IGNORE INTO touched VALUES (?)", after)
    db.execute("UPDATE runs SET is_latest = 0 WHERE key IN (SELECT key FROM touched) AND is_latest")


def _remove(db: sqlite3.Connection, keys: list[tuple[str]]) -> None:
    db.executemany(f"DELETE FROM jobs WHERE id IN (SELECT id FROM runs WHERE {_IN_ENTRY})", keys)  # noqa: S608
    db.executemany(f"DELETE FROM runs WHERE {_IN_ENTRY}", keys)  # noqa: S608
    db.executemany("DELETE FROM entries WHERE key = ?", keys)


def _add(db: sqlite3.Connection, changed: Mapping[str, tuple[str, list[Job]]]) -> None:
    (last_entry,) = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()
    (last_run,) = db.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()

    def runs() -> Iterator[tuple[int, int, str, Job]]:  # made twice, as a list of all would take much memory
        found = (
            (entry, key, job) for entry, (key, (_, jobs)) in enumerate(changed.items(), last_entry + 1) for job in jobs
        )
        return ((number, *one) for number, one in enumerate(found, last_run + 1))

    entries = ((entry, key, etag) for entry, (key, (etag, _)) in enumerate(changed.items(), last_entry + 1))
    db.executemany("INSERT INTO entries VALUES (?, ?, ?)", entries)
    db.executemany(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((number, entry, 0, key.startswith(OPEN), *_columns(job)) for number, entry, key, job in runs()),
    )
    db.executemany(
        "INSERT INTO jobs VALUES (?, ?, ?)",
        ((number, entry, _ENCODER.encode(job)) for number, entry, _, job in runs()),
    )


def _columns(job: Job) -> tuple[Any, ...]:
    """The columns of `runs` from `key` on."""
    folded = job.key.casefold()
    recipe = output_location(job.key).recipe if _ALL.has(job.key) else None
    return (
        job.key, None if folded == job.key else folded, recipe, job.shown_state, job.reason, job.job_id, job.run,
        _microseconds(job.changed_at), job.tokens, job.cost,
    )  # fmt: skip


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    """The same jobs as `Filter.has`."""
    said, given = ["is_latest", "recipe IS NOT NULL"], list[Any]()

    def also(condition: str, *values: Any) -> None:
        said.append(condition)
        given.extend(values)

    for column, some in (("state", wanted.states), ("reason", wanted.reasons)):
        if some:
            also(f"{column} IN ({', '.join('?' * len(some))})", *map(str, some))
    if wanted.chosen.recipe is not None:
        also("recipe = ?", unicodedata.normalize("NFC", wanted.chosen.recipe))
    if prefix := wanted.chosen.prefix:
        also("substr(key, 1, ?) = ?", len(prefix), prefix)
    if wanted.since is not None:
        also("changed_us >= ?", _microseconds(wanted.since))
    if wanted.text:
        also("instr(coalesce(folded, key), ?) > 0", wanted.text.casefold())
    return " AND ".join(said), given


def _totals(rows: list[tuple[str, int, int, int, float]]) -> dict[str, Any]:
    """The same as `listing.totals`."""
    costs = [cost for *_, priced, cost in rows if priced]
    return {
        "jobs": sum(count for _, count, *_ in rows),
        "states": {state: count for state, count, *_ in rows},
        "tokens": sum(tokens for _, _, tokens, *_ in rows),
        "cost": round(sum(costs), 9) if costs else None,
    }


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
