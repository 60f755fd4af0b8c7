"""A spool: texts that together are too much for memory, kept in a file and taken out one at a time."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Spool:
    """Texts by their numbers, in a file that is removed with the block that opened it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._positions: dict[int, tuple[int, int]] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, number: int) -> bool:
        return number in self._positions

    def put(self, number: int, text: bytes) -> None:
        """Keep a text; one that stands under the number already is replaced."""
        self._file.seek(self._end)
        self._file.write(text)
        self._positions[number] = (self._end, len(text))
        self._end += len(text)

    def take(self, number: int) -> bytes:
        """A text that is kept."""
        begin, size = self._positions[number]
        self._file.seek(begin)
        return self._file.read(size)

    def in_order(self) -> Iterator[bytes]:
        """All texts by their numbers."""
        return map(self.take, sorted(self._positions))


@contextmanager
def open_spool() -> Iterator[Spool]:
    """An empty spool."""
    with tempfile.TemporaryFile(prefix="backburner-") as file:
        yield Spool(file)


@contextmanager
def as_file(pieces: Iterable[bytes]) -> Iterator[Path]:
    """A file of all pieces, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="backburner-") as folder:
        path = Path(folder) / "text"
        with path.open("wb") as file:
            file.writelines(pieces)
        yield path
