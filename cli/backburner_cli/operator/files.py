"""Finds the local files that a command names, and their keys, which keep the folder tree."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.adapters.folder.layout import STATE_FOLDER
from backburner.ledger.keys import INBOX, MAX_KEY_BYTES
from backburner_cli.errors import CommandError
from backburner_cli.operator.folder_states import known
from backburner_cli.operator.run_outputs import outputs_of_all
from backburner_cli.terminal import count_of, err, printable, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_NAMED = 20
"""How many files `put` and `plan` name one by one; of more, `put` shows only counts."""
_GLOB = "*?["
_OUTPUT, _LINK = "output", "link"


class PutError(CommandError):
    """The documents could not be uploaded, or some of them failed."""


def documents_in(named: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The files that names, folders and patterns stand for, and the folders among them. Raises `PutError`.

    A folder stands for all files in it and below, except hidden ones. Patterns are as in the shell, with `**` for any
    depth; they work quoted, and in shells that do not know them. Both leave out what `backburner run` has written and
    links to files elsewhere, and say so on standard error; a file that is named itself is always taken.
    """
    files: list[Path] = []
    folders: list[Path] = []
    left_out = Counter[str]()
    for name in named:
        path = Path(name)
        if path.is_dir():
            folders.append(path)
            below, run_in = _below(path)
            files += _own(path, below, run_in, left_out)
        elif path.exists():
            files.append(path)
        elif any(sign in name for sign in _GLOB):
            matched = sorted(Path(each) for each in glob.glob(name, recursive=True))  # noqa: PTH207 - absolute patterns too
            if not matched:
                raise PutError(f"{printable(name)}: nothing matches: check the pattern, and put it in quotes")
            root = Path(*takewhile(lambda part: not any(sign in part for sign in _GLOB), Path(name).parts))
            files += _own(root, (each for each in matched if each.is_file()), (), left_out)
        else:
            raise PutError(f"{printable(name)}: there is no such file or folder: check the name")
    _say_left_out(left_out)
    found = list(dict.fromkeys(files))
    if not found:
        raise PutError("there are no documents there: hidden files and outputs of backburner run do not count")
    return found, folders


def _below(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a folder, and the folders in it in which `backburner run` has worked."""
    files: list[Path] = []
    run_in: list[Path] = []
    for parent, inner, names in os.walk(folder):
        if STATE_FOLDER in inner:
            run_in.append(Path(parent))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        files += (Path(parent) / name for name in sorted(names) if not name.startswith("."))
    return files, run_in


def _own(root: Path, files: Iterable[Path], run_in: Iterable[Path], left_out: Counter[str]) -> Iterator[Path]:
    """The user's own files among those found below `root`; the others are counted."""
    here = root.resolve()
    spaces = (space for folder in {*map(Path.resolve, run_in), here, *here.parents} for space in known(folder))
    is_output = outputs_of_all(spaces)
    is_inside = cache(lambda folder: folder.resolve().is_relative_to(here))
    for path in files:
        is_elsewhere = path.is_symlink() and path.is_file() and not path.resolve().is_relative_to(here)
        if is_elsewhere or not is_inside(path.parent):  # a pattern may lead through a link to a folder
            left_out[_LINK] += 1
        elif is_output(here / path.relative_to(root)):
            left_out[_OUTPUT] += 1
        else:
            yield path


def _say_left_out(left_out: Counter[str]) -> None:
    of_what = {_OUTPUT: "of backburner run, results and records", _LINK: "to files outside the folder"}
    for kind, count in sorted(left_out.items()):
        say(f"left out: {count_of(count, kind)} {of_what[kind]}; a file that is named explicitly is accepted", err)


def keys_of(
    files: Sequence[Path], recipe: str, here: Path, folders: Sequence[Path] = (), unfit: dict[str, str] | None = None
) -> dict[str, Path]:
    """The files by key. Raises `PutError` if two files would share a key.

    A file whose name cannot be a key gets into `unfit`, with the reason; without that, it raises `PutError` too.

    A file keeps its path relative to the current folder; a file from elsewhere, relative to the folder that all such
    files and named folders have in common.
    """
    absolute = [_absolute(path) for path in files]
    elsewhere = {path for path in absolute if not path.is_relative_to(here)}
    roots = [root for root in map(_absolute, folders) if not root.is_relative_to(here)]
    parents = [path.parent for path in elsewhere]
    common = Path(os.path.commonpath([*parents, *roots])) if elsewhere else here
    found: dict[str, Path] = {}
    for path in absolute:
        name = path.relative_to(common if path in elsewhere else here).as_posix()
        # Directly in inbox/, a folder would be taken for a recipe's name.
        folder = recipe or ("default" if "/" in name else "")
        key = f"{INBOX}{folder}/{name}" if folder else f"{INBOX}{name}"
        if why := unfit_key(key):
            if unfit is None:
                raise PutError(f"{printable(str(path))}: {why}")
            unfit[printable(str(path))] = why
            continue
        if found.setdefault(key, path) != path:
            raise PutError(f"{path} and {found[key]} would both become {key}: upload them one after the other")
    return found


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name


def unfit_key(key: str) -> str:
    """Why a file's name cannot be a key, and the remedy; empty if it can."""
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8, so it cannot be a key: rename it"
    if size_bytes > MAX_KEY_BYTES:
        return f"its key would have {size_bytes} bytes, {MAX_KEY_BYTES} are possible: shorten it"
    return ""


def sample(documents: Mapping[str, Path], count: int | None) -> dict[str, Path]:
    """`count` of the documents, always the same ones for the same keys; all of them if `count` is None."""
    if count is None:
        return dict(documents)
    chosen = sorted(documents, key=lambda key: hashlib.sha256(key.encode()).digest())[:count]
    return {key: documents[key] for key in sorted(chosen)}
