"""The state of a folder's runs, in `FOLDER/.backburner/`: one for each recipe, results folder and provider.

States share nothing, so that no provider is ever asked for another one's generations.
"""

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backburner.adapters.folder.adoption import record_in
from backburner.adapters.folder.database import Database, OtherVersionError
from backburner.adapters.folder.layout import STATE_FOLDER
from backburner.ledger.keys import INBOX
from backburner.settings import Settings
from backburner_cli.atomic_write import write_atomically
from backburner_cli.errors import CommandError
from backburner_cli.folder.provider import STAND_IN
from backburner_cli.operator.folder_states import ABOUT, OTHER_OUT, RunState, kept_settings, known, writable
from backburner_cli.operator.run_outputs import has_results

DEFAULT_OUT: Final = "results"


def located(folder: Path, out: Path | None) -> tuple[Path, Path]:
    """Resolve the folder and the results folder. Raises `CommandError` if either cannot be used."""
    if not folder.exists():
        raise CommandError(f"there is no folder {folder}: create it and put documents into it, or name another")
    if not folder.is_dir():
        raise CommandError(f"{folder} is a file: name the folder that it is in")
    folder = folder.resolve()
    out = (folder / DEFAULT_OUT if out is None else out).resolve()
    if out.exists() and not out.is_dir():
        raise CommandError(f"{out} is a file: results need a folder, name another one with --out")
    if out.is_relative_to(folder / STATE_FOLDER):
        raise CommandError(f"{out} is where Backburner keeps its state: name another folder with --out")
    return folder, out


def prepare(folder: Path) -> Path:
    """The folder of all states, made if it is missing. Raises `CommandError`."""
    root = folder / STATE_FOLDER
    with writable(root, "; or copy the documents elsewhere: a run keeps its state beside them"):
        root.mkdir(mode=0o700, exist_ok=True)
        ignored = root / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
    return root


def opened(folder: Path, out: Path, recipe: str, provider: str, settings: Settings) -> RunState:
    """The state of a run, made if it is missing. Raises `CommandError` if it cannot be used, or must not."""
    _refuse_to_replace(folder, out, provider)
    inner = os.path.relpath(out, folder) if out.is_relative_to(folder) else str(out)
    mark = hashlib.sha256(json.dumps([recipe, inner, provider]).encode()).hexdigest()[:12]
    state = prepare(folder) / f"{re.sub(r'[^A-Za-z0-9_-]+', '_', recipe)[:40]}-{mark}"
    space = RunState(folder=folder, out=out, recipe=recipe, provider=provider, state=state)
    with writable(out, OTHER_OUT):
        out.mkdir(parents=True, exist_ok=True)
    with writable(state):
        for inside in (state, space.processes, state / "staged"):
            inside.mkdir(mode=0o700, exist_ok=True)
        about = {"recipe": recipe, "out": inner, "provider": provider, "settings": kept_settings(settings)}
        write_atomically(state / ABOUT, json.dumps(about).encode())
    try:
        Database(space.database).open().close()
    except (sqlite3.Error, OtherVersionError) as error:
        remedy = "remove that folder; results and records stay, and finished documents do not run again"
        raise CommandError(f"the state in {state} cannot be used: {error}; {remedy}") from error
    return space


def recorded(space: RunState) -> Iterator[list[str]]:
    """The keys that the records in the results folder name, for a state that does not know them yet."""
    for here, inner, names in os.walk(space.out):
        inner[:] = [name for name in inner if not name.startswith(".")]
        for name in names:
            record = record_in(Path(here) / name)
            if record is not None and record.source.key.startswith(f"{INBOX}{space.recipe}/"):
                yield record.keys


def _refuse_to_replace(folder: Path, out: Path, provider: str) -> None:
    """Raise `CommandError` if the stand-in would replace a real provider's results."""
    if provider == STAND_IN and any(
        space.out == out and space.provider != STAND_IN and has_results(space) for space in known(folder)
    ):
        raise CommandError(
            f"{out} holds results of a real provider, which the stand-in would replace: name another folder with --out"
        )


def refuse_to_hide(folder: Path, out: Path) -> None:
    """Raise `CommandError` if the results folder holds the user's own files: they would be taken for outputs."""
    if any(space.out == out for space in known(folder)) or not out.is_dir():
        return
    names = [path for path in out.rglob("*") if path.is_file()]
    if names and not any(record_in(path) for path in names):
        raise CommandError(f"{out} holds files that are not results: name another folder for the results with --out")
