"""Waits for the outcomes of uploads, and prints each as it comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backburner.ledger.keys import output_location
from backburner.ledger.records import ErrorRecord, RunRecord
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.operator.bar import bar
from backburner_cli.operator.uploads import Upload, describe
from backburner_cli.terminal import one_line, out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backburner_cli.operator.inbox import Inbox

POLL_S = 1.0
_CHECKS_PER_SECOND = 50
"""For all documents together, so that each of thousands is checked less often."""


def summed(outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How many documents ended and how, and what they used; `cost` is null if no recipe names a price."""
    states = Counter(outcome["state"] for outcome in outcomes.values())
    costs = [cost for outcome in outcomes.values() if (cost := outcome.get("cost")) is not None]
    return {
        "documents": len(outcomes),
        "done": states["done"],
        "failed": states["failed"],
        "replaced": states["replaced"],
        "tokens": sum(outcome.get("tokens", 0) for outcome in outcomes.values()),
        "cost": round(sum(costs), 9) if costs else None,
    }


@dataclass(frozen=True, kw_only=True)
class OutcomeWaiter:
    """Checks uploads until each has ended. `shows_texts`: print records and results, not just a line for each."""

    inbox: Inbox
    shows_texts: bool
    is_quiet: bool

    async def wait(self, uploads: Sequence[Upload]) -> dict[str, dict[str, Any]]:
        """The outcome of each upload, by key; `failed` says whether it failed, in part or as a whole."""
        outcomes: dict[str, dict[str, Any]] = {}
        waiting = list(uploads)
        with bar("waiting for results; Ctrl-C stops only the waiting", len(waiting)) as advance:

            async def look(upload: Upload) -> None:
                record = await self._ended(upload)
                if record is None and await self._is_current(upload):
                    return
                outcomes[upload.key] = await self._report(upload, record)
                advance()

            while waiting:
                await at_once(each_of(waiting), look)
                waiting = [upload for upload in waiting if upload.key not in outcomes]
                if waiting:
                    await asyncio.sleep(max(POLL_S, len(waiting) / _CHECKS_PER_SECOND))
        return outcomes

    async def _ended(self, upload: Upload) -> RunRecord | ErrorRecord | None:
        records = await self.inbox.records(output_location(upload.key))
        mine = [record for record in records if upload.is_outcome(record)]
        return max(mine, key=lambda record: record.run, default=None)

    async def _is_current(self, upload: Upload) -> bool:
        there = await self.inbox.bucket.head(upload.key)
        return there is not None and there.etag == upload.etag

    async def _report(self, upload: Upload, record: RunRecord | ErrorRecord | None) -> dict[str, Any]:
        if record is None:
            self._say(f"{one_line(upload.key)} was replaced or removed meanwhile")
            return {"state": "replaced", "failed": False}
        outcome = {
            "state": str(record.state),
            "failed": isinstance(record, ErrorRecord) or bool(record.lines and record.lines.failed),
            "job_id": record.job_id,
            "run": record.run,
            "tokens": record.usage.total_tokens,
            "cost": record.cost,
            "result_key": record.result_key if isinstance(record, RunRecord) else None,
            "reason": str(record.reason) if isinstance(record, ErrorRecord) else None,
        }
        if self.shows_texts:
            await self._show(upload, record)
        elif isinstance(record, ErrorRecord):
            self._say(f"failed  {one_line(upload.key)}: {record.reason}")
        else:
            self._say(f"done    {one_line(record.result_key)}")
        return outcome

    async def _show(self, upload: Upload, record: RunRecord | ErrorRecord) -> None:
        """Print everything of one document at once, as others may end meanwhile."""
        lines = [one_line(upload.key), *(one_line(f"  {name:12} {value}") for name, value in describe(record).items())]
        if isinstance(record, RunRecord):
            stored = await self.inbox.bucket.get(record.result_key)
            lines.append(stored.body.decode(errors="replace") if stored else "its result has just been replaced")
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        if not self.is_quiet:
            out.print(text, markup=False)
