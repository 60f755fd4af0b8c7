"""The server of workers: it collects the tests once, and forks a worker for each process that joins."""

import contextlib
import gc
import io
import os
import select
import signal
import socket
import struct
import sys
import threading
from typing import NoReturn

import pytest

from support import forks

_STREAMS = 3
_MAX_WAITING = 64
_LIMIT_S = 5.0


def serve(name: str, *tests: str) -> None:
    """Fork workers until the standard input ends, together with the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the workers stop first, and then whoever started this
    workers = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(_MAX_WAITING)
        _collect(*tests)
        _build()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            joined = listener.accept()[0]
            if not _is_ours(joined):
                joined.close()
                continue
            if (worker := os.fork()) == 0:
                listener.close()
                _work(joined)
            workers.append(worker)
            joined.close()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)  # it has ended, or was given up
        os.waitpid(worker, 0)


def _collect(*tests: str) -> None:
    """Import the tests. The environment's options are for the workers, since `-n` would start workers here."""
    options = os.environ.pop("PYTEST_ADDOPTS", None)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *tests])
    if options is not None:
        os.environ["PYTEST_ADDOPTS"] = options


def _is_ours(joined: socket.socket) -> bool:
    """Whether the process that joined is this user's: on this machine, anybody can join a name without a file."""
    credentials = joined.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] == os.getuid()


def _build() -> None:
    """Import and build once what each worker would build for the first test that needs it."""
    import boto3  # noqa: PLC0415 - not before pytest, which changes how some modules are imported

    from support import cloud, warm_libraries  # noqa: F401, PLC0415

    with cloud.serve_cloud() as endpoint:
        s3, sqs = cloud.client("s3", endpoint), cloud.client("sqs", endpoint)
        s3.list_buckets()
        sqs.list_queues()
        s3.close()
        sqs.close()
    for thread in set(threading.enumerate()) - {threading.main_thread()}:
        thread.join(_LIMIT_S)  # a fork has none of them
    boto3.DEFAULT_SESSION = None  # each worker makes its own, in its own environment
    gc.collect()
    gc.freeze()  # otherwise each worker's collector would write to every page that it shares with the others


def _work(joined: socket.socket) -> NoReturn:
    """Become the worker with these standard streams; the socket stays open as long as the worker lives."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["-c"]
    forks.begin()
    for place, stream in enumerate(socket.recv_fds(joined, 1, _STREAMS)[1]):
        os.dup2(stream, place)
        os.close(stream)
    with open(0, closefd=False) as stdin:
        line = stdin.readline()
    exec(eval(line), vars(sys.modules["__main__"]))  # noqa: S102, S307 - as every worker of xdist does
    sys.exit()
