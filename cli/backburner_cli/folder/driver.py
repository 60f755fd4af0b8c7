"""Runs a folder: submits documents and runs ticks until every document has ended.

It is the cloud's trigger and timer in one process; everything else is the same engine. If it dies, it leaves what dying
functions leave, and the next run continues from there.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import FolderQueue, Room
from backburner.capacity.limits import Counters
from backburner.errors import RetryLaterError, UnreadableError
from backburner.ledger.journal import Line
from backburner.ledger.keys import OPEN, open_run
from backburner.tick import TICK_S
from backburner.wiring.core import Core
from backburner_cli.folder.again import RunsAgain
from backburner_cli.folder.intake import Intake
from backburner_cli.folder.progress import Progress
from backburner_cli.folder.scan import Document
from backburner_cli.folder.tally import Failure, Tally
from backburner_cli.folder.tracker import Tracker

logger = logging.getLogger(__name__)
_SUBMITS_AT_ONCE: Final = 16
_MAX_WAITING: Final = 64
"""At most this many documents are in the backlog; the others wait in the folder."""
_SHOW_EVERY_S, _LOOK_EVERY_S = 0.25, 2.0
_IDLE_S: Final = 5.0
_ROOM_EVERY_S: Final = 0.1
_REFUSED_FOR_S: Final = 5.0
"""If a provider that has never worked refuses for this long, the run stops: waiting would not help."""
_TRIES: Final = 3
_LEFT_OVER_LIMIT_S: Final = 60.0
"""How long a run whose documents have all ended stays to finish the open records of dead processes."""


@dataclass(kw_only=True)
class Driver:
    """Runs a folder once, with at most `window` documents under way."""

    core: Core
    bucket: FolderBucket
    backlog: FolderQueue
    room: Room
    presence: Presence
    intake: Intake
    again: RunsAgain
    tracker: Tracker
    tally: Tally
    progress: Progress
    window: int
    stopped_because: str = ""
    is_stopping: bool = False
    _is_fed: bool = False
    _refused_since: float | None = None
    _ended_at: float | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ended: list[Line] = field(default_factory=list)
    """What this process has ended and the tracker has not noted yet."""

    @property
    def is_complete(self) -> bool:
        """Whether all documents were found and have ended."""
        return self._is_fed and not self.tracker.pending and not self.stopped_because

    @property
    def is_at_rest(self) -> bool:
        """Whether no document is under way."""
        return not self.tracker.pending and self.tally.is_whole

    def stop(self, why: str) -> None:
        """Take up no more work, and finish what was begun. The second call cancels that too."""
        if self.is_stopping:
            for task in self._tasks:
                task.cancel()
        self.stopped_because = self.stopped_because or why
        self.is_stopping = True
        self.room.close()

    async def run(self) -> None:
        """Run until every document has ended, or until `stop`."""
        self.core.journal.follow = self._ended.append
        await self.presence.bury(self.bucket.objects)
        await self.core.governor.change(_try_again_now)
        await self.again.look()
        self._tasks = [
            asyncio.create_task(self._ended_by(work)) for work in (self._feed(), self._tick(), self._watch())
        ]
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.core.journal.write_noted()  # what ended after the last tick: a document that failed at once
        await self._collect()

    async def _ended_by(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; stop the run if it raises."""
        try:
            await work
        except Exception as error:
            logger.exception("run stopped by an error")
            self.stop(self._disk_error() or f"{type(error).__name__}: {error}")

    def _disk_error(self) -> str | None:
        """Why the state cannot be kept any more, with the remedy; None if it can."""
        error = self.room.database.last_error
        return None if error is None else f"the state cannot be kept: {error}; is there room on its disk?"

    async def _feed(self) -> None:
        """Submit documents, several at a time."""
        slots, tasks = asyncio.Semaphore(_SUBMITS_AT_ONCE), set[asyncio.Task[None]]()

        async def take(document: Document) -> None:
            try:
                key = self.tracker.key_of(document.path)
                if document.is_again and key not in self.tracker.pending and document.path not in self.tally.failures:
                    self.tally.done -= 1  # its earlier version was counted as done
                await self._take(key)
            finally:
                slots.release()

        async for document in self.intake.documents():
            await slots.acquire()
            task = asyncio.create_task(take(document))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        self._is_fed = not self.is_stopping

    async def _take(self, key: str) -> None:
        """Submit a document as soon as there is room, unless it has ended."""
        for _ in range(_TRIES):
            try:
                is_over = await self.tracker.is_over(key)
                if not is_over and await self._has_room():
                    await self.core.submitter.submit(key)
            except UnreadableError as error:
                self.tracker.fail(key, Failure(message=str(error)))
            except RetryLaterError as error:
                logger.warning("document left for later", extra={"key": key, "error": str(error)})
                await asyncio.sleep(1)
                continue
            except Exception as error:
                logger.exception("document not submitted", extra={"key": key})
                self.tracker.fail(
                    key, Failure(message=f"it could not be submitted ({type(error).__name__}): run again")
                )
            return

    async def _has_room(self) -> bool:
        """Wait until one more document may be under way. Returns False if the run is stopping."""
        while not self.is_stopping:
            if len(self.tracker.pending) <= self.window and await self.backlog.count() < _MAX_WAITING:
                return True
            await self.core.tick.clock.sleep(_ROOM_EVERY_S)
        return False

    async def _tick(self) -> None:
        """Run one tick after another, waiting in between only until the next message is due."""
        while not self.room.is_closed:
            report = await self.core.tick.run(TICK_S)
            await self._collect()
            if report.stopped_by is not None:
                if not self.room.is_closed:
                    logger.warning("tick stopped early", extra={"error": str(report.stopped_by)})
                    await asyncio.sleep(1)
                continue
            next_s = await self.room.next_s()
            await self.room.wait(_IDLE_S if next_s is None else min(next_s, _IDLE_S))

    async def _watch(self) -> None:
        """Show the progress, find what other processes have ended, and stop the run once everything has."""
        looked_at = 0.0
        while not self.room.is_closed:
            await asyncio.sleep(_SHOW_EVERY_S)
            await self._collect()
            if time.monotonic() - looked_at >= _LOOK_EVERY_S:
                looked_at = time.monotonic()
                await self._look_at_others()
            self._count()
            self.progress.now(self.tally)
            if await self._is_cleared_up():
                self.room.close()
            elif (disk_error := self._disk_error()) is not None:
                self.stop(disk_error)

    async def _is_cleared_up(self) -> bool:
        """Whether every document has ended, and no open record of a dead process is left to finish."""
        if not self._is_fed or self.tracker.pending:
            self._ended_at = None
            return False
        self._ended_at = self._ended_at or time.monotonic()
        async for _ in self.bucket.listed(OPEN):
            return time.monotonic() - self._ended_at > _LEFT_OVER_LIMIT_S
        await self.tracker.reopen_replayed(self.intake.knows)
        return not self.tracker.pending

    async def _collect(self) -> None:
        """Note what this process has ended since the last call."""
        ended = self._ended.copy()
        self._ended.clear()
        await self.tracker.note(ended)

    async def _look_at_others(self) -> None:
        """Find what other processes ended or left when they died, replays, and a provider that refuses everything."""
        if await self.presence.bury(self.bucket.objects):
            self.room.wake()
        names = [open_run(key) async for key, _ in self.bucket.listed(OPEN)]
        jobs, now = {name[0] for name in names if name}, time.monotonic()
        for key, pending in list(self.tracker.pending.items()):
            if pending.job not in jobs and now - pending.since > _LOOK_EVERY_S and not self.is_stopping:
                pending.since = now
                await self._take_again(key)
        await self.tracker.reopen_replayed(self.intake.knows)
        await self._see_refusals()

    async def _take_again(self, key: str) -> None:
        try:
            if not await self.tracker.is_over(key):
                await self.core.submitter.submit(key)
        except RetryLaterError as error:
            logger.warning("document left for later", extra={"key": key, "error": str(error)})

    def _count(self) -> None:
        seen = self.core.governor.last_read
        self.tally.running = min(seen.in_flight, len(self.tracker.pending))
        self.tally.waiting = len(self.tracker.pending) - self.tally.running
        self.tally.waits_for = "the provider" if seen.pauses or seen.bad_creates else ""
        self.tally.problem = _problem(seen)

    async def _see_refusals(self) -> None:
        """Stop if a provider that has never worked refuses everything: the key or an address is wrong."""
        seen = self.core.governor.last_read
        if not seen.pauses or seen.in_flight or seen.usual_s or self.intake.watch:
            self._refused_since = None
            return
        self._refused_since = self._refused_since or time.monotonic()
        if time.monotonic() - self._refused_since >= _REFUSED_FOR_S:
            self.stop(f"the provider refuses: {_problem(seen)}. Are the key, the address and the model right?")


def _problem(seen: Counters) -> str:
    """What keeps documents from being sent, in words; empty if nothing does."""
    if seen.pauses:
        return "; ".join(sorted({pause.why for pause in seen.pauses.values()}))
    failed = "the last create" if seen.bad_creates == 1 else f"the last {seen.bad_creates} creates"
    return f"{failed} failed" if seen.bad_creates else ""


def _try_again_now(counters: Counters, now: datetime) -> None:
    """Probe paused models at once: a person who starts a run has fixed the cause, or wants to know."""
    counters.pauses = {name: replace(pause, next_probe=now) for name, pause in counters.pauses.items()}
