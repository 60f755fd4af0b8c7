"""A sweep over more waiting jobs than a tick has time for advances by a page at a time, at a small cost per job."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from backburner.ledger import inbox_pages
from backburner.ledger.ledger import Ledger, Open
from backburner.maintenance.sweep import OLD_ENOUGH_S
from support.system import System

JOBS, PAGE = 200, 20


@dataclass(frozen=True)
class CountingLedger(Ledger):
    """A ledger that counts the open records that are read."""

    reads: list[str] = field(default_factory=list)

    async def open_record(self, job: str, run: int) -> Open | None:
        """Read a record, and count it."""
        self.reads.append(job)
        return await super().open_record(job, run)


def _waiting_for_long() -> System:
    """Jobs that have waited for capacity for longer than a sweep leaves them alone."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    for number in range(JOBS):
        system.upload(f"inbox/{number:04}.txt", f"document {number}")
        system.run(system.submit(f"inbox/{number:04}.txt"))
    system.world.later(OLD_ENOUGH_S * 2)
    return system


def _swept_a_page(system: System) -> tuple[Any, CountingLedger]:
    """Run one sweep that has no time left when it starts; return what it saw and the ledger."""
    sweeper = system.parts().tick.sweeper
    ledger = CountingLedger(sweeper.bucket)
    object.__setattr__(sweeper, "ledger", ledger)
    return system.run(sweeper.sweep(stop_at=0)), ledger


def test_the_cost_of_a_page_does_not_grow_with_the_jobs_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a tick would be cut off before its first page, and no sweep would ever advance."""
    monkeypatch.setattr(inbox_pages, "PAGE", PAGE)
    swept, ledger = _swept_a_page(_waiting_for_long())
    assert (swept.documents, swept.submitted) == (PAGE, 0)
    assert len(ledger.reads) <= 2 * PAGE
