"""Knows which processes work on a folder, and releases the messages of those that died.

Each process holds a lock that the system frees when it dies, however it dies. A process that finds such a lock free
makes the dead one's messages visible at once, its jobs' guards among them: no lease has to run out.
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
    """This process among those that work on one state; `name` is unique to it."""

    folder: Path
    name: str = field(default_factory=lambda: secrets.token_hex(6))
    _lock: int | None = None

    def enter(self) -> None:
        """Take this process's lock, until `leave` or death."""
        path = self.folder / self.name
        while self._lock is None:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_still(lock, path):
                self._lock = lock
            else:  # another process took it for a dead one's, between the two calls
                os.close(lock)

    async def leave(self, objects: Objects) -> None:
        """Release the lock and make the messages that this process holds visible to others at once."""
        await objects.database.run(lambda turn: _settle(turn, objects, self.name))
        if self._lock is not None:
            (self.folder / self.name).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    async def bury(self, objects: Objects) -> int:
        """Finish the puts that dead processes had committed, and release their messages. Returns how many died."""
        dead = list(self._dead())
        for name, lock in dead:
            try:
                await objects.database.run(lambda turn, name=name: _settle(turn, objects, name))  # type: ignore[misc]
                (self.folder / name).unlink(missing_ok=True)
            finally:
                os.close(lock)
        return len(dead)

    def _dead(self) -> Iterator[tuple[str, int]]:
        """The names of dead processes, and their locks, which this process holds now."""
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
    """Whether the locked file is still the one at the path."""
    try:
        return os.fstat(lock).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
