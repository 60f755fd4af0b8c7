"""Queues in a table, with visible, delayed and received messages.

A receive of one process that finds nothing ends as soon as another of its receives finds something, so that a tick
over two queues never waits for the empty one.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from backburner.adapters.folder.database import Database, Turn
from backburner.errors import RetryLaterError
from backburner.ports import MAX_DELAY_S, MAX_VISIBILITY_S, Received

DEAD: Final = "dead"
MAX_RECEIVES: Final = 1000
"""A message that was received this often goes to the dead-letter queue, as in the clouds."""
VISIBILITY_S: Final = 300
_LOOK_EVERY_S: Final = 0.2
"""How often a waiting receive looks for messages of other processes."""


@dataclass(kw_only=True)
class Room:
    """The queues of one process; `process` is its name. Once closed, every receive raises `RetryLaterError`."""

    database: Database
    process: str
    is_closed: bool = False
    _found: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let every waiting receive look again, or return."""
        found, self._found = self._found, asyncio.Event()
        found.set()

    def close(self) -> None:
        """Let every receive raise `RetryLaterError` from now on."""
        self.is_closed = True
        self.wake()

    async def wait(self, seconds: float) -> bool:
        """Wait until a message is found or sent. Returns False if none was in time."""
        try:
            await asyncio.wait_for(self._found.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def next_s(self) -> float | None:
        """Seconds until the next message is visible, or None if there is none."""
        (at,) = await self.database.run(
            lambda turn: turn.db.execute("SELECT min(shows_s) FROM messages WHERE queue <> ?", (DEAD,)).fetchone()
        )
        return None if at is None else max(0.0, at - time.time())


@dataclass(frozen=True, kw_only=True)
class FolderQueue:
    """The port `Queue`."""

    room: Room
    name: str
    visible_s: int = VISIBILITY_S

    async def visibility_s(self) -> int:
        """The visibility timeout of a received message."""
        return self.visible_s

    async def count(self) -> int:
        """The number of its messages, visible or not."""
        sql = "SELECT count(*) FROM messages WHERE queue = ?"
        (count,) = await self.room.database.run(lambda turn: turn.db.execute(sql, (self.name,)).fetchone())
        return int(count)

    async def send(self, body: str, delay_s: int) -> None:
        """Send a message. Raises `RetryLaterError` for a delay longer than a queue allows."""
        if not 0 <= delay_s <= MAX_DELAY_S:
            raise RetryLaterError(f"a message cannot be delayed for {delay_s} s")
        now_s = time.time()
        values = (self.name, body, now_s, now_s + delay_s, self.room.process)
        sql = "INSERT INTO messages (queue, body, sent_s, shows_s, sender) VALUES (?,?,?,?,?)"
        await self.room.database.run(lambda turn: turn.db.execute(sql, values))
        if delay_s == 0:
            self.room.wake()

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Receive messages; waits for the first, unless another queue of this room has one."""
        until_s = time.monotonic() + wait_s
        while True:
            if self.room.is_closed:
                raise RetryLaterError("this process is stopping")
            received = await self.room.database.run(lambda turn: self._taken(turn, most))
            if received:
                self.room.wake()
                return received
            left_s = until_s - time.monotonic()
            if left_s <= 0 or (await self.room.wait(min(_LOOK_EVERY_S, left_s)) and not self.room.is_closed):
                return await self.room.database.run(lambda turn: self._taken(turn, most)) if wait_s else []

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a received message for longer. Raises `RetryLaterError` for a delay longer than a queue allows."""
        if not 0 <= delay_s <= MAX_VISIBILITY_S:
            raise RetryLaterError(f"a message cannot be hidden for {delay_s} s")
        values = (time.time() + delay_s, message.receipt)
        await self.room.database.run(
            lambda turn: turn.db.execute("UPDATE messages SET shows_s = ? WHERE receipt = ?", values)
        )
        if delay_s == 0:
            self.room.wake()

    async def delete(self, message: Received) -> None:
        """Remove a message."""
        values = (message.receipt,)
        await self.room.database.run(lambda turn: turn.db.execute("DELETE FROM messages WHERE receipt = ?", values))

    def _taken(self, turn: Turn, most: int) -> list[Received]:
        now_s = time.time()
        found = turn.db.execute(
            "SELECT id, body, receives, sent_s FROM messages WHERE queue = ? AND shows_s <= ? ORDER BY shows_s LIMIT ?",
            (self.name, now_s, most),
        ).fetchall()
        received = []
        for number, body, receives, sent_s in found:
            if receives >= MAX_RECEIVES and self.name != DEAD:
                turn.db.execute("UPDATE messages SET queue = ?, receives = 0 WHERE id = ?", (DEAD, number))
                continue
            receipt = secrets.token_hex(8)
            turn.db.execute(
                "UPDATE messages SET shows_s = ?, receives = ?, receipt = ?, holder = ? WHERE id = ?",
                (now_s + self.visible_s, receives + 1, receipt, self.room.process, number),
            )
            age_s = max(0.0, now_s - sent_s)
            received.append(Received(body=body, receipt=receipt, receives=receives + 1, age_s=age_s))
        return received
