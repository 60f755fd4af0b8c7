"""Turns at drawing pages: one process draws one document's pages at a time, and few wait for that.

Whoever has no turn has begun nothing yet: no guard is sent, and no attempt is used up by waiting.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from backburner.memory.budget import MemoryBudget
from backburner.ports import Clock

_MAX_WAITING = 3
"""More would take the places of those who only look at what runs."""


@dataclass
class DrawingTurns:
    """Gives turns."""

    memory: MemoryBudget
    clock: Clock
    waiting: int = 0

    @asynccontextmanager
    async def turn(self, until: float) -> AsyncIterator[bool]:
        """Hold the large slot while the block runs; False: others wait already, or `until` has passed meanwhile."""
        if self.waiting >= _MAX_WAITING or self.clock.monotonic() >= until:
            yield False
            return
        async with self.memory.for_document() as hold:
            self.waiting += 1
            try:
                await hold.become_large()
            finally:
                self.waiting -= 1
            yield self.clock.monotonic() < until
