"""What a measured process reports: one line of JSON on its standard output; its other output is discarded."""

import json
import os
import re
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benching.told import Told


def timed(work: Callable[[], int]) -> Told:
    """Do something that returns how many it did; measures wall and processor time, and the process's peak memory."""
    cpu_s, began = _cpu_s(), time.perf_counter()
    items = work()
    return _told(items, cpu_s, began)


async def clocked(work: Callable[[], Awaitable[Any]], count: Callable[[], int]) -> Told:
    """The same for something awaited; how many it did is asked for afterwards."""
    cpu_s, began = _cpu_s(), time.perf_counter()
    await work()
    return _told(count(), cpu_s, began)


def silenced() -> Callable[[Any], None]:
    """Discard what handlers print; returns the function that reports the result."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the process ends

    def tell(result: Any) -> None:
        out.write(json.dumps(result) + "\n")
        out.flush()

    return tell


def _told(items: int, cpu_s: float, began: float) -> Told:
    seconds, used_s = time.perf_counter() - began, _cpu_s() - cpu_s
    return Told(items=items, seconds=seconds, cpu_s=used_s, peak_mb=peak_mb())


def peak_mb() -> float:
    """The most memory that this process has held.

    On Linux not from `getrusage`: its figure includes what the process that started this one had held until then.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    assert found is not None, "Linux reports it"
    return int(found[1]) / 1024


def _cpu_s() -> float:
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)
