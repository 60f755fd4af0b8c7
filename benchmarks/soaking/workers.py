"""The real handlers in worker processes that stay warm, like a cloud's environments, until they are killed.

Each worker reports, through memory that outlives it, how many submits, takeovers and lines of batches it has under way:
only those can have a create under way when it dies, so their number bounds what a death may cost.
"""

import functools
import mmap
import os
import signal
import struct
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from support import forks, functions

UNDER_WAY, RAISED, OVERLONG = range(3)
_WORD = struct.Struct("q")
_ROW = 3 * _WORD.size
OLD_ENOUGH_S = 20.0
"""The sweep finds an upload without a record after this long, not after a quarter of an hour: a soak lasts minutes."""


class Gauges:
    """Three numbers for each worker, in memory that all processes share through a file."""

    def __init__(self, path: str, rows: int) -> None:
        """Open the file, or make it."""
        with open(path, "a+b") as file:  # noqa: PTH123 - mmap wants the descriptor
            file.truncate(rows * _ROW)
            self._memory = mmap.mmap(file.fileno(), rows * _ROW)
        self.path, self.rows = path, rows

    def read(self, row: int, number: int) -> int:
        """One number."""
        return int(_WORD.unpack_from(self._memory, row * _ROW + number * _WORD.size)[0])

    def add(self, row: int, number: int, more: int) -> None:
        """Change one number; only one process does so at a time."""
        _WORD.pack_into(self._memory, row * _ROW + number * _WORD.size, self.read(row, number) + more)

    def total(self, number: int) -> int:
        """The sum over all workers."""
        return sum(self.read(row, number) for row in range(self.rows))


class Worker:
    """A slot for one process after the other. `job` is the invocation under way: function, event, tries left."""

    def __init__(self, row: int, gauges: Gauges, environment: Mapping[str, str], log: str) -> None:
        """Start its first process."""
        self.row, self.environment, self._gauges, self._log = row, environment, gauges, log
        self.job: tuple[str, Any, int] | None = None
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = Pipe()
        gauges_at = (self._gauges.path, self._gauges.rows)
        self.process = forks.fork(_serve, theirs, dict(self.environment), self._log, gauges_at, self.row)
        theirs.close()

    def invoke(self, function: str, event: Any, tries: int, seconds: float = 1.0) -> None:
        """Begin an invocation; its outcome is read from `pipe`."""
        self.job = (function, event, tries)
        self.pipe.send((function, event, seconds))

    def kill(self) -> int:
        """Kill the process and start the next; returns how many creates may have been under way."""
        self.end()
        under_way = self._gauges.read(self.row, UNDER_WAY)
        self._gauges.add(self.row, UNDER_WAY, -under_way)
        self._start()
        return under_way

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    @property
    def memory_mb(self) -> float:
        """What the process holds in memory."""
        return resident_mb(self.process.pid or os.getpid())


def resident_mb(pid: int) -> float:
    """A process's resident memory; 0 if the system does not report it."""
    try:
        with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def new_gauges(rows: int) -> Gauges:
    """Gauges in a file of their own."""
    return Gauges(tempfile.mkstemp(prefix="soak-gauges-")[1], rows)


def _serve(pipe: Connection, environment: dict[str, str], log: str, gauges_at: tuple[str, int], row: int) -> None:
    """What a worker process does: one invocation after another, until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forks.enter(environment, log)
    _instrument(Gauges(*gauges_at), row, float(environment["BACKBURNER_LEASE_S"]))
    apps: dict[str, Any] = {}
    while True:
        try:
            function, event, seconds = pipe.recv()
        except EOFError:
            os._exit(0)
        app = apps[function] = apps.get(function) or functions.load(function)
        try:
            pipe.send((True, app.handler(event, functions.context_of(seconds))))
        except Exception as error:  # noqa: BLE001 - what a cloud would deliver again
            pipe.send((False, f"{type(error).__name__}: {error}"))


def _instrument(gauges: Gauges, row: int, lease_s: float) -> None:
    from backburner.batch.create_lines import BLOCK  # noqa: PLC0415
    from backburner.batch.segment_runner import SegmentRunner  # noqa: PLC0415
    from backburner.jobs.start import Starter  # noqa: PLC0415
    from backburner.jobs.submit import Submitter  # noqa: PLC0415
    from backburner.maintenance import sweep  # noqa: PLC0415 - in the forked process only

    sweep.OLD_ENOUGH_S = OLD_ENOUGH_S

    def watched(method: Callable[..., Any], creates: int = 1) -> Callable[..., Any]:
        @functools.wraps(method)
        async def call(*args: Any, **keywords: Any) -> Any:
            gauges.add(row, UNDER_WAY, creates)
            began = time.monotonic()
            try:
                return await method(*args, **keywords)
            except BaseException:
                gauges.add(row, RAISED, creates)
                raise
            finally:
                gauges.add(row, UNDER_WAY, -creates)
                gauges.add(row, OVERLONG, creates * int(time.monotonic() - began >= lease_s - 1))

        return call

    Submitter.submit = watched(Submitter.submit)  # type: ignore[method-assign]
    Starter._attempt = watched(Starter._attempt)  # type: ignore[method-assign]  # noqa: SLF001
    SegmentRunner.advance = watched(SegmentRunner.advance, BLOCK)  # type: ignore[method-assign]
