"""A queue that a tick watches: when the messages of its own process will show."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from backburner.capacity.timing import LATE_S, is_worth_staying
from backburner.ports import Clock, Queue, Received


@dataclass(frozen=True, kw_only=True)
class WatchedQueue:
    """A queue that remembers when the messages that this process has sent or postponed will show."""

    queue: Queue
    clock: Clock
    due: list[tuple[float, float]] = field(default_factory=list)
    """When each shows, and after what pause; the first to show stands first."""

    async def visibility_s(self) -> int:
        """How long a received message stays hidden."""
        return await self.queue.visibility_s()

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message, and remember when it will show."""
        now = self.clock.monotonic()
        await self.queue.send(body, delay_s)
        self._remember(now, delay_s)

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive messages. As many of those that are known to have shown are no longer waited for."""
        received = await self.queue.receive(most, wait_s)
        for _ in received:
            if self.due and self.due[0][0] <= self.clock.monotonic():
                heapq.heappop(self.due)
        return received

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message, and remember when it will show again."""
        now = self.clock.monotonic()
        await self.queue.postpone(message, delay_s)
        self._remember(now, delay_s)

    async def delete(self, message: Received) -> None:
        """Delete a message."""
        await self.queue.delete(message)

    def shows_within(self, seconds: float) -> bool:
        """Whether a message known to this process shows within this many seconds, or has shown in the last two."""
        return bool(self._waiting()) and self.due[0][0] <= self.clock.monotonic() + seconds

    def is_worth_staying(self, left_s: float, next_s: float, ticks_per_minute: int = 1) -> bool:
        """Whether a tick with `left_s` to go, and the next one due in `next_s`, should stay for a message."""
        now = self.clock.monotonic()
        return self.shows_within(0) or any(
            is_worth_staying(at - now, pause_s, left_s=left_s, next_s=next_s, ticks_per_minute=ticks_per_minute)
            for at, pause_s in self.due
        )

    @property
    def known(self) -> int:
        """How many messages that have not shown yet are known to this process."""
        return len(self._waiting())

    def _remember(self, asked_at: float, delay_s: float) -> None:
        """Note a message by when the queue was asked: it may show before the answer has arrived.

        What has shown long ago is dropped first: a process that only sends would keep all of it.
        """
        self._waiting()
        heapq.heappush(self.due, (asked_at + delay_s, delay_s))

    def _waiting(self) -> Sequence[tuple[float, float]]:
        while self.due and self.due[0][0] < self.clock.monotonic() - LATE_S:
            heapq.heappop(self.due)
        return self.due
