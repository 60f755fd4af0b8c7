"""Finds the local files that a command names, and their keys, which keep the folder tree."""

from __future__ import annotations

import glob
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.ledger.keys import INBOX, MAX_KEY_BYTES
from backburner_cli.errors import CommandError
from backburner_cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GLOB = "*?["


class PutError(CommandError):
    """The documents could not be uploaded, or some of them failed."""


def documents_in(named: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The files that names, folders and patterns stand for, and the folders among them. Raises `PutError`.

    A folder stands for all files in it and below, except hidden ones. Patterns are as in the shell, with `**` for any
    depth; they work quoted, and in shells that do not know them.
    """
    files: list[Path] = []
    folders: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            folders.append(path)
            files += _below(path)
        elif path.exists():
            files.append(path)
        elif any(sign in name for sign in _GLOB):
            matched = sorted(Path(each) for each in glob.glob(name, recursive=True))  # noqa: PTH207 - absolute patterns too
            if not matched:
                raise PutError(f"{printable(name)}: nothing matches: check the pattern, and put it in quotes")
            files += [each for each in matched if each.is_file()]
        else:
            raise PutError(f"{printable(name)}: there is no such file or folder: check the name")
    found = list(dict.fromkeys(files))
    if not found:
        raise PutError("there are no documents there: folders are searched for files that are not hidden")
    return found, folders


def _below(folder: Path) -> Iterator[Path]:
    for parent, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))


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
        if why := _unfit(key):
            if unfit is None:
                raise PutError(f"{printable(str(path))}: {why}")
            unfit[printable(str(path))] = why
            continue
        if found.setdefault(key, path) != path:
            raise PutError(f"{path} and {found[key]} would both become {key}: upload them one after the other")
    return found


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name


def _unfit(key: str) -> str:
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
