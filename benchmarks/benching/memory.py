"""The most memory that a process has held.

On Linux not from `getrusage` or `wait4`: their figure includes what the process that started it had held until then.
"""

import contextlib
import os
import re
import resource
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EVERY_S: Final = 0.005
_PROC = Path("/proc")


def peak_mb() -> float:
    """The most memory that this process has held."""
    return _peak_mb(os.getpid()) if _PROC.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass
class Largest:
    """The most memory that any of the processes has held."""

    mb: float = 0.0


@contextlib.contextmanager
def children_watched() -> Iterator[Largest]:
    """Tells the most memory that any process has held that this one starts in the block and waits for.

    The kernel forgets it when a process ends, so it is asked all the time.
    """
    largest, is_over = Largest(), threading.Event()

    def watch() -> None:
        while not is_over.wait(_EVERY_S):
            largest.mb = max([largest.mb, *map(_own_peak_mb, _children())])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield largest
    finally:
        is_over.set()
        watcher.join()
        if not _PROC.exists():
            largest.mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _children() -> list[int]:
    pids = list[int]()
    for task in _PROC.glob("self/task/*/children"):
        with contextlib.suppress(OSError):
            pids += map(int, task.read_text().split())
    return pids


def _own_peak_mb(pid: int) -> float:
    """A child's peak; 0 while it still runs this program, and shares its memory."""
    try:
        is_other = (_PROC / f"{pid}/cmdline").read_bytes() != (_PROC / "self/cmdline").read_bytes()
        return _peak_mb(pid) if is_other else 0.0
    except OSError:  # it has ended
        return 0.0


def _peak_mb(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB", (_PROC / f"{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
