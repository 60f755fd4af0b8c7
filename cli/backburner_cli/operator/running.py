"""How a running `backburner up` is found: a file for each, gone when it ends, ignored when its process is.

A number of a process is used again by others, so the file names when the process began as well, where the system tells.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backburner_cli.operator.profiles import write_private

_BEGAN_FIELD = 19
"""Of /proc/<pid>/stat, counted behind the name, which may hold anything."""


@dataclass(frozen=True, kw_only=True)
class LocalDeployment:
    """A running `backburner up`, with the environment that reaches it."""

    pid: int
    cloud: str
    since: float
    environment: dict[str, str]


def folder_of(environment: Mapping[str, str]) -> Path:
    """Where the files are: `$XDG_RUNTIME_DIR/backburner`, which ends with the session, else a private folder."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK):
        return Path(runtime) / "backburner"
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "backburner"


@contextlib.contextmanager
def announced(environment: Mapping[str, str], cloud: str, reached_by: Mapping[str, str]) -> Iterator[None]:
    """Let commands find this process's cloud while the block runs. Where no file can be written, nothing is said."""
    path = folder_of(environment) / f"up-{os.getpid()}.json"
    told = {
        "pid": os.getpid(),
        "began": _began(os.getpid()),
        "cloud": cloud,
        "since": time.time(),
        "environment": dict(reached_by),
    }
    with contextlib.suppress(OSError):
        write_private(path, told)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def running_here(environment: Mapping[str, str]) -> list[LocalDeployment]:
    """Every `backburner up` of this user that runs, the latest first. Files of those that died are removed."""
    found = []
    for path in folder_of(environment).glob("up-*.json"):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            pid, began = int(told["pid"]), told["began"]
            if not _is_alive(pid, began):
                path.unlink(missing_ok=True)
                continue
            variables = {str(name): str(value) for name, value in told["environment"].items()}
            found.append(
                LocalDeployment(pid=pid, cloud=str(told["cloud"]), since=float(told["since"]), environment=variables)
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # half a file, or somebody else's: no deployment of ours
    return sorted(found, key=lambda one: -one.since)


def _is_alive(pid: int, began: str | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # another user's: ours has ended
    return began is None or _began(pid) in (None, began)


def _began(pid: int) -> str | None:
    """When a process began, in the system's own count; None where it does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_BEGAN_FIELD]
    except (OSError, IndexError):
        return None
