"""The checker's engine: one tick receives, handles everything at once, and goes on while something falls due soon."""

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from backburner.capacity.governor import Governor
from backburner.errors import BackburnerError, RetryLaterError, UnreadableError
from backburner.jobs.check import Checker
from backburner.jobs.setbacks import Setbacks
from backburner.ledger.journal import Journal
from backburner.maintenance.sweep import Sweeper
from backburner.ports import Clock, Queue, Received

logger = logging.getLogger(__name__)

TICK_S = 50.0
"""A tick's longest life; the timer fires each minute."""
SOON_S = 10.0
"""A tick stays for what falls due within this."""
MAX_AT_ONCE = 64
"""Messages handled at the same time: bounds the memory that answers take."""
MAX_IN_HAND = 500
MAX_IN_BATCH = 10
"""Messages that one receive can bring (SQS, Message Queue)."""
_RECEIVERS = 8
UNREADABLE_S = 300
"""When a message shows again whose record or document cannot be read."""


@dataclass(frozen=True, kw_only=True)
class WatchedQueue:
    """A queue that remembers when the messages which this process sent or postponed show (again)."""

    queue: Queue
    clock: Clock
    due: list[float] = field(default_factory=list)

    async def visibility_s(self) -> int:
        """How long a received message stays in hand."""
        return await self.queue.visibility_s()

    async def send(self, body: str, delay_s: int) -> None:
        """Make a message, and remember when it shows."""
        await self.queue.send(body, delay_s)
        heapq.heappush(self.due, self.clock.monotonic() + delay_s)

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Take messages."""
        return await self.queue.receive(most, wait_s)

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a message in hand, and remember when it shows again."""
        await self.queue.postpone(message, delay_s)
        heapq.heappush(self.due, self.clock.monotonic() + delay_s)

    async def delete(self, message: Received) -> None:
        """Remove a message."""
        await self.queue.delete(message)

    def shows_within(self, seconds: float) -> bool:
        """Whether a message that we know of shows within so many seconds, or did in the last two."""
        now = self.clock.monotonic()
        while self.due and self.due[0] < now - 2:
            heapq.heappop(self.due)
        return bool(self.due) and self.due[0] <= now + seconds


@dataclass
class _Inflow:
    """One queue's messages; several receives at once while every one of them comes back full."""

    queue: WatchedQueue
    receivers: int = 1

    async def receive(self, most: int) -> list[Received]:
        """At most `most` messages, none if that is 0."""
        calls = [min(MAX_IN_BATCH, most - taken) for taken in range(0, most, MAX_IN_BATCH)][: self.receivers]
        batches = await asyncio.gather(*(self.queue.receive(call, 1) for call in calls))
        received = [message for batch in batches for message in batch]
        self.receivers = _RECEIVERS if len(received) >= self.receivers * MAX_IN_BATCH else 1
        return received


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Runs a checker over both queues."""

    checker: Checker
    governor: Governor
    sweeper: Sweeper
    setbacks: Setbacks
    journal: Journal
    pending: WatchedQueue
    backlog: WatchedQueue
    clock: Clock
    polls_per_second: int
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, seconds: float) -> None:
        """Handle what is due, for at most so many seconds; then let what is in hand come to its end.

        Messages that fail are logged and left to come back. Nothing received at all: nothing else is touched. Raises
        `RetryLaterError` where a queue cannot be read.
        """
        stop_at, most = self.clock.monotonic() + seconds, await self._most_in_hand()
        self.checker.pace.is_held, self.checker.pace.until = False, stop_at
        at_once, in_hand = asyncio.Semaphore(MAX_AT_ONCE), set[asyncio.Task[None]]()
        pending, backlog = _Inflow(self.pending), _Inflow(self.backlog)
        sample = MAX_IN_BATCH  # even without room: a job that waits may hold a place since a crash
        try:
            while self.clock.monotonic() < stop_at:
                room = await self.governor.room()
                rounds = (pending.receive(MAX_IN_HAND), backlog.receive(max(room, sample)))
                sample = 0
                batches = await asyncio.gather(*rounds)
                if room and not batches[1]:
                    await self.governor.backlog_is_empty()
                for inflow, batch in zip((pending, backlog), batches, strict=True):
                    for received in sorted(batch, key=lambda one: -one.age_s):  # results are not kept for ever
                        task = asyncio.create_task(self._handle(inflow.queue, received, at_once))
                        in_hand.add(task)
                        task.add_done_callback(in_hand.discard)
                while len(in_hand) >= most:
                    await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)
                if not in_hand and not self.pending.shows_within(SOON_S) and not self.backlog.shows_within(SOON_S):
                    break
            await self._sweep(stop_at)
        except asyncio.CancelledError:
            for task in in_hand:  # out of time: what is cut off here comes back, as after a crash
                task.cancel()
            raise
        finally:
            await asyncio.gather(*in_hand)
            await self.journal.flush()

    async def _handle(self, queue: Queue, received: Received, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            try:
                await self.checker.handle(queue, received)
                self.counts["handled"] += 1
            except UnreadableError as error:
                self.counts["left"] += 1
                await self._set_aside(queue, received, error)
            except Exception as error:
                self.counts["left"] += 1
                logger.exception("message left to come back", extra={"receives": received.receives})
                with suppress(BackburnerError):
                    await self.setbacks.note(received, error)

    async def _set_aside(self, queue: Queue, received: Received, error: UnreadableError) -> None:
        """A person must look at an object first: it is named, and its message need not come back so soon."""
        await self.governor.unreadable(error.key, str(error))
        with suppress(RetryLaterError):
            await queue.postpone(received, UNREADABLE_S)

    async def _sweep(self, stop_at: float) -> None:
        """Sweep if it is time. What stops it stops the sweep alone: the next tick goes on."""
        try:
            await self.sweeper.sweep_if_due(stop_at)
        except RetryLaterError as error:
            logger.warning("sweep broken off", extra={"error": str(error)})
        except Exception:
            logger.exception("sweep broken off")

    async def _most_in_hand(self) -> int:
        """No more than can be polled in half the visibility."""
        bound = self.polls_per_second * await self.pending.visibility_s() // 2
        return max(MAX_IN_BATCH, min(MAX_IN_HAND, bound))
