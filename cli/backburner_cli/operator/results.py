"""The command `results`: fetches results into a folder, with the bucket's tree; skips those that are there already."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backburner.ledger.keys import ERROR_RECORD, FAILED, FAILED_LINES, INBOX, OPEN, RESULTS, RUN_RECORD, output_location
from backburner.maintenance.snapshot import at_once, each_of
from backburner.maintenance.sweep import OLD_ENOUGH_S
from backburner_cli.errors import CommandError
from backburner_cli.operator.session import Records, read
from backburner_cli.terminal import err, out, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass
class _Fetched:
    written: list[str] = field(default_factory=list)
    unchanged: int = 0


def results(environment: Mapping[str, str], fetch: Fetch, *, as_json: bool) -> None:
    """Fetch results. Raises `CommandError`."""
    if fetch.prefix.startswith(INBOX):
        fetch = Fetch(**{**vars(fetch), "prefix": RESULTS + fetch.prefix.removeprefix(INBOX)})
    if not fetch.prefix.startswith(RESULTS):
        raise CommandError(f"{fetch.prefix!r} is not below {RESULTS}: give {RESULTS}RECIPE/…")
    if fetch.to.exists() and not fetch.to.is_dir():
        raise CommandError(f"{fetch.to} is a file: name a folder with --to")
    fetched = read(environment, lambda records: _all(records, fetch))
    if as_json:
        print_json({"to": str(fetch.to), "written": sorted(fetched.written), "unchanged": fetched.unchanged})
        return
    out.print(f"{len(fetched.written)} written, {fetched.unchanged} there already: {fetch.to}", markup=False)


async def _all(records: Records, fetch: Fetch) -> _Fetched:
    fetched = _Fetched()
    while True:
        is_over = not fetch.follow or await _is_over(records, fetch.prefix)  # first, so that later ends are fetched
        fetched.unchanged = 0
        await _once(records, fetch, fetched)
        if is_over:
            return fetched
        await asyncio.sleep(FOLLOW_S)


async def _once(records: Records, fetch: Fetch, fetched: _Fetched) -> None:
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
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("fetching", total=len(wanted))

        async def each(key: str) -> None:
            path = local_path(fetch.to, key)
            if await asyncio.to_thread(_is_there, path, wanted[key]):
                fetched.unchanged += 1
            elif (stored := await records.bucket.get(key)) is not None:
                await asyncio.to_thread(_write, path, stored.body)
                fetched.written.append(key)
            progress.advance(bar)

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


def _is_there(path: Path, stored: Stored) -> bool:
    try:
        if path.stat().st_size != stored.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == stored.etag
    except OSError:
        return False


def _write(path: Path, body: bytes) -> None:
    """Write a file in one step, so that a reader sees either the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".backburner-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


async def _is_over(records: Records, prefix: str) -> bool:
    """Whether no run is open, and no document below the prefix still waits for its event.

    An event may take 15 minutes; after that a document without a record is the sweep's, and nobody waits for it here.
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
