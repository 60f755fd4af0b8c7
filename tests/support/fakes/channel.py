"""Somebody who is told what has ended, and who refuses or does not answer where a test says so."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from backburner.errors import RetryLaterError
from support.fakes.world import World


@dataclass
class FakeChannel:
    """A channel; `told` is what it took, in order, as pairs of id and body."""

    world: World
    name: str = "fake"
    told: list[tuple[str, Any]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    refuses: bool = False
    refuses_ids: set[str] = field(default_factory=set)
    takes_s: float = 0.0

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:
        """Take a notification."""
        async with self.world.effect(f"{self.name}.deliver", notification):
            self.tries.append(notification)
            await asyncio.sleep(self.takes_s)
            if self.refuses or notification in self.refuses_ids:
                raise RetryLaterError("not now")
            told = json.loads(body)
            assert (told["id"], told["type"]) == (notification, kind)
            self.told.append((notification, told))

    @property
    def by_id(self) -> dict[str, Any]:
        """What a receiver keeps that looks at ids: the last of each."""
        return dict(self.told)

    def of_type(self, kind: str) -> list[Any]:
        """What it was told of one type, each id once."""
        return [told for told in self.by_id.values() if told["type"].startswith(kind)]
