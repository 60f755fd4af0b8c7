"""Finds the states that `backburner run` keeps in `FOLDER/.backburner/`, one for each kind of run."""

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backburner.adapters.folder.layout import STATE_FOLDER, Layout
from backburner.settings import Settings
from backburner_cli.errors import CommandError
from backburner_cli.system_errors import remedy_of

ABOUT: Final = "about.json"
_DATABASE: Final = "state.db"
COMMAND: Final = "command-"
"""The prefix of the names of commands' processes, which run nothing."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A state: the run that it belongs to, and its folder."""

    folder: Path
    out: Path
    recipe: str
    provider: str
    state: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings of the last run, by the variables' names; never a key."""

    def __str__(self) -> str:
        """The state's name in messages."""
        return f"{self.folder}, recipe {self.recipe}, results in {self.out}, {self.provider}"

    @property
    def is_at_work(self) -> bool:
        """Whether a `backburner run` works on it now: its process holds a lock until it ends."""
        try:
            return any(_is_held(path) for path in self.processes.iterdir() if not path.name.startswith(COMMAND))
        except OSError:
            return False

    @property
    def layout(self) -> Layout:
        """The files of its objects."""
        return Layout(state=self.state, out=self.out, recipe=self.recipe)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state / _DATABASE

    @property
    def processes(self) -> Path:
        """The folder of the locks of processes that work on it."""
        return self.state / "processes"

    @property
    def log(self) -> Path:
        """The engine's log."""
        return self.state / "log.jsonl"


OTHER_OUT: Final = "; or name another folder with --out"


def known(folder: Path) -> list[RunState]:
    """The states of a folder."""
    found = []
    for about in sorted((folder / STATE_FOLDER).glob(f"*/{ABOUT}")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            described = json.loads(about.read_text(encoding="utf-8"))
            out = (folder / described["out"]).resolve()
            found.append(
                RunState(
                    folder=folder, out=out, recipe=described["recipe"], provider=described["provider"],
                    state=about.parent, settings=dict(described.get("settings", {})),
                )
            )  # fmt: skip
    return found


def state_of(named: Path) -> RunState:
    """The state of a folder, or the state with this path itself. Raises `CommandError` with the remedy."""
    path = named.expanduser().resolve()
    inside = path.parent.name == STATE_FOLDER
    folder = path.parent.parent if inside else path
    if not folder.is_dir():
        raise CommandError(f"there is no folder {named}: name one that backburner run has worked in")
    if (folder / STATE_FOLDER).is_dir() and not os.access(folder / STATE_FOLDER, os.R_OK | os.X_OK):
        raise CommandError(f"{folder / STATE_FOLDER} cannot be read: check its permissions")
    found = [one for one in known(folder) if not inside or one.state == path]
    if not found:
        raise CommandError(f"no backburner run has worked in {named}: backburner run {folder} starts one")
    if len(found) > 1:
        listed = "".join(
            f"\n  --folder {one.state}   (recipe {one.recipe}, results in {one.out}, {one.provider})" for one in found
        )
        raise CommandError(
            f"{named} was run in {len(found)} ways, each with jobs of its own; name one of them:{listed}"
        )
    if not found[0].settings:
        raise CommandError(f"{found[0].state} was made by an earlier version: start backburner run {folder} once")
    return found[0]


def kept_settings(settings: Settings) -> dict[str, str]:
    """A run's settings that commands need, by the variables' names; no credentials."""
    kept = {
        "BACKBURNER_PROVIDER": settings.provider,
        "OPENAI_BASE_URL": settings.base_url,
        "OPENAI_PROJECT_ID": settings.project,
        "BACKBURNER_MODEL": settings.model,
        "BACKBURNER_MAX_IN_FLIGHT": settings.max_in_flight,
        "BACKBURNER_SUBMITS_PER_MINUTE": settings.submits_per_minute,
        "BACKBURNER_POLLS_PER_SECOND": settings.polls_per_second,
        "BACKBURNER_DAILY_TOKENS": settings.daily_tokens,
        "BACKBURNER_DAILY_COST": settings.daily_cost,
    }
    return {name: str(value) for name, value in kept.items() if value is not None}


def staging(space: RunState) -> Path:
    """The folder for staged files, on the same file system as the results."""
    inside = space.state / "staged"
    probe, target = inside / f"probe-{os.getpid()}", space.out / f".backburner-probe-{os.getpid()}"
    with writable(space.out, OTHER_OUT):
        probe.touch()
        try:
            probe.replace(target)
        except OSError as error:
            probe.unlink(missing_ok=True)
            if error.errno != errno.EXDEV:
                raise
            inside = space.out / ".backburner-staged"
            inside.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)
    return inside


def _is_held(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


@contextlib.contextmanager
def writable(path: Path, remedy: str = "") -> Iterator[None]:
    """Raise `CommandError` for what cannot be written in the block; `remedy` is one more."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}): {remedy_of(error)}{remedy}") from error
