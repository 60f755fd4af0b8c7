"""What `results` has written into a folder, so that a file that was edited since is not replaced unasked.

A hidden file in that folder has a line for each version of each file: its MD5 and its name, as JSON. A line is written
before its file, so a command that dies in between takes no file of its own for an edited one. Each begins with a line
break, so a line that was cut off by a death spoils no other.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NOTES: Final = ".backburner-fetched.jsonl"


@dataclass(frozen=True)
class Fetched:
    """The notes of a folder."""

    folder: Path
    _versions: dict[str, set[str]] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path) -> Fetched:
        """The notes so far; damaged lines are skipped."""
        found = Fetched(folder)
        try:
            lines = (folder / NOTES).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return found
        for line in lines:
            try:
                md5, name = json.loads(line)
            except (ValueError, TypeError):
                continue
            found._versions.setdefault(str(name), set()).add(str(md5))
        return found

    def is_foreign(self, path: Path, md5: str | None) -> bool:
        """Whether a file is there that no earlier command has written like this; `md5` is None if there is no file."""
        return md5 is not None and md5 not in self._versions.get(self._name(path), ())

    def note(self, path: Path, md5: str) -> None:
        """Note what is about to be written, or is there already."""
        versions = self._versions.setdefault(self._name(path), set())
        if md5 in versions:
            return
        versions.add(md5)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / NOTES).open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps([md5, self._name(path)])}")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def md5_of(path: Path) -> str | None:
    """The MD5 of a file; None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return None
