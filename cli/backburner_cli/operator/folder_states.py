"""What `backburner run` keeps in `FOLDER/.backburner/`, as other commands find it: one state for each kind of run."""

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

ABOUT: Final = "about.json"
_DATABASE: Final = "state.db"
COMMAND: Final = "command-"
"""How the names of processes begin that only look: they carry nothing out."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """One state: whose it is, and where it lies."""

    folder: Path
    out: Path
    recipe: str
    provider: str
    state: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the last run was set to, by the variables' names; never a key."""

    def __str__(self) -> str:
        """As a message names it."""
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
        """Which file an object is."""
        return Layout(state=self.state, out=self.out, recipe=self.recipe)

    @property
    def database(self) -> Path:
        """The file of tables."""
        return self.state / _DATABASE

    @property
    def processes(self) -> Path:
        """Who works on it."""
        return self.state / "processes"

    @property
    def log(self) -> Path:
        """What the engine has to say."""
        return self.state / "log.jsonl"


def known(folder: Path) -> list[RunState]:
    """The states that a folder has."""
    found = []
    for about in sorted((folder / STATE_FOLDER).glob(f"*/{ABOUT}")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(about.read_text(encoding="utf-8"))
            out = (folder / told["out"]).resolve()
            found.append(
                RunState(
                    folder=folder, out=out, recipe=told["recipe"], provider=told["provider"], state=about.parent,
                    settings=dict(told.get("settings", {})),
                )
            )  # fmt: skip
    return found


def state_of(named: Path) -> RunState:
    """The state that a folder has, or the one that is named itself. Raises `CommandError`, with the remedy."""
    path = named.expanduser().resolve()
    inside = path.parent.name == STATE_FOLDER
    folder = path.parent.parent if inside else path
    if not folder.is_dir():
        raise CommandError(f"there is no folder {named}: name one that backburner run has worked in")
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
    """What commands must know of a run's settings, by the variables' names. No credential is among them."""
    told = {
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
    return {name: str(value) for name, value in told.items() if value is not None}


def staging(space: RunState) -> Path:
    """Where content is written before it is moved to its place: the same file system as the results'."""
    inside = space.state / "staged"
    probe, target = inside / f"probe-{os.getpid()}", space.out / f".backburner-probe-{os.getpid()}"
    with writable(space.out):
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
def writable(path: Path) -> Iterator[None]:
    """Say what could not be written. Raises `CommandError`."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{error.filename or path} cannot be written: {error.strerror}") from error
