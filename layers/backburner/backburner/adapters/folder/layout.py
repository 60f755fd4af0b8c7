"""Which file holds an object: results and records mirror the tree of documents, everything else is in the state folder.

`results/<recipe>/a/b.txt.md` is `OUT/a/b.txt.md`, `failed/<recipe>/a/b.txt.error.json` is `OUT/a/b.txt.error.json`.
A key that cannot be a path, or whose path is taken by another file, gets a spare path, marked with a hash.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from backburner.ledger.keys import ERROR_RECORD, FAILED, FAILED_LINES, RESULTS, RUN_RECORD

STATE_FOLDER: Final = ".backburner"
_OUTPUTS: Final = (".md", ".txt", ".json", ".jsonl")
_FAILURE_SUFFIXES: Final = (ERROR_RECORD, FAILED_LINES)
_MAX_NAME_BYTES: Final = 255
_MARK_DIGITS: Final = 24
_ROOM_FOR_SUFFIX: Final = 16
"""Reserved for every suffix alike, so that a document's result and records have the same stem."""
_MARKED: Final = re.compile(rf"~[0-9a-f]{{{_MARK_DIGITS}}}\.")
_MARK_AT_END: Final = re.compile(rf"~[0-9a-f]{{{_MARK_DIGITS}}}\Z")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders: `state` for ledger and recipes, `out` for the results and records of one recipe."""

    state: Path
    out: Path
    recipe: str

    @property
    def staging(self) -> Path:
        """The folder for staged files of objects that stay in the state."""
        return self.state / "staged"

    def is_output(self, key: str) -> bool:
        """Whether an object belongs into `out`."""
        return key.startswith((f"{RESULTS}{self.recipe}/", f"{FAILED}{self.recipe}/"))

    def root_of(self, key: str) -> Path:
        """The folder below which an object is."""
        return self.out if self.is_output(key) else self.state / "bucket"

    def candidates(self, key: str, edited: str = "") -> Iterator[str]:
        """Paths below that folder; the object gets the first one that is free.

        `edited` is the ETag of its file that somebody edited, and that stays: the spare paths differ by it.
        """
        relative = key.split("/", 2)[2] if self.is_output(key) else key
        folder, _, name = relative.rpartition("/")
        parts = folder.split("/") if folder else []
        spare = _marked(key, name, edited)
        if all(map(_is_name, parts)):
            if _is_name(name) and not _MARKED.search(name) and not _is_taken_for_a_failure(key):
                yield relative
            yield "/".join([*parts, spare])
        yield spare


def split_output(name: str) -> tuple[str, str]:
    """Split an output's name into the document's name and its suffix: `b.txt.run.json` is `b.txt` and `.run.json`."""
    for suffix in (RUN_RECORD, ERROR_RECORD, FAILED_LINES, *_OUTPUTS):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix), suffix
    return name, ""


def unmarked(stem: str) -> str:
    """An output's stem without its mark, if it has one."""
    return _MARK_AT_END.sub("", stem)


def _is_taken_for_a_failure(key: str) -> bool:
    """Whether a result has the suffix of an error record or of failed lines, which are in the same folder."""
    return key.startswith(RESULTS) and key.endswith(_FAILURE_SUFFIXES)


def _is_name(name: str) -> bool:
    is_plain = name not in ("", ".", "..") and "\x00" not in name and not name.startswith(STATE_FOLDER)
    return is_plain and len(name.encode()) <= _MAX_NAME_BYTES


def _marked(key: str, name: str, edited: str) -> str:
    """A name unique to the document, as it contains a hash; all outputs of a document have the same one."""
    stem, suffix = split_output(name)
    suffix = suffix or PurePosixPath(name).suffix[:4] or "."
    is_shared = key.startswith((RESULTS, FAILED)) and not _is_taken_for_a_failure(key)
    named = key.partition("/")[2].removesuffix(suffix) if is_shared else key
    mark = "~" + hashlib.sha256(f"{named}{edited}".encode()).hexdigest()[:_MARK_DIGITS]
    room = _MAX_NAME_BYTES - len(mark) - _ROOM_FOR_SUFFIX
    plain = stem.replace("\x00", "_").replace("/", "_").lstrip(".") or "object"
    return plain.encode()[:room].decode(errors="ignore") + mark + suffix
