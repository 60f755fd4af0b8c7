"""Uploads of documents, and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from backburner.documents.recipes import fingerprint, model_in
from backburner.ledger.keys import OPEN, OutputLocation, output_location, recipe_keys
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, PartEnd, RunRecord, decode
from backburner_cli.operator.figures import COST_UNKNOWN
from backburner_cli.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

R = TypeVar("R", bound=JobRecord)
_MAX_PARTS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An uploaded document, and the records that were there before, which are not its outcome."""

    key: str
    etag: str
    last_modified: datetime
    recipe_sha256: str
    model: str | None
    """The model of a recipe that names none; None if that is not known here, or the recipe names one."""
    stood: frozenset[str]
    """Names of the runs whose records were there before."""

    def is_outcome(self, record: RunRecord | ErrorRecord) -> bool:
        """Whether a record is the outcome of this upload.

        A record that was there before is one only if the upload opens no new run: the same bytes, recipe and model are
        done already; or they failed in a run that was opened for this very upload.
        """
        if record.source.etag != self.etag:
            return False
        if record.name not in self.stood:
            return True
        if record.recipe.sha256 != self.recipe_sha256 or self.model not in (None, record.provider.model):
            return False
        return isinstance(record, RunRecord) or record.source.last_modified >= self.last_modified


@dataclass(frozen=True)
class Watcher:
    """Uploads documents to a bucket, and reads their outcomes."""

    s3: S3Client
    bucket: str

    def upload(self, key: str, document: Path | bytes, model: str | None = None) -> Upload:
        """Put a document into the inbox. `model` is the one for recipes that name none, if it is known."""
        location = output_location(key)
        recipe = self._recipe(location.recipe)
        stood = frozenset(record.name for record in self._records(location))
        if isinstance(document, bytes):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=document)
        else:
            with document.open("rb") as body:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        there = self.s3.head_object(Bucket=self.bucket, Key=key)
        return Upload(
            key=key,
            etag=there["ETag"].strip('"'),
            last_modified=there["LastModified"],
            recipe_sha256=fingerprint(recipe),
            model=None if model_in(recipe) else model,
            stood=stood,
        )

    def ended(self, upload: Upload) -> RunRecord | ErrorRecord | None:
        """The later one of an upload's run and error record; None while it is under way."""
        records = [record for record in self._records(output_location(upload.key)) if upload.is_outcome(record)]
        return max(records, key=lambda record: record.run, default=None)

    def open_records(self) -> Iterator[OpenRecord]:
        """All open records."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=OPEN):
            for item in page.get("Contents", []):
                record = self._read(item["Key"], OpenRecord)
                if record is not None:
                    yield record

    def text(self, key: str) -> str:
        """An object as text."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def _records(self, location: OutputLocation) -> Iterator[RunRecord | ErrorRecord]:
        for record in (
            self._read(location.run_record_key, RunRecord),
            self._read(location.error_record_key, ErrorRecord),
        ):
            if record is not None:
                yield record

    def _recipe(self, name: str) -> bytes | None:
        for key in recipe_keys(name) if name else ():
            try:
                return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                continue
        return None

    def _read(self, key: str, kind: type[R]) -> R | None:
        try:
            return decode(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read(), kind)
        except self.s3.exceptions.NoSuchKey:
            return None


def describe(record: RunRecord | ErrorRecord) -> dict[str, Any]:
    """A record for people: how the document ended, and what it cost."""
    models = sorted({response.model for response in record.responses if response.model})
    lines: dict[str, Any] = {
        "state": record.state,
        "job": f"{record.job_id}, run {record.run}",
        "recipe": record.recipe.name,
        "generations": _generations(record),
        "model": ", ".join(models) or record.provider.model,
        "tokens": f"{record.usage.input_tokens} in, {record.usage.output_tokens} out",
        "cost": cost_of(record, unknown=COST_UNKNOWN),
        "polls": record.polls,
    }
    if record.parts and record.lines is None:
        lines["of each part"] = _of_parts(record.parts)
    if record.lines is not None and record.lines.failed:
        failed = f"{record.lines.failed} of {record.lines.total}: {record.location.errors_key}"
        lines["lines failed"] = failed
    if record.source.pages and record.source.pages.images:
        lines["shown as pictures"] = f"pages {record.source.pages.images}"
    if record.source.notes:
        lines["not read"] = "; ".join(record.source.notes)
    if isinstance(record, ErrorRecord):
        return lines | {"reason": record.reason, "message": record.message, "replay": record.replay}
    if record.quotes is not None:
        lines["quotes"] = f"{record.quotes.checked}, all found in the document"
    if record.reused is not None:
        lines["answer of"] = f"{record.reused.key} (job {record.reused.job_id}, run {record.reused.run})"
        cost = "" if record.reused.cost is None else f", cost {record.reused.cost:.6f}"
        lines["saved"] = f"{record.reused.usage.total_tokens} tokens{cost}"
    return lines | {"result": record.result_key}


def cost_of(record: RunRecord | ErrorRecord, *, unknown: str) -> str:
    """What a run cost: "0" if nothing was sent, even if its recipe names no price."""
    if record.cost is not None:
        return f"{record.cost:.6f}"
    return unknown if record.responses or record.parts or record.lines or record.suspected_orphans else "0"


def _of_parts(parts: Sequence[PartEnd]) -> str:
    """The ids of each part's generations; if there are many parts, of the first ones."""
    shown = [
        f"{part.level}/{part.number} {', '.join(part.responses) or part.state}" for part in parts[:_MAX_PARTS_SHOWN]
    ]
    more = len(parts) - len(shown)
    return "; ".join([*shown, f"and {more} more: see the record"] if more else shown)


def _generations(record: RunRecord | ErrorRecord) -> str:
    """The ids of the document's own generations, and the numbers of those of parts or lines."""
    own = [f"{response.id} ({response.status})" for response in record.responses]
    in_parts = sum(len(part.responses) for part in record.parts or ())
    counted = [f"{in_parts} in {len(record.parts or ())} parts"] if record.parts else []
    if record.lines is not None:
        counted = [count_of(record.lines.total, "line")]
    return ", ".join(own + counted) or "none"
