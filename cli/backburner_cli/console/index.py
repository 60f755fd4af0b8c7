"""Keeps the operator's index fresh while a page is open, and adds the documents without a job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backburner.errors import BackburnerError
from backburner.ledger.keys import INBOX
from backburner_cli.operator.job import unclaimed_job
from backburner_cli.operator.job_index import without_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from backburner_cli.operator.job import Job
    from backburner_cli.operator.job_index import JobIndex

REFRESH_S = 2.0
INBOX_EVERY_S = 60.0
"""How often the inbox is listed, which only finds documents without a job."""
WATCHED_S = 20.0
"""Refreshing stops this long after the page's last request."""
_REST = 3
"""After a slow refresh, the next one waits for this many times as long as it took."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The latest run of every document at one refresh; `version` grows with every change."""

    version: int = 0
    jobs: tuple[Job, ...] = ()


@dataclass
class WatchedIndex:
    """Every document's latest run, for an open page."""

    index: JobIndex
    clock: Callable[[], float] = time.monotonic
    snapshot: Snapshot = field(default_factory=Snapshot)
    is_ready: bool = False
    problem: str | None = None
    """Why the last refresh failed, if it did."""
    reads: int = 0
    """The number of objects read so far."""
    _is_changed: bool = True
    """Whether the index has changed since the snapshot."""
    _unclaimed: dict[str, Job] = field(default_factory=dict)
    _listed_inbox_at: float | None = None
    _asked_at: float | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self) -> Snapshot:
        """The jobs; they are kept fresh for a while from now on."""
        self._asked_at = self.clock()
        return self.snapshot

    @property
    def is_watched(self) -> bool:
        """Whether a page has asked recently; if not, the bucket is not read."""
        return self._asked_at is not None and self.clock() - self._asked_at <= WATCHED_S

    def hurry(self) -> None:
        """Refresh at once, including the inbox, since the page has changed something."""
        self._listed_inbox_at = None
        self._wake.set()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled, whenever a page is open."""
        self._asked_at = self.clock()
        while True:
            began = self.clock()
            if self.is_watched:
                await self.try_refresh()
            took = self.clock() - began
            try:
                await asyncio.wait_for(self._wake.wait(), max(REFRESH_S, _REST * took))
            except TimeoutError:
                continue
            self._wake.clear()

    async def try_refresh(self) -> None:
        """Refresh; if the store refuses, the page shows why, and the next refresh tries again."""
        try:
            await self.refresh()
            self.problem = None
        except BackburnerError as error:
            self.problem = str(error)

    async def refresh(self) -> None:
        """Read what has changed. Raises `BackburnerError` if the store does not answer."""
        if await self.index.refresh(lambda _what, _count: None):
            self._is_changed = True
        self.reads += self.index.read
        now = self.clock()
        is_due = self._listed_inbox_at is None or now - self._listed_inbox_at >= INBOX_EVERY_S
        if is_due or self._is_changed:
            latest = {job.key: job for job in self.index.latest()}
            if is_due:
                self._listed_inbox_at = now
                found = without_job(self.index.bucket, INBOX, latest)
                self._unclaimed = {key: unclaimed_job(key, stored) async for key, stored in found}
            self.snapshot = Snapshot(self.snapshot.version + 1, tuple((self._unclaimed | latest).values()))
            self._is_changed = False
        self.is_ready = True
