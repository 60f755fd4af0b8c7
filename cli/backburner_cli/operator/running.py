"""Finds running `backburner up`: each has a file while it runs, which is ignored if the process has died.

Process ids are reused, so the file also has the process's start time, if the system tells it.
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
"""The start time in /proc/<pid>/stat, counted after the name, which may contain anything."""


@dataclass(frozen=True, kw_only=True)
class LocalDeployment:
    """A running `backburner up`, and the environment that reaches it."""

    pid: int
    cloud: str
    since: float
    environment: dict[str, str]


def folder_of(environment: Mapping[str, str]) -> Path:
    """The folder of the files: `$XDG_RUNTIME_DIR/backburner`, which ends with the session, else a private folder."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK):
        return Path(runtime) / "backburner"
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "backburner"


@contextlib.contextmanager
def announced(environment: Mapping[str, str], cloud: str, reached_by: Mapping[str, str]) -> Iterator[None]:
    """Let commands find this process's cloud while the block runs. A file that cannot be written is ignored."""
    path = folder_of(environment) / f"up-{os.getpid()}.json"
    entry = {
        "pid": os.getpid(),
        "began": _began(os.getpid()),
        "cloud": cloud,
        "since": time.time(),
        "environment": dict(reached_by),
    }
    with contextlib.suppress(OSError):
        write_private(path, entry)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def running_here(environment: Mapping[str, str]) -> list[LocalDeployment]:
    """Every running `backburner up` of this user, the latest first. Removes the files of dead ones."""
    found = []
    for path in folder_of(environment).glob("up-*.json"):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            pid, began = int(entry["pid"]), entry["began"]
            if not _is_alive(pid, began):
                path.unlink(missing_ok=True)
                continue
            variables = {str(name): str(value) for name, value in entry["environment"].items()}
            found.append(
                LocalDeployment(pid=pid, cloud=str(entry["cloud"]), since=float(entry["since"]), environment=variables)
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # incomplete, or not one of ours
    return sorted(found, key=lambda one: -one.since)


def _is_alive(pid: int, began: str | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # another user's process has the id now, so ours has ended
    return not _is_zombie(pid) and (began is None or _began(pid) in (None, began))


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has taken note of it yet, as happens after kill -9."""
    return _stat(pid)[:1] == ["Z"]


def _began(pid: int) -> str | None:
    """A process's start time, in the system's own unit; None if the system does not tell it."""
    return next(iter(_stat(pid)[_BEGAN_FIELD:]), None)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, the state first; none if the system does not tell them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
