"""Files for texts that together are too large for memory.

A process may be killed at any time, and a function's `/tmp` may outlive it. So these files have no name there, and the
system removes them with the process. Only where a process cannot open its own files by their paths, a joined text has
a name; there a process that is killed leaves it behind.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_OWN_FILES = Path("/proc/self/fd")
"""The paths of this process's open files, where the system has them."""


class Spool:
    """Texts by number, read one at a time, in a file that is removed when the block that opened it ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._positions: dict[int, tuple[int, int]] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, number: int) -> bool:
        return number in self._positions

    def put(self, number: int, text: bytes) -> None:
        """Keep a text under a number; an earlier one is replaced."""
        self._file.seek(self._end)
        self._file.write(text)
        self._positions[number] = (self._end, len(text))
        self._end += len(text)

    def take(self, number: int) -> bytes:
        """Read the text with a number; it stays in the spool."""
        begin, size = self._positions[number]
        self._file.seek(begin)
        return self._file.read(size)

    def in_order(self) -> Iterator[bytes]:
        """All texts, by ascending number."""
        return map(self.take, sorted(self._positions))


@contextmanager
def open_spool() -> Iterator[Spool]:
    """An empty spool."""
    with tempfile.TemporaryFile(prefix="backburner-") as file:
        yield Spool(file)


@contextmanager
def temporary_file() -> Iterator[Path]:
    """An empty file for as long as the block runs; only this process can use its path."""
    with tempfile.TemporaryFile(prefix="backburner-") as file:
        path = _OWN_FILES / str(file.fileno())
        if _can_be_opened(path):
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="backburner-") as folder:
        path = Path(folder) / "text"
        path.touch()
        yield path


def _can_be_opened(path: Path) -> bool:
    """Whether the system lets this process open its own file by that path; some only list it."""
    try:
        with path.open("r+b"):
            return True
    except OSError:
        return False


@contextmanager
def as_file(pieces: Iterable[bytes]) -> Iterator[Path]:
    """A file with all the pieces, for as long as the block runs."""
    with temporary_file() as path:
        with path.open("wb") as file:
            file.writelines(pieces)
        yield path
