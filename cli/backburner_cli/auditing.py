"""The commands `audit` and `status`: the books, and what is under way."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from backburner.ledger.records import State
from backburner.maintenance.audit import Auditor
from backburner.maintenance.overview import Overseer
from backburner_cli.office import OperatorSession, run
from backburner_cli.terminal import err, out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backburner.maintenance.findings import Report

_LABELS = {
    "documents": "documents in inbox/",
    "documents_done": "  done",
    "documents_failed": "  failed",
    "documents_running": "  running",
    "documents_waiting": "  waiting",
    "documents_not_claimed_yet": "  not claimed yet",
    "too_young_to_judge": "    younger than 15 minutes",
    "waiting": "jobs, parts and segments waiting",
}
_SECTIONS = ("waiting", "places_in_use", "tokens_today", "last_sweep")
MAX_SHOWN = 100
"""Findings that are listed one by one; --json has them all."""


def audit(environment: Mapping[str, str], *, repair: bool, as_json: bool) -> bool:
    """Audit, show the report, and say whether the books balance."""
    with err.status("reading the bucket") as shown:

        def tell(what: str, count: int) -> None:
            shown.update(f"reading the bucket: {what}, {count}")

        report = run(environment, lambda office: _audited(office, tell, repair=repair))
    if as_json:
        _print_json({"balances": report.balances, **msgspec.to_builtins(report)})
    else:
        _show(report, repaired=repair)
    return report.balances


async def _audited(office: OperatorSession, tell: Callable[[str, int], None], *, repair: bool) -> Report:
    auditor = Auditor(
        bucket=office.cloud.bucket,
        ledger=office.ledger,
        governor=office.parts.governor,
        sweeper=office.parts.tick.sweeper,
        journal=office.parts.journal,
        pending=office.cloud.pending,
        backlog=office.cloud.backlog,
        progress=tell,
    )
    report = await auditor.audit()
    return await auditor.repair(report) if repair else report


def _show(report: Report, *, repaired: bool) -> None:
    table = Table("", "older than 15 minutes", "younger", title="Snapshot", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("waiting", "running", "done", "failed"):
        table.add_row(name, str(getattr(report, name)), str(report.young_states[name]))
    counted = report.waiting + report.running + report.done + report.failed
    table.add_row("not claimed yet", "", str(report.young_states["unclaimed"]))
    table.add_section()
    table.add_row("sum", str(counted), str(report.young))
    table.add_row("objects in inbox/", str(report.objects), str(report.young))
    table.add_section()
    table.add_row("open records", str(report.open_records), "")
    table.add_row("messages, about", str(report.messages), "")
    out.print(table)
    if report.balances:
        out.print("The books balance: nothing is lost.")
        if unclaimed := report.young_states["unclaimed"]:
            out.print(f"Too young to judge: {unclaimed} uploads of the last 15 minutes, whose events may still come.")
        return
    kinds = Counter(str(finding.kind) for finding in report.findings)
    out.print("The books do not balance: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    for finding in report.findings[:MAX_SHOWN]:
        out.print(f"  {finding.kind:22} {finding.key}: {finding.what}", markup=False)
    if len(report.findings) > MAX_SHOWN:
        out.print(f"  … and {len(report.findings) - MAX_SHOWN} more: --json lists them all")
    if not repaired:
        out.print("backburner audit --repair mends what can be mended; docs/runbook.md explains the rest.")


def status(environment: Mapping[str, str], *, as_json: bool) -> None:
    """Show what is under way."""
    found = run(environment, _status)
    if as_json:
        _print_json(found)
        return
    table = Table("", "", title="Status", title_justify="left", show_header=False)
    for name, value in found.items():
        if name in _SECTIONS:
            table.add_section()
        if name not in ("waiting_for", "pauses", "unreadable"):
            table.add_row(_LABELS.get(name, name.replace("_", " ")), "none" if value is None else str(value))
        if name == "waiting":
            for why, count in found["waiting_for"].items():
                table.add_row(f"  for {why}", str(count))
    out.print(table)
    for pause in found["pauses"]:
        concerned = "the whole provider" if pause["concerns"] == "*" else f"the model {pause['concerns']}"
        out.print(
            f"Paused: {concerned}, since {pause['since']}: {pause['why']} (next probe {pause['next_probe']})",
            markup=False,
        )
    for key, why in list(found["unreadable"].items())[:MAX_SHOWN]:
        out.print(f"Cannot be read: {key}: {why}", markup=False)
    if found["dead_letters"]:
        out.print("backburner dead-letters shows what was given up on.")


async def _status(office: OperatorSession) -> dict[str, Any]:
    found = await Overseer(bucket=office.cloud.bucket, sweeper=office.parts.tick.sweeper).look()
    governor = office.parts.governor
    counters, now = await governor.counters()
    share = governor.budget_used(counters, now)
    settings, held = office.settings, counters.held
    has_budget = settings.daily_tokens is not None or settings.daily_cost is not None
    return {
        "documents": found.documents,
        "documents_done": found.done,
        "documents_failed": found.failed,
        "documents_running": found.running,
        "documents_waiting": found.waiting,
        "documents_not_claimed_yet": found.unclaimed,
        "too_young_to_judge": found.young,
        "waiting": found.open[State.WAITING],
        "waiting_for": dict(found.waiting_for.most_common()),
        "starting": found.open[State.SUBMITTING],
        "running": found.open[State.RUNNING],
        "places_in_use": counters.in_flight,
        "places": settings.max_in_flight,
        "pauses": [
            {"concerns": name, "why": pause.why, "since": _told(pause.since), "next_probe": _told(pause.next_probe)}
            for name, pause in counters.pauses.items()
        ],
        "tokens_today": counters.tokens,
        "tokens_reserved": held.tokens,
        "daily_tokens": settings.daily_tokens,
        "cost_today": round(counters.cost, 6),
        "cost_reserved": round(held.cost, 6),
        "daily_cost": settings.daily_cost,
        "budget_used": f"{share:.0%}" if has_budget else None,
        "last_sweep": counters.last_sweep and _told(counters.last_sweep),
        "unreadable": found.unreadable,
        "dead_letters": await office.cloud.dead.count(),
    }


def _told(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
