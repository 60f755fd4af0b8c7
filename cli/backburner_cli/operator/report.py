"""The command `report`: writes how documents ended, what they cost and why some failed, to be passed on."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backburner.ledger.records import RunRecord
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.errors import CommandError
from backburner_cli.operator import own_file
from backburner_cli.operator.job_index import ended_record
from backburner_cli.operator.own_file import CSV_COLUMNS
from backburner_cli.operator.quotes import MAX_READ_BYTES, Quoted, in_source
from backburner_cli.operator.report_figures import Report, figures
from backburner_cli.operator.session import Records, read
from backburner_cli.terminal import count_of, err, out, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from backburner.ports import Stored
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.listing import Filter

TITLE: Final = "Backburner report"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes cells that begin with one of these."""
_CONTEXT_CHARS: Final = 80
MAX_QUOTED: Final = 20
"""How many documents have their quotes shown in their sources, which are read again for that."""
MAX_QUOTES_SHOWN: Final = 50
MAX_MESSAGES: Final = 50
"""How many failures of each reason are listed with their messages; the CSV has every document."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The documents to report on, and the file to write; `to` None prints JSON."""

    chosen: Filter
    to: Path | None
    with_quotes: bool = False
    """Whether quotes are shown in their sources: then the report holds texts."""
    is_agreed: bool = False
    """Whether a file that is not a report may be replaced without asking."""


def report(environment: Mapping[str, str], described: str, wanted: Wanted) -> None:
    """Make a report. Raises `CommandError` for a file of another kind, or one that cannot be written."""
    wanted.chosen.chosen.check()
    write = None if wanted.to is None else _KINDS.get(wanted.to.suffix.lower())
    if wanted.to is not None and write is None:
        raise CommandError(f"{wanted.to}: name a file that ends in .html, .json or .csv")
    if wanted.to is not None:
        own_file.require_replaceable(wanted.to, is_agreed=wanted.is_agreed)
    with err.status("reading the ledger"):
        made, listed = read(environment, lambda records: _made(records, environment, described, wanted))
    if wanted.to is None or write is None:
        print_json(msgspec.to_builtins(made))
        return
    own_file.write(wanted.to, write(made, listed))
    states = ", ".join(f"{count:,} {name}" for name, count in made.states.items() if count)
    out.print(f"{wanted.to}: {count_of(made.documents, 'document')}" + (f": {states}" if states else ""), markup=False)


async def _made(
    records: Records, environment: Mapping[str, str], described: str, wanted: Wanted
) -> tuple[Report, list[Job]]:
    index = records.index(environment)
    await index.refresh(lambda _what, _count: None)
    has = wanted.chosen.has
    latest, states = {job.key: job for job in index.latest()}, Counter[str]()
    present = set[str]()

    async def count(item: tuple[str, Stored]) -> None:
        key, stored = item
        if not wanted.chosen.chosen.has(key):
            return
        present.add(key)
        job = latest.get(key)
        if job is not None:
            states["not started" if job.shown_state == "superseded" else job.shown_state] += has(job)
            return
        record, since = await ended_record(records.bucket, key), wanted.chosen.since
        at = stored.last_modified if record is None else record.finished_at or record.uploaded_at
        if since is None or at >= since:
            states["not started" if record is None else str(record.state)] += 1

    await at_once(records.bucket.listed(wanted.chosen.chosen.listed), count)
    listed = sorted(filter(has, latest.values()), key=lambda job: job.key)
    made = figures(
        described=described,
        made_at=datetime.now(UTC),
        scope=_scope(wanted.chosen),
        states=states,
        latest=[job for job in listed if job.key in present],
        removed=sum(job.key not in present for job in listed),
        ended=list(filter(has, index.ended())),
    )
    await _read_messages(records, made)
    if wanted.with_quotes:
        await _read_quotes(records, made, [job for job in listed if job.quotes][:MAX_QUOTED])
    return made, listed


def _scope(chosen: Filter) -> dict[str, str]:
    scope = {"recipe": chosen.chosen.recipe, "keys from": chosen.chosen.prefix}
    since = {"since": f"{chosen.since:%Y-%m-%d %H:%M} UTC"} if chosen.since else {}
    return {name: value for name, value in scope.items() if value is not None} | since


async def _read_messages(records: Records, made: Report) -> None:
    """Read the message of each listed failure from its record."""

    async def look(document: dict[str, Any]) -> None:
        record = await ended_record(records.bucket, document["key"])
        document["message"] = getattr(record, "message", "")

    for failure in made.failures:
        del failure.documents[MAX_MESSAGES:]
        await at_once(each_of(failure.documents), look)


async def _read_quotes(records: Records, made: Report, jobs: list[Job]) -> None:
    """The quotes of some documents, with the words around them; sources are read one after the other."""
    for job in jobs:
        record = await ended_record(records.bucket, job.key)
        if isinstance(record, RunRecord) and record.quotes is not None:
            found = await in_source(records, record, MAX_READ_BYTES)
            text = "".join(piece for piece, _ in found.pieces)
            quotes = [_in_context(each, text) for each in found.quotes[:MAX_QUOTES_SHOWN]]
            told = {"key": job.key, "checked": record.quotes.checked, "problem": found.problem, "quotes": quotes}
            made.quoted.documents.append(told)


def _in_context(quote: Quoted, text: str) -> dict[str, Any]:
    return {
        "pointer": quote.pointer,
        "where": quote.where,
        "text": quote.text,
        "before": text[max(0, quote.first - _CONTEXT_CHARS) : quote.first],
        "passage": text[quote.first : quote.last],
        "after": text[quote.last : quote.last + _CONTEXT_CHARS],
    }


def _html(made: Report, _: list[Job]) -> str:
    from backburner_cli.pages.render import render

    return render("report.html", title=TITLE, report=made)


def _json(made: Report, _: list[Job]) -> str:
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode()


def _csv(_: Report, listed: list[Job]) -> str:
    return csv_of(listed)


def csv_of(listed: Iterable[Job]) -> str:
    """A line for every document's latest run."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(CSV_COLUMNS)
    for job in listed:
        values = job.plain()
        lines.writerow([_cell(values[name]) for name in CSV_COLUMNS])
    return written.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_KINDS: Final = {".html": _html, ".json": _json, ".csv": _csv}
