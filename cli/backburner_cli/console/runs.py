"""Two runs side by side, of one document or of two: their figures, and how their texts differ.

A run's figures stay in the journal. Its text is kept as long as nothing has replaced it: the present result,
the text of a superseded run, and what came before a failure; in a bucket that keeps versions, replaced ones too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backburner.ledger.journal import line_of
from backburner.ledger.keys import output_location, superseded_key
from backburner.ledger.records import ErrorRecord, JobRecord, RunRecord, SupersededRecord
from backburner_cli.console.documents import MAX_TEXT_CHARS, UnknownError, require_document
from backburner_cli.console.rows import row_of
from backburner_cli.operator.job import ended_job
from backburner_cli.operator.show import record_at
from backburner_cli.pages.difference import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backburner.ports import Bucket
    from backburner_cli.console.documents import Documents
    from backburner_cli.console.versions import Versions
    from backburner_cli.operator.job import Job

MAX_WORDS: Final = 5_000
"""Compared in each text; the time grows with the product of both."""
_WORD: Final = re.compile(r"\S+\s*|\s+")
_REPLACED: Final = "Its text is not kept: a later run has replaced it, and the bucket keeps no versions of it."
_NOTHING: Final = "It has no text."


@dataclass(frozen=True)
class Run:
    """A run that is over, and its record if that is still there."""

    job: Job
    record: JobRecord | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Which run of which job."""
        return f"{self.job.job_id}.{self.job.run}"

    def plain(self) -> dict[str, Any]:
        """The run as JSON."""
        return row_of(self.job) | {"name": self.name, "has_record": self.record is not None}


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Reads the runs of documents; `ended` are all that the index knows, of any document."""

    bucket: Bucket
    documents: Documents
    versions: Versions

    async def of(self, key: str, ended: Iterable[Job]) -> list[Run]:
        """The finished runs of a document, the latest first. Raises `CommandError` for a key of anything else."""
        require_document(key)
        location = output_location(key)
        done = await record_at(self.bucket, location.run_record_key, RunRecord)
        failed = await record_at(self.bucket, location.error_record_key, ErrorRecord)
        found = {_name(job.job_id, job.run): Run(job) for job in ended if job.key == key}
        present: tuple[JobRecord | None, ...] = (done, failed)
        for record in filter(None, present):
            found[_name(record.job_id, record.run)] = Run(ended_job(line_of(record)), record)
        return sorted(found.values(), key=lambda run: run.job.changed_at, reverse=True)

    async def pair(self, old: Run, new: Run) -> dict[str, Any]:
        """Two runs with their texts; `pieces` is null unless both have one."""
        texts = [await self._text(run) for run in (old, new)]
        sides = [
            run.plain() | {"text": text and text[:MAX_TEXT_CHARS], "missing": missing}
            for run, (text, missing) in zip((old, new), texts, strict=True)
        ]
        (before, _), (after, _) = texts
        compared = difference(before, after) if before is not None and after is not None else {"pieces": None}
        return {"old": sides[0], "new": sides[1], "is_cut": False} | compared

    async def _text(self, run: Run) -> tuple[str | None, str]:
        """A run's text, or None and why there is none."""
        record = run.record
        if isinstance(record, RunRecord):
            try:
                return (await self.documents.stored(record.result_key)).body.decode(errors="replace"), ""
            except UnknownError as error:
                return None, str(error)
        if record is None and run.job.job_id:
            record = await record_at(self.bucket, superseded_key(run.job.job_id, run.job.run), SupersededRecord)
            if record is None:
                return await self._replaced(run)
        text = record.text if isinstance(record, SupersededRecord) else None
        text = record.partial_text if isinstance(record, ErrorRecord) else text
        return text, "" if text is not None else _NOTHING

    async def _replaced(self, run: Run) -> tuple[str | None, str]:
        """The text of a run whose record is gone, if the bucket has kept it."""
        if run.job.result_key is None:
            return None, _NOTHING
        text = await self.versions.text(run.job.result_key, run.name)
        return text, "" if text is not None else _REPLACED


def chosen(runs: list[Run], name: str) -> Run:
    """The run of this name, or the latest if it is empty. Raises `UnknownError`."""
    for run in runs:
        if name in ("", run.name):
            return run
    raise UnknownError(f"there is no finished run {name}" if name else "this document has no finished run yet")


def difference(old: str, new: str) -> dict[str, Any]:
    """Two texts as pieces that are the same, gone, or new; `is_cut` if they are longer than what is compared."""
    words = [_WORD.findall(text) for text in (old, new)]
    is_cut = any(len(each) > MAX_WORDS for each in words)
    return {"pieces": pieces(words[0][:MAX_WORDS], words[1][:MAX_WORDS]), "is_cut": is_cut}


def _name(job: str, run: int) -> str:
    return f"{job}.{run}"
