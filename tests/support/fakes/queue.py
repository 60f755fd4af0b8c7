"""A queue in memory that hides, shows and sets aside messages as SQS does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from backburner.errors import RetryLaterError
from backburner.ports import Received
from support.fakes.world import World

MAX_DELAY_S: Final = 900
MAX_VISIBILITY_S: Final = 43_200
MAX_AT_ONCE: Final = 10


@dataclass
class FakeMessage:
    """A message in a queue; a received one is hidden until `shows_s`."""

    body: str
    sent_s: float
    shows_s: float
    receives: int = 0
    receipt: str = ""


@dataclass
class FakeQueue:
    """A standard queue like SQS. After `max_receives` a message goes to `dead`, if there is one."""

    world: World
    name: str = "queue"
    visibility: int = 120
    dead: "FakeQueue | None" = None
    max_receives: int = 1000
    messages: list[FakeMessage] = field(default_factory=list)
    taken: int = 0
    """Receives so far, each with its own receipt."""

    async def visibility_s(self) -> int:
        """How long a received message stays hidden."""
        return self.visibility

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message. A delay that a queue does not accept is refused."""
        async with self.world.effect(f"{self.name}.send", body):
            if not (isinstance(delay_s, int) and 0 <= delay_s <= MAX_DELAY_S):
                raise RetryLaterError(f"a delay of {delay_s} s")
            now = self.world.seconds
            self.messages.append(FakeMessage(body, now, now + delay_s))

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive messages that show, waiting for the first."""
        assert 1 <= most <= MAX_AT_ONCE
        await self._first(self.world.seconds + wait_s)
        async with self.world.effect(f"{self.name}.receive", ""):
            return [self._take(message) for message in self._showing()[:most]]

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message for longer. A delay that a queue does not accept is refused."""
        async with self.world.effect(f"{self.name}.postpone", message.body):
            if not (isinstance(delay_s, int) and 0 <= delay_s <= MAX_VISIBILITY_S):
                raise RetryLaterError(f"a delay of {delay_s} s")
            for there in self._in_hand(message):
                there.shows_s = self.world.seconds + delay_s

    async def delete(self, message: Received) -> None:
        """Delete a message, unless it has been received again meanwhile."""
        async with self.world.effect(f"{self.name}.delete", message.body):
            self.messages = [there for there in self.messages if there.receipt != message.receipt]

    async def _first(self, until_s: float) -> None:
        while not self._showing() and self.world.seconds < until_s:
            next_s = min([until_s, *(message.shows_s for message in self.messages)])
            await asyncio.sleep(next_s - self.world.seconds)

    def _showing(self) -> list[FakeMessage]:
        showing = [message for message in self.messages if message.shows_s <= self.world.seconds]
        if self.dead is not None:
            worn = [message for message in showing if message.receives >= self.max_receives]
            self.messages = [message for message in self.messages if message not in worn]
            self.dead.messages += worn
            showing = [message for message in showing if message not in worn]
        return showing

    def _take(self, message: FakeMessage) -> Received:
        message.receives += 1
        self.taken += 1
        message.receipt = f"{self.name}-{self.taken}"
        message.shows_s = self.world.seconds + self.visibility
        age_s = self.world.seconds - message.sent_s
        return Received(body=message.body, receipt=message.receipt, receives=message.receives, age_s=age_s)

    def _in_hand(self, message: Received) -> list[FakeMessage]:
        now = self.world.seconds
        return [there for there in self.messages if there.receipt == message.receipt and there.shows_s > now]
