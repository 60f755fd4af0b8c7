"""The documents of a folder: every file that is neither hidden nor an output."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backburner.ledger.keys import MAX_KEY_BYTES
from backburner_cli.system_errors import remedy_of

QUIET_S: Final = 1.0
"""A file that was written more recently than this may be incomplete."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file; `path` is relative to the folder, `seen` changes whenever the file is written."""

    path: str
    seen: int
    is_quiet: bool
    is_again: bool = False
    """Whether an earlier version of it was given out."""


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """A file that cannot be a document because of its name, or cannot be read; `path` is as the system has it."""

    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Goes through a folder. `prefix` and a file's path make its key."""

    folder: Path
    prefix: str
    is_output: Callable[[Path], bool]

    def __iter__(self) -> Iterator[Document | Oddity]:
        """Every file, folder by folder, in the order of names."""
        folders = [self.folder]
        while folders:
            here = folders.pop()
            try:
                with os.scandir(here) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Oddity(
                    path=self._below(here), why=f"this folder cannot be read ({error.strerror}): {remedy_of(error)}"
                )
                continue
            inner: list[Path] = []
            for entry in found:
                if entry.name.startswith(".") or self.is_output(path := Path(entry.path)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    inner.append(path)
                elif (one := self._one(path, is_link=entry.is_symlink())) is not None:
                    yield one
            folders += reversed(inner)

    def _one(self, path: Path, *, is_link: bool) -> Document | Oddity | None:
        name = self._below(path)
        try:
            found = path.stat()
        except OSError as error:
            why = f"it cannot be read ({error.strerror}): {remedy_of(error)}"
            return Oddity(path=name, why="a broken link: correct or remove it" if is_link else why)
        if is_link and not path.resolve().is_relative_to(self.folder):
            return self._elsewhere(name, found)
        if not stat.S_ISREG(found.st_mode):
            return None  # a folder that a link in here leads to is found under its own name
        try:
            key = (self.prefix + name).encode()
        except UnicodeEncodeError:
            return Oddity(path=name, why="its name is not UTF-8, so no record can name it: rename it")
        if len(key) > MAX_KEY_BYTES:
            return Oddity(path=name, why=f"its path has more than {MAX_KEY_BYTES - len(self.prefix)} bytes: shorten it")
        seen = hash((found.st_size, found.st_ino, found.st_mtime_ns))
        is_quiet = time.time() - found.st_ctime >= QUIET_S
        return Document(path=name, seen=seen, is_quiet=is_quiet)

    def _elsewhere(self, name: str, found: os.stat_result) -> Oddity | None:
        """Links to other places are not followed: nothing outside the folder is sent to a provider."""
        if stat.S_ISDIR(found.st_mode):
            return Oddity(path=name, why="a link to a folder elsewhere is not followed: run that folder too")
        if stat.S_ISREG(found.st_mode):
            return Oddity(path=name, why="a link to a file elsewhere is not followed: put a copy of the file here")
        return None

    def _below(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
