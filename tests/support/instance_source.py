"""Imports once what an instance's handler is slow to import, then forks one instance after another.

`warm_instances.py` runs this file with the service's interpreter. Arguments: the socket on which instances are
requested, and the folder of the dependencies. A request is one packet with an instance's command, environment, folder
and file descriptors; the first descriptor receives the process's id and, once it has ended, its exit code.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from typing import Any, NoReturn

WARM = (
    "anyio._backends._asyncio",
    "aws_lambda_powertools.logging.utils",
    "certifi",
    "concurrent.futures.thread",
    "encodings.idna",
    "importlib.resources.readers",
    "jsonschema_rs",
    "msgspec",
    "openai.resources.responses",
    "statistics",
    "uvloop",
    "xml.etree.ElementTree",
    "zoneinfo",
)
"""The zip's own code is not among them: each instance imports it."""
REQUEST_BYTES, FILES = 131_072, 16


def main() -> None:
    """Fork until no more requests can come; then end, and leave no instance behind."""
    asked, dependencies = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    _warm(dependencies)
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    woken.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ours, instances = [asked, woken, waking], dict[int, socket.socket]()
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(4096)
                    _tell_ends(instances)
                elif not _begin(asked, instances, [*ours, selector]):
                    return


def _warm(dependencies: str) -> None:
    """Import the libraries; afterwards the path is as before, since the runtime adds to it itself."""
    sys.path.insert(0, dependencies)
    for name in WARM:
        importlib.import_module(name)
    import openai  # noqa: PLC0415 - found from now on
    from openai.types.responses import Response  # noqa: PLC0415

    _ = openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1").responses.with_raw_response
    Response.model_rebuild()
    sys.path.remove(dependencies)
    gc.collect()
    gc.freeze()  # otherwise a fork's collector would write to every page that it shares with us


def _begin(asked: socket.socket, instances: dict[int, socket.socket], ours: list[Any]) -> bool:
    """Fork an instance; False if no more requests can come."""
    room = socket.CMSG_SPACE(FILES * array.array("i").itemsize)
    body, ancillary, _, _ = asked.recvmsg(REQUEST_BYTES, room)
    if not body:
        return False
    received = array.array("i")
    for _, _, data in ancillary:
        received.frombytes(data)
    telling, log, *files = received
    teller = socket.socket(fileno=telling)
    pid = os.fork()
    if pid == 0:
        for one in (*ours, teller, *instances.values()):
            one.close()
        _become(json.loads(body), log, files)
    teller.sendall(b"%d\n" % pid)
    instances[pid] = teller
    for descriptor in (log, *files):
        os.close(descriptor)
    return True


def _become(request: dict[str, Any], log: int, files: list[int]) -> NoReturn:
    """Become the instance: its session, folder, environment, output and arguments."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        for output in (1, 2):
            os.dup2(log, output)
        os.close(log)
        named = dict(zip(map(str, request["files"]), map(str, files), strict=True))
        (at,) = [place for place, argument in enumerate(request["command"]) if argument.endswith("/runtime.py")]
        program, *arguments = request["command"][at:]
        sys.argv = [program, *(named[one] for one in arguments[: len(files)]), *arguments[len(files) :]]
        runpy.run_path(program, run_name="__main__")
    finally:
        sys.stdout.flush()
        os._exit(0)


def _tell_ends(instances: dict[int, socket.socket]) -> None:
    """Report how instances ended to whoever waits for them."""
    while instances:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        teller = instances.pop(pid)
        with contextlib.suppress(OSError):  # nobody waits for it
            teller.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        teller.close()


if __name__ == "__main__":
    main()
