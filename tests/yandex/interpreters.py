"""The Pythons of Cloud Functions, as far as this machine has them; else the one that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path

RUNTIMES = {"3.12": "python312", "3.14": "python314"}
"""The service's, and there is no other of ours."""


def found(version: str) -> Path | None:
    """A Python of a version on this machine."""
    command = [sys.executable, "-m", "uv", "python", "find", "--no-project", "--no-python-downloads", version]
    environment = {**os.environ, "PYENV_VERSION": version}  # where pyenv manages them, it hides all but one
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return None if done.returncode else Path(done.stdout.strip())


AVAILABLE = {version: python for version in RUNTIMES if (python := found(version))}
INTERPRETERS = list(AVAILABLE.values()) or [Path(sys.executable)]
