"""The commands `audit` and `status`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from backburner.ledger.records import State
from backburner_cli.operator.figures import use_of_limits
from backburner_cli.operator.session import OperatorSession, run
from backburner_cli.terminal import MAX_LISTED, confirm, err, is_anybody_there, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.status import Status

    from backburner.maintenance.findings import Report

_LABELS = {
    "documents": "documents in inbox/",
    "documents_done": "  done",
    "documents_failed": "  failed",
    "documents_running": "  running",
    "documents_waiting": "  waiting",
    "documents_not_claimed_yet": "  not started yet",
    "too_young_to_judge": "    of these, uploaded less than 15 minutes ago",
    "waiting": "jobs, parts and segments waiting",
    "places_in_use": "generations in flight",
    "places": "  at most",
    "tokens_today": "tokens used today",
    "tokens_reserved": "  reserved",
    "daily_tokens": "  daily budget",
    "cost_today": "cost today",
    "cost_reserved": "  reserved",
    "daily_cost": "  daily budget",
}
_UNPRICED = "unknown: the recipes used today name no price, or none above 0"
_SECTIONS = ("waiting", "places_in_use", "tokens_today", "last_sweep")


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Whether to repair what an audit finds, and whether that is agreed to."""

    is_wanted: bool
    dry_run: bool = False
    is_agreed: bool = False


def audit(environment: Mapping[str, str], repair: Repair, *, as_json: bool) -> bool:
    """Audit, show the report, and return whether it balances."""
    with err.status("Reading the bucket …") as shown:
        report = run(environment, lambda session: _audited(session, shown, repair))
    if as_json:
        print_json({"balances": report.balances, **msgspec.to_builtins(report)})
    else:
        _show(report, repaired=repair.is_wanted and not repair.dry_run)
    return report.balances


async def _audited(session: OperatorSession, shown: Status, repair: Repair) -> Report:
    def progress(what: str, count: int) -> None:
        shown.update(f"Reading the bucket: {what}, {count}")

    auditor = session.auditor(progress)
    report = await auditor.audit()
    if not repair.is_wanted or repair.dry_run:
        return report
    if report.findings:
        shown.stop()
        # No question without a terminal: a repair does what the sweep does anyway, and starts only what was never run.
        confirm(
            f"Repair what can be repaired of {_counted(report)}? Lost documents run, and the provider bills them.",
            is_agreed=repair.is_agreed or not is_anybody_there(),
        )
        shown.start()
    return await auditor.repair(report)


def _counted(report: Report) -> str:
    """How many findings of each kind."""
    kinds = Counter(str(finding.kind) for finding in report.findings)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _show(report: Report, *, repaired: bool) -> None:
    table = Table("", "older than 15 minutes", "younger", title="Audit", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("waiting", "running", "done", "failed"):
        table.add_row(name, str(getattr(report, name)), str(report.young_states[name]))
    counted = report.waiting + report.running + report.done + report.failed
    table.add_row("not started yet", "", str(report.young_states["unclaimed"]))
    table.add_section()
    table.add_row("sum", str(counted), str(report.young))
    table.add_row("objects in inbox/", str(report.objects), str(report.young))
    table.add_section()
    table.add_row("open records", str(report.open_records), "")
    table.add_row("messages in the queues (estimate)", str(report.messages), "")
    out.print(table)
    if report.messages > report.open_records:
        out.print(
            "Messages beyond the open records are guards, which arrive when a lease is over: the checker drops those "
            "of jobs that have ended, and starts nothing for them."
        )
    if report.balances:
        out.print("The books balance: nothing is lost.")
        if unclaimed := report.young_states["unclaimed"]:
            out.print(
                f"Not judged yet: {unclaimed} uploads of the last 15 minutes, whose events may still be on their way."
            )
        return
    out.print(f"The books do not balance: {_counted(report)}")
    for finding in report.findings[:MAX_LISTED]:
        say(f"  {finding.kind:22} {finding.key}: {finding.what}")
    if len(report.findings) > MAX_LISTED:
        out.print(f"  … and {len(report.findings) - MAX_LISTED} more: --json lists them all")
    if not repaired:
        out.print("Run backburner audit --repair to repair what can be repaired. docs/runbook.md explains the rest.")


def status(environment: Mapping[str, str], *, as_json: bool) -> None:
    """Show what is under way."""
    found = run(environment, _status)
    if as_json:
        print_json(found)
        return
    table = Table("", "", title="Status", title_justify="left", show_header=False)
    for name, value in found.items():
        if name in _SECTIONS:
            table.add_section()
        if name not in ("waiting_for", "pauses", "unreadable"):
            missing = _UNPRICED if name == "cost_today" else "none"
            table.add_row(_LABELS.get(name, name.replace("_", " ")), missing if value is None else str(value))
        if name == "waiting":
            for why, count in found["waiting_for"].items():
                table.add_row(f"  for {why}", str(count))
    out.print(table)
    for pause in found["pauses"]:
        concerned = "the whole provider" if pause["concerns"] == "*" else f"the model {pause['concerns']} only"
        out.print(
            f"Paused: {concerned}, since {pause['since']}: {pause['why']} (next attempt {pause['next_probe']})",
            markup=False,
        )
    for key, why in list(found["unreadable"].items())[:MAX_LISTED]:
        say(f"Cannot be read: {key}: {why}")
    if found["dead_letters"]:
        out.print("Run backburner dead-letters to see what was given up on.")


async def _status(session: OperatorSession) -> dict[str, Any]:
    found = await session.overview.read()
    governor = session.core.governor
    counters, now = await governor.counters()
    share = governor.budget_used(counters, now)
    settings = session.settings
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
        "pauses": [
            {"concerns": name, "why": pause.why, "since": _shown(pause.since), "next_probe": _shown(pause.next_probe)}
            for name, pause in counters.pauses.items()
        ],
        **use_of_limits(counters, settings),
        "budget_used": f"{share:.0%}" if has_budget else None,
        "last_sweep": counters.last_sweep and _shown(counters.last_sweep),
        "unreadable": found.unreadable,
        "dead_letters": await session.backend.dead.count(),
    }


def _shown(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
