"""Tells the outputs of `backburner run` from the user's own files."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from backburner.adapters.folder.adoption import is_ours
from backburner.adapters.folder.layout import split_output
from backburner.ledger.keys import FAILED, RESULTS, RUN_RECORD
from backburner_cli.operator.folder_states import RunState, known

_OUTPUTS = f"(key GLOB '{RESULTS}*' OR key GLOB '{FAILED}*')"
_RESULTS = f"key GLOB '{RESULTS}*' AND key NOT GLOB '*{RUN_RECORD}'"


def outputs(folder: Path, out: Path) -> Callable[[Path], bool]:
    """A function that says whether a file of the folder is an output of its run into `out`, or of an earlier one."""
    spaces = known(folder)
    outs = {out, *(space.out for space in spaces)}
    apart = {one for one in outs if one != folder and one.is_relative_to(folder)}
    among = {one for one in outs if folder.is_relative_to(one)}
    tables = [space for space in spaces if space.out in among and space.database.exists()]

    def is_output(path: Path) -> bool:
        if path in apart:
            return True
        if not among or not split_output(path.name)[1] or not path.is_file():
            return False
        return is_ours(path) or any(_has(space, path) for space in tables)

    return is_output


def outputs_of_all(spaces: Iterable[RunState]) -> Callable[[Path], bool]:
    """A function that says whether a file, named from the root without links, is an output of any run.

    Records say so, wherever they are; the given states also know results that were edited or have no record yet.
    """
    kept = {path for space in spaces for path in _files(space, _OUTPUTS)}
    return lambda path: bool(split_output(path.name)[1]) and (path in kept or is_ours(path))


def has_results(space: RunState) -> bool:
    """Whether a result of these runs is still there."""
    return any(path.exists() for path in _files(space, _RESULTS))


def _has(space: RunState, path: Path) -> bool:
    """Whether a state knows a file as its output, even if the file's record is not written yet."""
    if not path.is_relative_to(space.out):
        return False
    name = path.relative_to(space.out).as_posix()
    with contextlib.suppress(sqlite3.Error, UnicodeEncodeError), contextlib.closing(_reading(space.database)) as db:
        return db.execute(f"SELECT 1 FROM objects WHERE path = ? AND {_OUTPUTS}", (name,)).fetchone() is not None  # noqa: S608
    return False


def _files(space: RunState, which: str) -> Iterator[Path]:
    """The files in a state's table; none if it cannot be read."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_reading(space.database)) as db:
        for (name,) in db.execute(f"SELECT path FROM objects WHERE {which}"):  # noqa: S608
            yield space.out / name


def _reading(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)
