"""Which processes work on a folder, and what becomes of the messages of one that died.

Each holds a lock that the system frees when it dies, however it dies. Who then finds the lock free knows that nothing
of it lives any more: its messages, the guards of its jobs among them, need no lease to run out, and show at once.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from backburner.adapters.folder.database import Turn
from backburner.adapters.folder.objects import Objects


@dataclass(kw_only=True)
class Presence:
    """This process among those that work on one state; `name` tells it from all others."""

    folder: Path
    name: str = field(default_factory=lambda: secrets.token_hex(6))
    _lock: int | None = None

    def enter(self) -> None:
        """Be there until `leave`, or death."""
        path = self.folder / self.name
        while self._lock is None:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_still(lock, path):
                self._lock = lock
            else:  # taken for a dead one's, between the two calls
                os.close(lock)

    async def leave(self, objects: Objects) -> None:
        """Go in order: what is left in the queues shows at once to whoever comes next."""
        await objects.database.run(lambda turn: _settle(turn, objects, self.name))
        if self._lock is not None:
            (self.folder / self.name).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    async def bury(self, objects: Objects) -> int:
        """Finish what dead processes had committed, and release what they held; how many died."""
        dead = list(self._dead())
        for name, lock in dead:
            try:
                await objects.database.run(lambda turn, name=name: _settle(turn, objects, name))  # type: ignore[misc]
                (self.folder / name).unlink(missing_ok=True)
            finally:
                os.close(lock)
        return len(dead)

    def _dead(self) -> Iterator[tuple[str, int]]:
        """Processes whose lock is free, and that lock, which we hold now."""
        for path in sorted(self.folder.iterdir()):
            if path.name == self.name:
                continue
            lock = None
            with suppress(OSError):
                lock = os.open(path, os.O_RDWR)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(lock, path):
                    yield path.name, lock
                    continue
            if lock is not None:
                os.close(lock)


def _settle(turn: Turn, objects: Objects, name: str) -> None:
    _release(turn, name)
    objects.clear_staged(turn, name)


def _release(turn: Turn, name: str) -> None:
    turn.db.execute(
        "UPDATE messages SET shows_s = :now WHERE shows_s > :now AND coalesce(holder, sender) = :name",
        {"now": time.time(), "name": name},
    )


def _is_still(lock: int, path: Path) -> bool:
    """Whether a lock is on the file that has the name now."""
    try:
        return os.fstat(lock).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
