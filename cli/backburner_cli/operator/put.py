"""Uploads documents, many at once; can be resumed, as it skips those that are done or under way with the same bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backburner.documents.recipes import fingerprint, model_in
from backburner.errors import RetryLaterError, UnreadableError
from backburner.ledger.keys import OPEN, OutputLocation, output_location
from backburner.ledger.records import ErrorRecord, RunRecord
from backburner.maintenance.snapshot import at_once, each_of
from backburner.maintenance.sweep import OLD_ENOUGH_S
from backburner.ports import ABSENT, ConflictError
from backburner_cli.operator.bar import bar
from backburner_cli.operator.files import MAX_NAMED, PutError, documents_in, keys_of, sample
from backburner_cli.operator.inbox import Inbox, reach_inbox
from backburner_cli.operator.outcomes import OutcomeWaiter, summed
from backburner_cli.operator.uploads import Upload
from backburner_cli.system_errors import remedy_of
from backburner_cli.terminal import count_of, err, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 16
_TRIES = 4


class Done(StrEnum):
    """The outcome of one document's upload."""

    UPLOADED = "uploaded"
    SKIPPED_DONE = "skipped: done"
    SKIPPED_UNDER_WAY = "skipped: under way"
    WOULD_UPLOAD = "would be uploaded"
    FAILED = "not uploaded"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What to upload, and how."""

    named: tuple[str, ...]
    recipe: str
    sample: int | None = None
    again: bool = False
    """Also upload documents that are done or under way."""
    dry_run: bool = False
    wait: bool = False


def upload(environment: Mapping[str, str], wish: Wish, *, as_json: bool) -> None:
    """Upload documents; with `wait`, show their outcomes. Raises `PutError` if anything failed."""
    files, folders = documents_in(wish.named)
    unfit: dict[str, str] = {}
    documents = sample(keys_of(files, wish.recipe, Path.cwd(), folders, unfit), wish.sample)
    if not documents:
        raise PutError("; ".join(f"{path}: {why}" for path, why in list(unfit.items())[:MAX_NAMED]))

    async def reached() -> None:
        async with reach_inbox(environment) as inbox:
            await inbox.require_recipe(wish.recipe)
            await _all(inbox, wish, documents, unfit, as_json=as_json)

    asyncio.run(reached())


async def _all(
    inbox: Inbox, wish: Wish, documents: Mapping[str, Path], unfit: Mapping[str, str], *, as_json: bool
) -> None:
    """Upload; `unfit` are files whose names cannot be keys, with the reasons."""
    uploader = Uploader(inbox, wish)
    with bar("comparing" if wish.dry_run else "uploading", len(documents)) as advance:

        async def each(key: str) -> None:
            await uploader.put(key, documents[key])
            advance()

        await at_once(each_of(documents), each, most=_AT_ONCE)
    if not as_json:
        _show(inbox.name, uploader)
        for path, why in list(unfit.items())[:MAX_NAMED]:
            say(f"not uploaded: {path}: {why}", err, style="red")
    outcomes: dict[str, dict[str, Any]] = {}
    if wish.wait and not wish.dry_run:
        waiter = OutcomeWaiter(inbox=inbox, shows_texts=len(documents) <= MAX_NAMED and not as_json, is_quiet=as_json)
        outcomes = await waiter.wait(list(uploader.uploads.values()))
    if as_json:
        uploads = [
            {"key": key, "upload": str(done)} | outcomes.get(key, {}) for key, done in sorted(uploader.done.items())
        ]
        ended = {"ended": summed(outcomes)} if outcomes else {}
        print_json({"bucket": inbox.name, "documents": uploads, "errors": {**uploader.errors, **unfit}} | ended)
    elif outcomes:
        _show_sums(summed(outcomes))
    _raise_for(uploader, unfit, sum(1 for outcome in outcomes.values() if outcome["failed"]))


def _raise_for(uploader: Uploader, unfit: Mapping[str, str], failed: int) -> None:
    """Raise `PutError` if anything was not uploaded, or failed."""
    told = f"not uploaded, since its name cannot be a key: {count_of(len(unfit), 'file')}; rename it"
    renamed = told if unfit else ""
    if uploader.errors:
        why = f"; {uploader.inbox.remedy}" if uploader.is_denied else ""
        missing = count_of(len(uploader.errors), "file")
        again = f"{missing} not uploaded: run the same command again, it skips the others{why}"
        raise PutError(f"{again}. {renamed}" if renamed else again)
    if renamed:
        raise PutError(renamed)
    if failed:
        raise PutError(f"{failed} failed, in part or as a whole: backburner failed says why, and what to do")


def _show_sums(ended: Mapping[str, Any]) -> None:
    """Print the last line: how all documents ended, and what they cost."""
    replaced = f", {ended['replaced']} replaced meanwhile" if ended["replaced"] else ""
    cost = "" if ended["cost"] is None else f", cost {ended['cost']:g}"
    counts = f"all {ended['documents']} ended: {ended['done']} done, {ended['failed']} failed{replaced}"
    out.print(f"{counts}; {ended['tokens']} tokens{cost}", markup=False, highlight=False)


@dataclass
class Uploader:
    """Puts documents into the inbox, each on condition that nobody else has replaced it meanwhile."""

    inbox: Inbox
    wish: Wish
    done: dict[str, Done] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    is_denied: bool = False
    """Whether the store refused something: then it is not the documents."""
    _recipes: dict[str, asyncio.Task[bytes | None]] = field(default_factory=dict)

    async def put(self, key: str, path: Path) -> None:
        """Upload one document, or keep the error, so that the others continue."""
        try:
            self.done[key] = await self._put(key, path)
        except (OSError, UnreadableError) as error:
            self.done[key] = Done.FAILED
            self.is_denied = self.is_denied or isinstance(error, UnreadableError)
            self.errors[key] = _told(error)

    async def _put(self, key: str, path: Path) -> Done:
        location = output_location(key)
        recipe = await self._recipe(location.recipe)
        etag = await asyncio.to_thread(_md5, path)
        records = await self.inbox.records(location)
        for _ in range(_TRIES):
            there = await self.inbox.bucket.head(key)
            upload = Upload(
                key=key,
                etag=etag,
                last_modified=there.last_modified if there else _EARLIEST,
                recipe_sha256=fingerprint(recipe),
                model=None if model_in(recipe) else self.inbox.default_model,
                stood=frozenset[str](),
            )
            if there is not None and there.etag == etag and not self.wish.again:
                skipped = await self._skipped(location, upload, records, there.age_s, recipe)
                if skipped is not None:
                    self.uploads[key] = upload
                    return skipped
            if self.wish.dry_run:
                return Done.WOULD_UPLOAD
            try:
                await self.inbox.bucket.put(
                    key, path, match=there.etag if there else ABSENT, content_type="application/octet-stream"
                )
            except ConflictError:
                continue  # somebody else has just put it: start over
            self.uploads[key] = await self._as_uploaded(upload, records)
            return Done.UPLOADED
        raise RetryLaterError(f"others keep replacing {key}")

    async def _as_uploaded(self, upload: Upload, records: list[RunRecord | ErrorRecord]) -> Upload:
        there = await self.inbox.bucket.head(upload.key)
        return Upload(
            key=upload.key,
            etag=there.etag if there else upload.etag,
            last_modified=there.last_modified if there else upload.last_modified,
            recipe_sha256=upload.recipe_sha256,
            model=upload.model,
            stood=frozenset(record.name for record in records),
        )

    async def _skipped(
        self,
        location: OutputLocation,
        upload: Upload,
        records: list[RunRecord | ErrorRecord],
        age_s: float,
        recipe: bytes | None,
    ) -> Done | None:
        """Why the same bytes need not be uploaded again; None if uploading them would start a run."""
        outcomes = [record for record in records if upload.is_outcome(record)]
        latest = max(outcomes, key=lambda record: record.run, default=None)
        if isinstance(latest, RunRecord) and latest.recipe.sha256 == upload.recipe_sha256:
            if upload.model in (None, latest.provider.model):
                return Done.SKIPPED_DONE
        elif latest is None and age_s < OLD_ENOUGH_S:
            return Done.SKIPPED_UNDER_WAY  # its event may still come
        if await self._is_open(location, upload, recipe):
            return Done.SKIPPED_UNDER_WAY
        return None

    async def _is_open(self, location: OutputLocation, upload: Upload, recipe: bytes | None) -> bool:
        job = self.inbox.job_of(location, upload.etag, recipe)
        if job is None:
            return False
        async for _ in self.inbox.bucket.listed(f"{OPEN}{job}."):
            return True
        return False

    async def _recipe(self, name: str) -> bytes | None:
        if name not in self._recipes:
            self._recipes[name] = asyncio.create_task(self.inbox.recipe(name))
        return await self._recipes[name]


def _show(bucket: str, uploader: Uploader) -> None:
    done = uploader.done
    if len(done) <= MAX_NAMED:
        for key, what in sorted(done.items()):
            why = f": {uploader.errors[key]}" if key in uploader.errors else ""
            say(f"{what} s3://{bucket}/{key}{why}")
    else:
        counts = Counter(str(what) for what in done.values())
        out.print(", ".join(f"{count} {what}" for what, count in counts.most_common()) + f" (s3://{bucket})")
        for key, why in list(uploader.errors.items())[:MAX_NAMED]:
            say(f"not uploaded: {key}: {why}", err, style="red")


def _told(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}: {remedy_of(error)}" if isinstance(error, OSError) else str(error)


def _md5(path: Path) -> str:
    """The ETag that a document will have; it is the MD5, since the store does not encrypt with keys of its own."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
