"""The command `show`: a document's whole story, from its records."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from backburner.errors import UnreadableError
from backburner.ledger.keys import (
    ERROR_RECORD,
    FAILED,
    INBOX,
    JOURNAL,
    OPEN,
    RESULTS,
    RUN_RECORD,
    SUPERSEDED,
    output_location,
)
from backburner.ledger.records import (
    ErrorRecord,
    JobRecord,
    OpenRecord,
    R,
    RunRecord,
    State,
    SupersededRecord,
    decode,
)
from backburner.maintenance.snapshot import at_once
from backburner_cli.errors import CommandError
from backburner_cli.operator.listing import lines_of, open_records
from backburner_cli.operator.remedies import REMEDIES
from backburner_cli.operator.session import Records, read
from backburner_cli.operator.timeline import by_journal, events_of
from backburner_cli.operator.uploads import describe
from backburner_cli.terminal import count_of, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from backburner.ledger.journal import Line
    from backburner.ports import Bucket, Stored

_JOB = re.compile(r"([0-9a-f]{6,32})(?:\.\d+)?")


@dataclass
class Story:
    """What is known about a document: its records, and its lines in the journal."""

    key: str
    records: list[JobRecord] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def timeline(self) -> list[tuple[datetime, str]]:
        """What happened, in order; the journal is used only for runs whose records are gone."""
        recorded = {(record.job_id, record.run) for record in self.records}
        events = [event for record in self.records for event in events_of(record)]
        events += [
            (line.finished_at, by_journal(line.run, str(line.state), line.reason))
            for line in self.lines
            if (line.job_id, line.run) not in recorded and line.finished_at is not None
        ]
        return sorted(dict.fromkeys(events), key=lambda event: event[0])


def show(environment: Mapping[str, str], named: str, *, as_json: bool) -> None:
    """Show the story of a document or job. Raises `CommandError` if nothing is known about it."""
    story = read(environment, lambda records: _story(records, named))
    timeline = story.timeline()
    if as_json:
        print_json(
            {
                "key": story.key,
                "timeline": [{"at": at.isoformat(), "what": what} for at, what in timeline],
                "records": [msgspec.to_builtins(record) for record in story.records],
            }
        )
        return
    say(story.key, style="bold")
    for at, what in timeline:
        say(f"  {at:%Y-%m-%d %H:%M:%S}  {what}")
    for record in story.records:
        if isinstance(record, RunRecord | ErrorRecord):
            out.print()
            for name, value in describe(record).items():
                say(f"  {name:12} {value}")
        if isinstance(record, ErrorRecord):
            out.print(f"  {'what to do':12} {REMEDIES[record.reason]}", markup=False)
        if isinstance(record, OpenRecord):
            out.print(f"\n  {standing(record)}", markup=False)


async def _story(records: Records, named: str) -> Story:
    if named.startswith((RESULTS, FAILED)):
        named = await _key_of_output(records, named)
    if named.startswith(INBOX):
        return await _of_document(records, named)
    found = _JOB.fullmatch(named)
    if found is None:
        raise CommandError(
            f"{named!r} is neither a key (inbox/…, results/…, failed/…) nor a job's id: backburner jobs lists both"
        )
    return await _of_job(records, found[1])


async def story_of_document(records: Records, key: str) -> Story:
    """A document's story from its records only, without runs that only the journal has.

    Raises `CommandError` if there is neither a document nor a record.
    """
    stored = await records.bucket.head(key)
    story = await _by_records(records, key, stored)
    if stored is None and not story.records:
        raise CommandError(f"nothing is known about {key}: check its name with backburner jobs --match …")
    return story


async def _by_records(records: Records, key: str, stored: Stored | None) -> Story:
    story = Story(key)
    location = output_location(key)
    current = await records.current_jobs.current(key, stored)
    if current is not None:
        story.records += await open_records(records.bucket, f"{OPEN}{current.job_id}.")
        await _superseded(records, story, current.job_id)
    await _add(records, story, location.run_record_key, RunRecord)
    await _add(records, story, location.error_record_key, ErrorRecord)
    return story


async def _of_document(records: Records, key: str) -> Story:
    stored = await records.bucket.head(key)
    story = await _by_records(records, key, stored)
    story.lines = await _lines(records, lambda line: line.key == key)
    if not story.records and not story.lines:
        if stored is None:
            raise CommandError(f"nothing is known about {key}: check its name with backburner jobs --match …")
        raise CommandError(
            f"{key} has been there for {stored.age_s:.0f} s and has no job yet: its event may still come; "
            "later, backburner audit --repair starts it"
        )
    return story


async def _of_job(records: Records, job: str) -> Story:
    found = await open_records(records.bucket, f"{OPEN}{job}")
    lines = await _lines(records, lambda line: line.job_id.startswith(job))
    keys = {record.source.key for record in found} | {line.key for line in lines}
    keys = {key for key in keys if key.startswith(INBOX)} or keys
    if not keys:
        raise CommandError(f"no job begins with {job}: backburner jobs --json lists the ids")
    if len(keys) > 1:
        raise CommandError(f"{len(keys)} jobs begin with {job}: give more of the id")
    (key,) = keys
    if key.startswith(INBOX):
        return await _of_document(records, key)
    return Story(key, list(found), lines)


async def _key_of_output(records: Records, named: str) -> str:
    """The document of a result, a run record or an error record."""
    is_error = named.endswith(ERROR_RECORD)
    candidates = [named] if named.endswith((RUN_RECORD, ERROR_RECORD)) else [f"{named.rpartition('.')[0]}{RUN_RECORD}"]
    for key in candidates:
        stored = await records.bucket.get(key)
        if stored is not None:
            record: JobRecord = decode(stored.body, ErrorRecord if is_error else RunRecord)
            return record.source.key
    raise CommandError(f"{named} has no record beside it: name the document by its key, inbox/…")


async def _add(records: Records, story: Story, key: str, kind: type[R]) -> None:
    record = await record_at(records.bucket, key, kind)
    if record is not None:
        story.records.append(record)


async def record_at(bucket: Bucket, key: str, kind: type[R]) -> R | None:
    """The record at a key; None if there is none. Raises `CommandError` if it cannot be read."""
    try:
        stored = await bucket.get(key)
        return None if stored is None else decode(stored.body, kind)
    except (UnreadableError, msgspec.DecodeError) as error:
        raise CommandError(f"{key} cannot be read ({error}): docs/runbook.md says what to do") from error


async def _superseded(records: Records, story: Story, job: str) -> None:
    async for key, _ in records.bucket.listed(f"{SUPERSEDED}{job}."):
        await _add(records, story, key, SupersededRecord)


async def _lines(records: Records, wanted: Any) -> list[Line]:
    found: list[Line] = []

    async def look(item: tuple[str, Stored]) -> None:
        found.extend(line for line in await lines_of(records.bucket, item[0]) if wanted(line))

    await at_once(records.bucket.listed(JOURNAL), look)
    return found


def standing(record: OpenRecord) -> str:
    """The current state of a run that is not over."""
    match record.state:
        case State.WAITING:
            return f"waiting for {record.waiting_for or 'its turn'}, {count_of(record.attempt, 'attempt')} so far"
        case State.RUNNING if record.division is not None:
            parts = sum(len(level) for level in record.division.levels)
            return f"running in {parts} parts"
        case State.RUNNING:
            return f"running, attempt {record.attempt}, {count_of(record.polls, 'poll')} so far"
        case _:
            return "being submitted"
