"""Clocks in virtual time, right or wrong."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from support.fakes.world import VirtualLoop, World


@dataclass(frozen=True)
class FakeClock:
    """One machine's clock, wrong by `skew_s`."""

    world: World
    skew_s: float = 0.0

    def now(self) -> datetime:
        """The time that this machine believes it is."""
        return self.world.now() + timedelta(seconds=self.skew_s)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return self.world.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        assert isinstance(asyncio.get_running_loop(), VirtualLoop), "run this with World.run"
        await asyncio.sleep(seconds)
