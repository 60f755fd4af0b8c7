"""The commands `jobs` and `failed`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from backburner.errors import Reason, UnreadableError
from backburner.ledger.keys import ERROR_RECORD, FAILED
from backburner.ledger.records import ErrorRecord, decode
from backburner.maintenance.snapshot import at_once
from backburner_cli.operator.remedies import REMEDIES
from backburner_cli.operator.session import Records, read
from backburner_cli.terminal import count_of, err, one_line, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backburner.ports import Stored
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.listing import Filter, Listed, Page
    from backburner_cli.operator.selection import Selection

MAX_SHOWN = 5
"""How many documents are named for each reason; --json has them all."""


def jobs(environment: Mapping[str, str], wanted: Filter, page: Page, *, as_json: bool) -> None:
    """List jobs."""
    wanted.chosen.check()
    with err.status("reading the ledger") as shown:

        async def listed_in(records: Records) -> Listed:
            index = records.index(environment)
            return await index.page(
                wanted,
                page,
                lambda _what, count: shown.update(f"reading the ledger: {count:,} of {index.to_read:,} objects"),
            )

        listed = read(environment, listed_in)
    sums = listed.totals
    if as_json:
        print_json(sums | {"page": page.number, "listed": [job.plain() for job in listed.jobs]})
        return
    table = Table("state", "document", "why", "tokens", "cost", "since", box=None, pad_edge=False)
    table.columns[1].overflow = "fold"  # a key is there to be copied
    for column in table.columns[3:5]:
        column.justify = "right"
    for job in listed.jobs:
        cost = "" if job.cost is None else f"{job.cost:.4f}"
        at = f"{job.changed_at:%Y-%m-%d %H:%M}"
        table.add_row(str(job.state), one_line(job.key), _why(job), f"{job.tokens:,}", cost, at)
    if listed.jobs:
        out.print(table)
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(sums["states"].items()))
    cost = "" if sums["cost"] is None else f", cost {sums['cost']:.4f}"
    counts = f": {states}; {sums['tokens']:,} tokens{cost}" if sums["jobs"] else " match"
    out.print(count_of(sums["jobs"], "job") + counts)
    if page.limit is not None and page.number * page.limit < sums["jobs"]:
        out.print(f"Page {page.number} of {-(-sums['jobs'] // page.limit)}: --page {page.number + 1} shows the next.")


def _why(job: Job) -> str:
    return str(job.reason or job.waiting_for or "")


def failed(
    environment: Mapping[str, str],
    chosen: Selection,
    reasons: frozenset[Reason],
    deployment: tuple[str, ...] = (),
    *,
    as_json: bool,
) -> None:
    """Show the failed documents by reason, with a remedy for each. `deployment` has the options that named it."""
    chosen.check()
    records, unreadable = read(environment, _errors)
    groups: dict[Reason, list[ErrorRecord]] = {}
    for record in records:
        if chosen.has(record.source.key) and (not reasons or record.reason in reasons):
            groups.setdefault(record.reason, []).append(record)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    if as_json:
        reported = [
            {
                "reason": str(reason),
                "count": len(group),
                "remedy": REMEDIES[reason],
                "documents": [_plain(record) for record in group],
            }
            for reason, group in ordered
        ]
        failed_documents = sum(len(group) for _, group in ordered)
        print_json({"failed": failed_documents, "reasons": reported, "unreadable": unreadable})
        return
    for reason, group in ordered:
        out.print(f"[bold]{len(group)} {reason}[/]")
        out.print(f"  what to do: {REMEDIES[reason]}", markup=False)
        for record in group[:MAX_SHOWN]:
            say(f"  {record.source.key}: {record.message}")
        if len(group) > MAX_SHOWN:
            out.print(f"  … and {len(group) - MAX_SHOWN} more: --reason {reason} --json lists them all")
        out.print(f"  {_replay(reason, chosen, deployment)}", style="dim", markup=False)
    for key, why in unreadable.items():
        say(f"Cannot be read: {key}: {why}")
    if not ordered:
        out.print("Nothing has failed." if chosen.is_all and not reasons else "No failure matches.")


def _replay(reason: Reason, chosen: Selection, deployment: tuple[str, ...]) -> str:
    """The command that runs the shown documents again."""
    named = {"--recipe": chosen.recipe, "--prefix": chosen.prefix}
    selected = [part for name, value in named.items() if value for part in (name, value)]
    return shlex.join(["backburner", "replay", "--failed", "--reason", str(reason), *selected, *deployment])


def _plain(record: ErrorRecord) -> dict[str, Any]:
    return {
        "key": record.source.key,
        "message": record.message,
        "job_id": record.job_id,
        "run": record.run,
        "finished_at": record.finished_at,
        "error_record": record.location.error_record_key,
    }


async def _errors(records: Records) -> tuple[list[ErrorRecord], dict[str, str]]:
    found: list[ErrorRecord] = []
    unreadable: dict[str, str] = {}

    async def look(item: tuple[str, Stored]) -> None:
        key = item[0]
        if not key.endswith(ERROR_RECORD):
            return
        try:
            stored = await records.bucket.get(key)
            if stored is not None:
                found.append(decode(stored.body, ErrorRecord))
        except (UnreadableError, msgspec.DecodeError, RecursionError) as error:
            unreadable[key] = str(error)

    await at_once(records.bucket.listed(FAILED), look)
    return sorted(found, key=lambda record: record.source.key), unreadable
