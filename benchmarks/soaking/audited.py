"""The product's own audit of the bucket that the soak leaves behind."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from backburner.adapters.connect import connect
from backburner.maintenance import audit, findings
from backburner.maintenance.findings import Kind
from soaking.poison import Stray


def audited(environment: Mapping[str, str], strays: Iterable[Stray]) -> tuple[str, list[str]]:
    """What the audit counts, and what it finds wrong. No document is too young for it here.

    It must name the strays, and nothing else. Journal lines are lost with the tick that was to write them: they may
    be missing until a repair rebuilds them.
    """
    os.environ.update(environment)
    for module in (audit, findings):
        vars(module)["OLD_ENOUGH_S"] = 0.0
    ready = connect(environment, create_limit_s=30.0, swap_tries=12)
    tick = ready.core.tick
    pending: Any = tick.pending.queue  # which counts as well
    backlog: Any = tick.backlog.queue
    auditor = audit.Auditor(
        bucket=tick.sweeper.bucket,
        ledger=tick.sweeper.ledger,
        governor=ready.core.governor,
        sweeper=tick.sweeper,
        journal=ready.core.journal,
        pending=pending,
        backlog=backlog,
    )
    with contextlib.closing(ready):
        before = ready.runner.run(auditor.audit())
        report = ready.runner.run(auditor.repair(before))
    counted = f"{report.objects} objects = {report.waiting} waiting + {report.running} running"
    others = [finding for finding in before.findings if finding.kind is not Kind.JOURNAL_LINE_MISSING]
    rebuilt = len(before.findings) - len(others)
    expected = {stray.key for stray in strays if stray.named}
    odd = [finding for finding in [*others, *report.findings] if finding.key not in expected]
    wrong = [f"audit, {finding.kind}: {finding.key}, {finding.what}" for finding in odd]
    named = {finding.key for finding in report.findings if finding.kind is Kind.UNREADABLE}
    wrong += [f"audit: {key} cannot be read, and is not named" for key in sorted(expected - named)]
    if report.objects != report.waiting + report.running + report.done + report.failed:
        wrong.append("audit: the books do not balance")
    ended = f"{report.done} done + {report.failed} failed"
    died = f"{rebuilt} journal lines were lost with their ticks and rebuilt"
    return f"{counted} + {ended}; {len(named)} unreadable; {died}", wrong
