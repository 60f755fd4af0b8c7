"""Workers of pytest-xdist that need not import the tests: each is a fork of a server that has collected them once.

    warm(config)        # before xdist starts its workers; to xdist they look the same, but start at once

xdist starts a worker as a Python that reads its first line of code from its standard input. Ours is `joined.py`, which
passes its standard streams to the server (`worker_server.py`) and ends with the fork that serves them. Nothing else
differs: a worker collects the tests again, from modules already imported, and reports those that cannot be imported.
"""

import os
import secrets
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

_JOINED = Path(__file__).with_name("joined.py")
_SERVER = "import sys; from support.worker_server import serve; serve(*sys.argv[1:])"


def warm(config: pytest.Config) -> None:
    """Let xdist use forks as its workers, unless it starts none here or coverage counts the lines that run."""
    specs = config.getoption("tx", None) or []
    starts_none = hasattr(config, "workerinput") or config.getoption("collectonly", False)
    if sys.platform != "linux" or starts_none or {*specs} != {"popen"} or config.getoption("cov_source", None):
        return
    name = f"workers-{secrets.token_hex(16)}"  # no file, so that nothing is left of it, however this process ends
    path = os.pathsep.join(filter(None, (str(_JOINED.parents[1]), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-c", _SERVER, name, *config.args]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
    config.add_cleanup(lambda: _end(server))
    python = shlex.join([sys.executable, "-I", "-S", str(_JOINED), name])
    config.option.tx = [f"popen//python={python}"] * len(specs)


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.communicate()
