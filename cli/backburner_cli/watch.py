"""Watching one document's way through the bucket: what stands where, with nothing but reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from backburner.keys import place_of
from backburner.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

R = TypeVar("R", bound=JobRecord)


@dataclass(frozen=True)
class Watcher:
    """Reads records of one bucket."""

    s3: S3Client
    bucket: str

    def ended(self, key: str, etag: str) -> RunRecord | ErrorRecord | None:
        """The run or error record of this version of a document, whichever came later; None while it is under way."""
        place = place_of(key)
        found = (self._read(place.run_record_key, RunRecord), self._read(place.error_record_key, ErrorRecord))
        records = [record for record in found if record is not None and record.source.etag == etag]
        return max(records, key=lambda record: record.run, default=None)

    def open_records(self) -> Iterator[OpenRecord]:
        """Every job that is under way."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="ledger/open/"):
            for item in page.get("Contents", []):
                record = self._read(item["Key"], OpenRecord)
                if record is not None:
                    yield record

    def text(self, key: str) -> str:
        """An object as text."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def _read(self, key: str, kind: type[R]) -> R | None:
        try:
            return decode(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read(), kind)
        except self.s3.exceptions.NoSuchKey:
            return None


def describe(record: RunRecord | ErrorRecord) -> dict[str, Any]:
    """A record's lines for people: what became of the document, and what it cost."""
    models = sorted({response.model for response in record.responses if response.model})
    lines: dict[str, Any] = {
        "state": record.state,
        "job": f"{record.job_id}, run {record.run}",
        "recipe": record.recipe.name,
        "generations": ", ".join(f"{r.id} ({r.status})" for r in record.responses) or "none was started",
        "model": ", ".join(models) or record.provider.model,
        "tokens": f"{record.usage.input_tokens} in, {record.usage.output_tokens} out",
        "cost": "unknown: the recipe names no price" if record.cost is None else f"{record.cost:.6f}",
        "polls": record.polls,
    }
    if isinstance(record, ErrorRecord):
        return lines | {"reason": record.reason, "message": record.message, "replay": record.replay}
    return lines | {"result": record.result_key}
