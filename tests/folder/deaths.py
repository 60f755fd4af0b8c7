"""A process over a folder that dies before its n-th step: a statement of SQLite, or a move of a file."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from backburner.adapters.folder import files
from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import FolderQueue
from backburner.ports import ABSENT
from backburner_cli.folder.command import Wanted, run
from backburner_cli.terminal import out
from support.folders import folder_ports
from support.forks import enter

TEXT = "text/plain; charset=utf-8"
RESULT = "results/summary/a/b.txt.md"
ATTEMPTS = {"BACKBURNER_MAX_ATTEMPTS": "20"}
"""A run that dies so often in the middle of creates needs them."""
OLD, NEW, LARGE = b"an older text", b"a newer text", b"large " * 100_000


class Steps:
    """Counts steps, and kills this process before the n-th."""

    def __init__(self, fatal: int | None) -> None:
        self.fatal, self.taken = fatal, 0

    def step(self) -> None:
        """Count a step."""
        self.taken += 1
        if self.taken == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Count a step before a function and one after it."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            result = function(*args, **kwargs)
            self.step()
            return result

        return counted

    def install(self) -> None:
        """Count everything that changes the disk as a step."""
        steps = self

        class Connection(sqlite3.Connection):
            def execute(self, *args: Any) -> sqlite3.Cursor:
                if not args[0].startswith(("SELECT", "PRAGMA", "SAVEPOINT", "RELEASE")):
                    steps.step()
                return super().execute(*args)

        sqlite3.connect = partial(sqlite3.connect, factory=Connection)
        for name in ("stage", "put_in_place", "remove"):
            setattr(files, name, self.around(getattr(files, name)))


def write(root: str, fatal: int | None, counted_in: str) -> None:
    """Write, replace and remove objects, send and receive messages; write the count of steps to `counted_in`."""
    steps = Steps(fatal)
    steps.install()
    asyncio.run(_write(Path(root)))
    Path(counted_in).write_text(str(steps.taken), encoding="utf-8")
    os._exit(0)


async def _write(root: Path) -> None:
    ports = folder_ports(root, name="dying")
    presence = Presence(folder=root / "processes", name="dying")
    presence.enter()
    bucket, queue = ports.bucket, FolderQueue(room=ports.room, name="pending")
    etag = await bucket.put(RESULT, OLD, match=ABSENT, content_type=TEXT, metadata={"owner": "old"})
    await queue.send("guard", 900)
    await queue.send("work", 0)
    etag = await bucket.put(RESULT, NEW, match=etag, content_type=TEXT, metadata={"owner": "new"})
    (message,) = await queue.receive(1, 0)
    await bucket.put(RESULT, LARGE, match=etag, content_type=TEXT, metadata={"owner": "large"})
    await queue.delete(message)
    await bucket.delete(RESULT)
    ports.database.close()


def run_folder(folder: str, results: str, fatal: int | None, log: str) -> None:
    """Run the command itself, until its n-th step."""
    enter({"NO_COLOR": "1", **ATTEMPTS}, log)
    Steps(fatal).install()
    wanted = Wanted(folder=Path(folder), recipe="default", out=Path(results), stand_in=True, watch=False)
    code = run(out, os.environ, wanted)
    sys.stdout.flush()
    os._exit(code)
