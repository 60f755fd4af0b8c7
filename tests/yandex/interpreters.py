"""The Python versions of Cloud Functions that this machine has, or else the one that runs the tests."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

RUNTIMES = {"3.12": "python312", "3.14": "python314"}
"""Those versions that the service and this project have in common."""


@cache
def found(version: str) -> Path | None:
    """A Python of this version on this machine."""
    command = [sys.executable, "-m", "uv", "python", "find", "--no-project", "--no-python-downloads", version]
    environment = {**os.environ, "PYENV_VERSION": version}  # where pyenv manages them, it hides all but one
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return None if done.returncode else Path(done.stdout.strip())


def interpreter() -> Path:
    """The oldest of the service's versions on this machine, or our own."""
    return next(filter(None, map(found, RUNTIMES)), Path(sys.executable))
