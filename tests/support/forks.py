"""The real handlers in processes that start fast and may be killed: they are forked from a warm server.

    process = start("submit", event, environment)        # one call of functions/submit/app.py
    process.join(); process.exitcode                      # 0, 1 after an exception, -SIGKILL

Importing boto3 and the SDK takes seconds. The server does it once, and each fork is ready within milliseconds. A test
worker that is warm itself forks the server too, before it has threads: `begin`.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from support.functions import context_of, load


def enter(environment: Mapping[str, str], log: str) -> None:
    """Start a process's work: with this environment and nothing of this machine's, and its output in a file."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BACKBURNER_", "OPENAI_"))]:
        del os.environ[name]
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)


def start(
    function: str, event: Any, environment: Mapping[str, str], *, seconds: float = 1.0, log: str = os.devnull
) -> BaseProcess:
    """Call a handler in a separate process."""
    return fork(_call, function, event, dict(environment), seconds, log)


def fork(target: Callable[..., None], *args: Any) -> BaseProcess:
    """Run a function in a process forked from the warm server."""
    process = _server().Process(target=target, args=args, daemon=True)
    process.start()
    return process


def _call(function: str, event: Any, environment: dict[str, str], seconds: float, log: str) -> None:
    enter(environment, log)
    load(function).handler(event, context_of(seconds))
    sys.stdout.flush()
    os._exit(0)


@cache
def _server() -> ForkServerContext:
    """The warm server, which ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "support.warm"])
    with _python_path():
        forkserver.ensure_running()
    return context


def begin() -> None:
    """Fork the server from this process, which has one thread and has imported most of what the server needs."""
    spawn = util.spawnv_passfds
    util.spawnv_passfds = _forked
    try:
        _server()
    finally:
        util.spawnv_passfds = spawn


def _forked(_: Any, command: Sequence[str], kept: Sequence[int]) -> int:
    """Run what multiprocessing starts as `python -c CODE`, in a fork without other open files."""
    if pid := os.fork():
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for descriptor in {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2, *kept}:  # noqa: PTH208
            with suppress(OSError):  # the one that listed them
                os.close(descriptor)
        exec(command[-1], {})  # noqa: S102 - the standard library's own
    finally:
        os._exit(0)


@contextmanager
def _python_path() -> Iterator[None]:
    """Give a child our import path: the server of forks gets none of its own before Python 3.13."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
