"""Turns at creating: one segment of a process creates lines at a time, while others poll or wait for their turn.

A segment that waits costs no call. Segments that have begun come first, so that few are under way at once. Whoever has
the turn and no slots waits for those that the others give back, as long as others are polling.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

_MAX_WAITING = 16
"""Enough for some minutes of a batch; if more waited, they would take the places of messages that only need a poll."""


@dataclass
class Turns:
    """Gives out the turns among the segments that this process is visiting."""

    _is_taken: bool = False
    _at_work: int = 0
    """Visits that do not wait for a turn."""
    _begun: deque[asyncio.Future[None]] = field(default_factory=deque)
    _new: deque[asyncio.Future[None]] = field(default_factory=deque)
    _news: asyncio.Future[None] | None = None
    """What the segment that has the turn waits for while it has no slots."""

    @property
    def is_free(self) -> bool:
        """Whether a segment would get the turn at once."""
        return not self._is_taken

    @property
    def is_far(self) -> bool:
        """Whether so many wait for their turn that another one had better come back later."""
        return self._is_taken and len(self._begun) + len(self._new) >= _MAX_WAITING

    @property
    def others_work(self) -> bool:
        """Whether another visit is at work, which may give slots back."""
        return self._at_work > 1

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """Visit a segment: it polls and may give slots back, unless it waits for its turn."""
        self._at_work += 1
        try:
            yield
        finally:
            self._rest()

    @asynccontextmanager
    async def taken(self, *, has_begun: bool, limit_s: float) -> AsyncIterator[bool]:
        """Hold the turn while the block runs; False if it did not come within `limit_s`."""
        is_ours = not self._is_taken or await self._wait(self._begun if has_begun else self._new, limit_s)
        self._is_taken = self._is_taken or is_ours
        try:
            yield is_ours
        finally:
            if is_ours:
                self._pass_on()

    async def slots_come(self, limit_s: float) -> bool:
        """For the segment that has the turn: wait until slots may have been given back, at most `limit_s`.

        Returns False at once if no other visit is at work that could give any back.
        """
        if self._at_work <= 1 or limit_s <= 0:
            return False
        self._news = asyncio.get_running_loop().create_future()
        await _within(self._news, limit_s)
        self._news = None
        return True

    def slots_given_back(self) -> None:
        """Tell the segment that waits for slots."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _wait(self, line: deque[asyncio.Future[None]], limit_s: float) -> bool:
        place = asyncio.get_running_loop().create_future()
        line.append(place)
        self._rest()
        try:
            return await _within(place, limit_s)
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._pass_on()  # it came at the same moment
            raise
        finally:
            self._at_work += 1
            if place in line:
                line.remove(place)

    def _rest(self) -> None:
        """A visit ends or begins to wait: whoever waits for its slots must not wait for ever."""
        self._at_work -= 1
        if self._at_work <= 1:
            self.slots_given_back()

    def _pass_on(self) -> None:
        """Give the turn to the next segment that still waits."""
        for line in (self._begun, self._new):
            while line:
                place = line.popleft()
                if not place.done():
                    place.set_result(None)
                    return
        self._is_taken = False


async def _within(future: asyncio.Future[None], limit_s: float) -> bool:
    """Wait for a future. Returns whether it was done in time."""
    await asyncio.wait({future}, timeout=None if limit_s == math.inf else limit_s)
    if not future.done():
        future.cancel()
    return not future.cancelled()
