"""The real handlers in processes that cost little to start and may be killed: forked from a server that is warm.

    process = start("submit", event, environment)        # one call of functions/submit/app.py
    process.join(); process.exitcode                      # 0, 1 after an exception, -SIGKILL

Importing boto3 and the SDK takes seconds; the server does it once, each fork is there after some milliseconds.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from support.functions import context_of, load


def enter(environment: Mapping[str, str], log: str) -> None:
    """Begin a process: its environment is the one named and nothing of this machine's, its output goes to a file."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BACKBURNER_", "OPENAI_"))]:
        del os.environ[name]
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)


def start(
    function: str, event: Any, environment: Mapping[str, str], *, seconds: float = 1.0, log: str = os.devnull
) -> BaseProcess:
    """Call a handler in a process of its own."""
    return fork(_call, function, event, dict(environment), seconds, log)


def fork(target: Callable[..., None], *args: Any) -> BaseProcess:
    """Run a function in a process that is forked from the warm server."""
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
    """The server of forks; it ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "support.warm"])
    with _python_path():
        forkserver.ensure_running()
    return context


@contextmanager
def _python_path() -> Any:
    """Let a child find what we find: the server of forks gets no path of its own before Python 3.13."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
