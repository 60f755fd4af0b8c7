"""Turns for drawing pages: a process draws one document's pages at a time, and few jobs wait for that.

A job without the turn has not started anything: no guard is sent, and waiting uses up no attempt.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from backburner.memory.budget import MemoryBudget
from backburner.ports import Clock

_MAX_WAITING = 3
"""If more waited, they would take the places of messages that only need a poll."""


@dataclass
class DrawingTurns:
    """Gives out the turns."""

    memory: MemoryBudget
    clock: Clock
    waiting: int = 0

    @asynccontextmanager
    async def turn(self, until: float) -> AsyncIterator[bool]:
        """Hold the large slot while the block runs; False if enough others wait, or `until` has passed meanwhile."""
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
