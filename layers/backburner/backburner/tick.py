"""The checker's engine: a tick receives messages, handles them concurrently, and goes on while more are due soon."""

import asyncio
import heapq
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from backburner.capacity.governor import Governor
from backburner.capacity.timing import TickState
from backburner.errors import BackburnerError, RetryLaterError, UnreadableError
from backburner.jobs.check import Checker
from backburner.jobs.setbacks import Setbacks
from backburner.ledger.journal import EndedRuns, Journal
from backburner.maintenance.sweep import Sweeper
from backburner.notifications.delivery import Deliveries
from backburner.notifications.tell import TELL_S, Teller
from backburner.ports import MAX_IN_BATCH, Clock, Queue, Received

logger = logging.getLogger(__name__)

TICK_S = 50.0
"""How long a tick takes on new messages; the timer fires every minute."""
SOON_S = 10.0
"""A tick waits for messages that show within this many seconds."""
BACKLOG_EVERY_S = 1.0
"""How often a tick checks for free slots and messages in the backlog after finding none."""
MAX_AT_ONCE = 64
"""The maximum number of messages handled at the same time, which bounds the memory for answers."""
MAX_IN_HAND = 500
_RECEIVERS = 8
_SPARE_S = 5.0
"""Time left for what a function does after its tick, before its time-out."""
UNREADABLE_S = 300
"""When a message shows again if its record or document cannot be read."""


@dataclass(frozen=True, kw_only=True)
class WatchedQueue:
    """A queue that remembers when the messages that this process has sent or postponed will show."""

    queue: Queue
    clock: Clock
    due: list[float] = field(default_factory=list)

    async def visibility_s(self) -> int:
        """How long a received message stays hidden."""
        return await self.queue.visibility_s()

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message, and remember when it will show."""
        await self.queue.send(body, delay_s)
        heapq.heappush(self.due, self.clock.monotonic() + delay_s)

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive messages."""
        return await self.queue.receive(most, wait_s)

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message, and remember when it will show again."""
        await self.queue.postpone(message, delay_s)
        heapq.heappush(self.due, self.clock.monotonic() + delay_s)

    async def delete(self, message: Received) -> None:
        """Delete a message."""
        await self.queue.delete(message)

    def shows_within(self, seconds: float) -> bool:
        """Whether a message known to this process shows within this many seconds, or has shown in the last two."""
        now = self.clock.monotonic()
        while self.due and self.due[0] < now - 2:
            heapq.heappop(self.due)
        return bool(self.due) and self.due[0] <= now + seconds


@dataclass
class _Inflow:
    """Receives from one queue: with several calls at once as long as all of them come back full."""

    queue: WatchedQueue
    receivers: int = 1

    async def receive(self, most: int) -> list[Received]:
        """At most `most` messages, none if that is 0."""
        most = min(most, self.receivers * MAX_IN_BATCH)
        calls = [min(MAX_IN_BATCH, most - taken) for taken in range(0, most, MAX_IN_BATCH)]
        batches = await asyncio.gather(*(self.queue.receive(call, 1) for call in calls))
        received = [message for batch in batches for message in batch]
        if calls:
            self.receivers = _RECEIVERS if len(received) == sum(calls) else 1
        return received


@dataclass
class TickReport:
    """What one tick did: the messages that it handled or left to come back, and totals of the runs that it ended."""

    handled: int = 0
    left: int = 0
    ended: EndedRuns = field(default_factory=EndedRuns)
    notifications: Deliveries = field(default_factory=Deliveries)
    stopped_by: RetryLaterError | None = None
    """Why it stopped early, if a queue could not be read."""
    is_cut_short: bool = False
    """Whether it ran out of time: messages being handled come back after their visibility timeout."""

    @property
    def counts(self) -> dict[str, int]:
        """Counts of messages, without zeros."""
        return {name: count for name, count in (("handled", self.handled), ("left", self.left)) if count}


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Runs a checker over both queues."""

    checker: Checker
    governor: Governor
    sweeper: Sweeper
    teller: Teller
    setbacks: Setbacks
    journal: Journal
    pending: WatchedQueue
    backlog: WatchedQueue
    clock: Clock
    polls_per_second: int

    async def run(self, seconds: float, cut_off_at: float | None = None) -> TickReport:
        """Handle the messages that are due, taking on new ones for at most `seconds`; then finish those in hand.

        At `cut_off_at`, on the loop's clock, it is cut off wherever it is, as by a crash. Messages that fail are logged
        and left to come back. If nothing is received, nothing else is called.
        """
        report = TickReport()
        try:
            async with asyncio.timeout_at(cut_off_at):
                await self._run(self.clock.monotonic() + seconds, report)
        except TimeoutError:
            report.is_cut_short = True
        except RetryLaterError as error:
            report.stopped_by = error
        if not report.is_cut_short:
            report.notifications = await self.teller.tell(self._left_s(cut_off_at))
        return report

    def _left_s(self, cut_off_at: float | None) -> float:
        """How much time is left for notifications."""
        return TELL_S if cut_off_at is None else cut_off_at - _SPARE_S - asyncio.get_running_loop().time()

    async def _run(self, stop_at: float, report: TickReport) -> None:
        hand = _Hand(self, report, TickState(until=stop_at), await self._max_in_hand())
        try:
            await self._receive(hand, stop_at)
            await self._sweep(stop_at)
        except asyncio.CancelledError:
            hand.drop()
            raise
        finally:
            await asyncio.gather(*hand.tasks)
            report.ended = await self.journal.flush()

    async def _receive(self, hand: "_Hand", stop_at: float) -> None:
        """Receive and handle messages until nothing is due soon."""
        pending, backlog = _Inflow(self.pending), _Inflow(self.backlog)
        sample = MAX_IN_BATCH  # even if there is no room: after a crash, a waiting job may still hold a slot
        backlog_at = 0.0
        while self.clock.monotonic() < stop_at:
            is_due = self.clock.monotonic() >= backlog_at
            room = await self.governor.room() if is_due else 0
            most = max(room, sample) if is_due else 0
            batches = await asyncio.gather(pending.receive(MAX_IN_HAND), backlog.receive(most))
            if is_due:
                sample, backlog_at = 0, self.clock.monotonic() + (0.0 if batches[1] else BACKLOG_EVERY_S)
            if room and not batches[1]:
                await self.governor.backlog_is_empty()
            for inflow, batch in zip((pending, backlog), batches, strict=True):
                hand.take(inflow.queue, batch)
            await hand.has_room()
            if not hand.tasks and not self.pending.shows_within(SOON_S) and not self.backlog.shows_within(SOON_S):
                break

    async def handle(self, queue: Queue, received: Received, tick: TickState, report: TickReport) -> None:
        """Handle one message. A failure is logged and counted, and the message is left to come back."""
        try:
            await self.checker.handle(queue, received, tick)
            report.handled += 1
        except UnreadableError as error:
            report.left += 1
            await self._set_aside(queue, received, error)
        except Exception as error:
            report.left += 1
            logger.exception("message left to come back", extra={"receives": received.receives})
            with suppress(BackburnerError):
                await self.setbacks.note(received, error)

    async def _set_aside(self, queue: Queue, received: Received, error: UnreadableError) -> None:
        """Report an object that somebody must repair first, and postpone its message for longer."""
        await self.governor.unreadable(error.key, str(error))
        with suppress(RetryLaterError):
            await queue.postpone(received, UNREADABLE_S)

    async def _sweep(self, stop_at: float) -> None:
        """Sweep if it is time. A sweep that fails does not stop the tick; the next tick continues it."""
        try:
            await self.sweeper.sweep_if_due(stop_at)
        except RetryLaterError as error:
            logger.warning("sweep broken off", extra={"error": str(error)})
        except Exception:
            logger.exception("sweep broken off")

    async def _max_in_hand(self) -> int:
        """How many messages to hold: no more than can be polled within half of the visibility timeout."""
        bound = self.polls_per_second * await self.pending.visibility_s() // 2
        return max(MAX_IN_BATCH, min(MAX_IN_HAND, bound))


class _Hand:
    """The messages that a tick has received and not yet finished, at most `most` of them."""

    def __init__(self, tick: Tick, report: TickReport, state: TickState, most: int) -> None:
        self._tick, self._report, self._state, self._max = tick, report, state, most
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self.tasks = set[asyncio.Task[None]]()

    def take(self, queue: Queue, batch: Sequence[Received]) -> None:
        """Start handling messages, the oldest first, since the provider does not keep results for ever."""
        for received in sorted(batch, key=lambda one: -one.age_s):
            task = asyncio.create_task(self._handle(queue, received))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def has_room(self) -> None:
        """Wait until more may be received."""
        while len(self.tasks) >= self._max:
            await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)

    def drop(self) -> None:
        """Cancel what is still being handled when time is out; its messages come back, as after a crash."""
        for task in self.tasks:
            task.cancel()

    async def _handle(self, queue: Queue, received: Received) -> None:
        async with self._at_once:
            await self._tick.handle(queue, received, self._state, self._report)
        if len(self.tasks) == 1:  # nothing else is in hand: who waits for these jobs can list them now
            await self._tick.journal.write_noted()
