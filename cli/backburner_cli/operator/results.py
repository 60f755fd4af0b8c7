"""The command `results`: fetches results into a folder, with the bucket's tree; skips those that are there already."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from backburner.ledger.keys import ERROR_RECORD, FAILED, FAILED_LINES, INBOX, OPEN, RESULTS, RUN_RECORD, output_location
from backburner.maintenance.snapshot import at_once, each_of
from backburner.maintenance.sweep import OLD_ENOUGH_S
from backburner_cli.atomic_write import write_atomically
from backburner_cli.errors import CommandError
from backburner_cli.operator.bar import bar
from backburner_cli.operator.fetched import Fetched, md5_of
from backburner_cli.operator.session import Records, read
from backburner_cli.terminal import MAX_LISTED, count_of, err, is_anybody_there, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backburner.ports import Stored

FOLLOW_S = 10.0
_UNSAFE = '<>:"\\|?*%'
"""Characters that a file name cannot contain on some systems, and `%`, which escapes them."""
_CONTROL = 0x20
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """What to fetch: results below `prefix`; with `records`, run records too; with `failed`, error records too."""

    to: Path
    prefix: str
    records: bool
    failed: bool
    follow: bool
    dry_run: bool = False
    is_agreed: bool = False
    """Whether files that are not as this command wrote them are replaced without asking."""


@dataclass(frozen=True)
class _Kept:
    """A file that is not as this command wrote it, and its MD5 when it was looked at."""

    path: Path
    md5: str | None


@dataclass
class _Outcome:
    written: list[str] = field(default_factory=list)
    unchanged: set[str] = field(default_factory=set)
    kept: dict[str, _Kept] = field(default_factory=dict)
    """By the keys of the results that would replace them."""

    @property
    def there_already(self) -> int:
        """How many needed no writing."""
        return len(self.unchanged.difference(self.written))


def results(environment: Mapping[str, str], fetch: Fetch, *, as_json: bool) -> None:
    """Fetch results. Raises `CommandError`."""
    if fetch.prefix.startswith(INBOX):
        fetch = replace(fetch, prefix=RESULTS + fetch.prefix.removeprefix(INBOX))
    if not fetch.prefix.startswith(RESULTS):
        raise CommandError(f"{fetch.prefix!r} is not below {RESULTS}: give {RESULTS}RECIPE/…")
    if fetch.follow and fetch.dry_run:
        raise CommandError("--dry-run says what would be fetched now: leave out --follow")
    if fetch.to.exists() and not fetch.to.is_dir():
        raise CommandError(f"{fetch.to} is a file: name a folder with --to")
    outcome = _Outcome()
    read(environment, lambda records: _all(records, fetch, outcome))
    if outcome.kept and not fetch.dry_run and _is_to_be_replaced(outcome.kept):
        read(environment, lambda records: _replace_kept(records, fetch, outcome))
    _show(fetch, outcome, as_json=as_json)
    if outcome.kept and not fetch.dry_run:
        raise CommandError(
            f"not as this command wrote them, and kept: {count_of(len(outcome.kept), 'file')}. --yes replaces them, "
            "another folder in --to keeps both"
        )


def _is_to_be_replaced(kept: Mapping[str, _Kept]) -> bool:
    if not is_anybody_there():
        return False
    for path in _paths(kept)[:MAX_LISTED]:
        say(f"edited: {path}", err)
    return click.confirm(f"Replace {count_of(len(kept), 'file')} that this command did not write?", err=True)


async def _replace_kept(records: Records, fetch: Fetch, outcome: _Outcome) -> None:
    """Replace what was agreed to; a file that was edited again while the question was open stays."""
    notes = Fetched.of(fetch.to)

    async def each(key: str) -> None:
        kept = outcome.kept[key]
        if await asyncio.to_thread(md5_of, kept.path) != kept.md5:
            return
        if (stored := await records.bucket.get(key)) is not None:
            await asyncio.to_thread(_write, kept.path, stored.body, notes)
            outcome.written.append(key)
        del outcome.kept[key]

    await at_once(each_of(list(outcome.kept)), each, most=_AT_ONCE)


def _paths(kept: Mapping[str, _Kept]) -> list[Path]:
    return sorted(one.path for one in kept.values())


def _show(fetch: Fetch, outcome: _Outcome, *, as_json: bool) -> None:
    if as_json:
        kept = [str(path) for path in _paths(outcome.kept)]
        counts = {"to": str(fetch.to), "written": sorted(outcome.written), "unchanged": outcome.there_already}
        print_json(counts | {"kept": kept, "dry_run": fetch.dry_run})
        return
    if fetch.dry_run:
        for key in sorted(outcome.written)[:MAX_LISTED]:
            say(f"would be written: {local_path(fetch.to, key)}")
    for path in _paths(outcome.kept)[:MAX_LISTED]:
        say(f"edited, {'would be ' if fetch.dry_run else ''}kept: {path}")
    edited = f", {len(outcome.kept)} edited" if outcome.kept else ""
    written = f"{len(outcome.written)} {'would be ' if fetch.dry_run else ''}written"
    out.print(f"{written}, {outcome.there_already} there already{edited}: {fetch.to}", markup=False)


async def _all(records: Records, fetch: Fetch, outcome: _Outcome) -> None:
    notes = Fetched.of(fetch.to)
    while True:
        is_over = not fetch.follow or await _is_over(records, fetch.prefix)  # first, so that later ends are fetched
        outcome.kept = {}
        await _once(records, fetch, outcome, notes)
        if is_over or fetch.dry_run:
            return
        await asyncio.sleep(FOLLOW_S)


async def _once(records: Records, fetch: Fetch, outcome: _Outcome, notes: Fetched) -> None:
    wanted: dict[str, Stored] = {
        key: stored
        async for key, stored in records.bucket.listed(fetch.prefix)
        if (fetch.records or not key.endswith(RUN_RECORD)) and not key.endswith("/")
    }
    if fetch.failed:
        wanted |= {
            key: stored
            async for key, stored in records.bucket.listed(FAILED + fetch.prefix.removeprefix(RESULTS))
            if key.endswith((ERROR_RECORD, FAILED_LINES))
        }
    with bar("comparing" if fetch.dry_run else "fetching", len(wanted)) as advance:

        async def each(key: str) -> None:
            path = local_path(fetch.to, key)
            there = await asyncio.to_thread(md5_of, path)
            if there is not None and there == wanted[key].etag:
                outcome.unchanged.add(key)
                if not fetch.dry_run:
                    notes.note(path, there)
            elif notes.is_foreign(path, there) and not fetch.is_agreed:
                outcome.kept[key] = _Kept(path, there)
            elif fetch.dry_run:
                outcome.written.append(key)
            elif (stored := await records.bucket.get(key)) is not None:
                await asyncio.to_thread(_write, path, stored.body, notes)
                outcome.written.append(key)
            advance()

        await at_once(each_of(wanted), each, most=_AT_ONCE)


def local_path(folder: Path, key: str) -> Path:
    """The file for a key, always below the folder, with the names that the key has.

    Names that no file can have, or that would lead elsewhere, are escaped with %: `..` becomes `%2E%2E`.
    """
    top, _, rest = key.partition("/")
    names = [top] if top != RESULTS.rstrip("/") else []
    return folder.joinpath(*names, *(_safe(name) for name in rest.split("/")))


def _safe(name: str) -> str:
    if not name.strip(". "):
        return "".join(f"%{ord(sign):02X}" for sign in name) or "%"
    return "".join(f"%{ord(sign):02X}" if sign in _UNSAFE or ord(sign) < _CONTROL else sign for sign in name)


def _write(path: Path, body: bytes, notes: Fetched) -> None:
    """Write a file, after a note that it is ours."""
    notes.note(path, hashlib.md5(body, usedforsecurity=False).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, body)


async def _is_over(records: Records, prefix: str) -> bool:
    """Whether no run is open, and no document below the prefix still waits for its event.

    An event may take 15 minutes; after that, a document without a record is left to the sweep and not waited for.
    """
    async for _ in records.bucket.listed(OPEN):
        return False
    below = prefix.removeprefix(RESULTS)
    ended = {
        key: stored.last_modified
        for folder in (RESULTS, FAILED)
        async for key, stored in records.bucket.listed(folder + below)
        if key.endswith((RUN_RECORD, ERROR_RECORD))
    }
    async for key, stored in records.bucket.listed(INBOX + below):
        if key.endswith("/") or stored.age_s >= OLD_ENOUGH_S:
            continue
        location = output_location(key)
        times = (ended.get(location.run_record_key), ended.get(location.error_record_key))
        if not any(time is not None and time >= stored.last_modified for time in times):
            return False
    return True
