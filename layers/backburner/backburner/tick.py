"""The checker's engine: a tick receives messages, handles them concurrently, and continues while more are due soon."""

import asyncio
import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from backburner.capacity.first_polls import FirstPolls
from backburner.capacity.governor import Governor
from backburner.capacity.timing import TickState
from backburner.errors import BackburnerError, RetryLaterError, UnreadableError
from backburner.jobs.check import Checker
from backburner.jobs.setbacks import Setbacks
from backburner.ledger.journal import EndedRuns, Journal
from backburner.maintenance.sweep import Sweeper
from backburner.notifications.delivery import Deliveries
from backburner.notifications.notifier import NOTIFY_S, Notifier
from backburner.ports import MAX_IN_BATCH, Clock, Queue, Received
from backburner.watched_queue import WatchedQueue

logger = logging.getLogger(__name__)

TICK_S, MINUTE_S = 50.0, 60.0
"""How long a tick takes on new messages, and how often the timer fires."""
SOON_S = 10.0
"""A tick waits for messages in the backlog that show within this many seconds."""
BACKLOG_EVERY_S = 1.0
"""How often a tick checks for free slots and messages in the backlog after finding none."""
MAX_AT_ONCE = 64
"""The maximum number of messages handled at the same time, which bounds the memory for answers."""
MAX_IN_HAND = 500
_RECEIVERS = 8
_SPARE_S = 5.0
"""Time left for what a function does after its tick, before its time-out."""
_SHORT_POLLS = 4
"""After this many receives that did not wait comes one that does: a short poll may miss a message, also again."""
UNREADABLE_S = 290
"""When a message shows again if its record or document cannot be read: shortly before a tick begins."""


def next_tick_s(elapsed_s: float, per_minute: int) -> float:
    """When the next tick begins, for one that has run for `elapsed_s`: it may have run past one or more of them."""
    every_s = MINUTE_S / per_minute
    return every_s - elapsed_s % every_s


@dataclass
class _Inflow:
    """Receives from one queue: with several calls at once as long as all of them come back full."""

    queue: WatchedQueue
    receivers: int = 1

    async def receive(self, most: int, wait_s: int = 1) -> list[Received]:
        """At most `most` messages, none if that is 0; waits up to `wait_s` for the first."""
        most = min(most, self.receivers * MAX_IN_BATCH)
        calls = [min(MAX_IN_BATCH, most - taken) for taken in range(0, most, MAX_IN_BATCH)]
        batches = await asyncio.gather(*(self.queue.receive(call, wait_s) for call in calls))
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
    notifier: Notifier
    setbacks: Setbacks
    journal: Journal
    pending: WatchedQueue
    backlog: WatchedQueue
    clock: Clock
    polls_per_second: int
    first_polls: FirstPolls
    ticks_per_minute: int = 1
    idle_receives: Iterator[int] = field(default_factory=itertools.count)
    """Numbers the receives for which no work was expected, in all ticks of this process."""

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
            report.notifications = await self.notifier.send(self._left_s(cut_off_at))
        return report

    def _left_s(self, cut_off_at: float | None) -> float:
        """How much time is left for notifications."""
        return NOTIFY_S if cut_off_at is None else cut_off_at - _SPARE_S - asyncio.get_running_loop().time()

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
        """Receive and handle messages until nothing is due for which the tick should stay."""
        pending, backlog, began_at = _Inflow(self.pending), _Inflow(self.backlog), self.clock.monotonic()
        sample = MAX_IN_BATCH  # even if there is no room: after a crash, a waiting job may still hold a slot
        backlog_at = 0.0
        if self.governor.open_runs == 0:
            await self.governor.counters()  # for `_expects_messages`, as of this tick
        while self.clock.monotonic() < stop_at:
            is_due = self.clock.monotonic() >= backlog_at
            room = await self.governor.room() if is_due else 0
            most = max(room, sample) if is_due else 0
            wait_s = 1 if hand.tasks or self._expects_messages() else self._idle_wait_s()
            batches = await asyncio.gather(pending.receive(MAX_IN_HAND, wait_s), backlog.receive(most, wait_s))
            if is_due:
                sample, backlog_at = 0, self.clock.monotonic() + (0.0 if batches[1] else BACKLOG_EVERY_S)
            if room and not batches[1]:
                await self.governor.backlog_is_empty()
            for inflow, batch in zip((pending, backlog), batches, strict=True):
                hand.take(inflow.queue, batch)
            await hand.has_room()
            self.first_polls.note_new()
            if not hand.tasks and not self._should_stay(stop_at, began_at):
                break

    def _expects_messages(self) -> bool:
        """Whether there may be any work. Otherwise waiting for messages would be most of what an idle month costs."""
        is_under_way = self.governor.in_flight > 0 or self.governor.last_read.others_wait
        return self.governor.open_runs != 0 or is_under_way or self.pending.known > 0 or self.backlog.known > 0

    def _idle_wait_s(self) -> int:
        """How long to wait for messages where none are expected: not at all, but for a second every fifth time."""
        return int(next(self.idle_receives) % (_SHORT_POLLS + 1) == _SHORT_POLLS)

    def _should_stay(self, stop_at: float, began_at: float) -> bool:
        """Whether something is due that should not wait for the next tick.

        Messages of other processes are not known here, but what they have just started is in the counters.
        """
        now = self.clock.monotonic()
        left_s, next_s = stop_at - now, next_tick_s(now - began_at, self.ticks_per_minute)
        return (
            self.backlog.shows_within(SOON_S)
            or self.pending.is_worth_staying(left_s, next_s, self.ticks_per_minute)
            or self.first_polls.is_worth_staying(left_s, next_s, self.ticks_per_minute)
        )

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
