"""A receiver of notifications that refuses or does not answer where a test says so."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from backburner.errors import RetryLaterError
from support.fakes.world import World


@dataclass
class FakeChannel:
    """A channel; `delivered` has what it accepted, in order, as pairs of id and body."""

    world: World
    name: str = "fake"
    delivered: list[tuple[str, Any]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    refuses: bool = False
    refuses_ids: set[str] = field(default_factory=set)
    takes_s: float = 0.0

    async def deliver(self, notification: str, kind: str, body: bytes) -> None:
        """Accept or refuse a notification."""
        async with self.world.effect(f"{self.name}.deliver", notification):
            self.tries.append(notification)
            await asyncio.sleep(self.takes_s)
            if self.refuses or notification in self.refuses_ids:
                raise RetryLaterError("not now")
            decoded = json.loads(body)
            assert (decoded["id"], decoded["type"]) == (notification, kind)
            self.delivered.append((notification, decoded))

    @property
    def by_id(self) -> dict[str, Any]:
        """What a receiver that compares ids keeps: the last body of each."""
        return dict(self.delivered)

    def of_type(self, kind: str) -> list[Any]:
        """The accepted bodies of one type, each id once."""
        return [body for body in self.by_id.values() if body["type"].startswith(kind)]
