"""Outputs that the table does not know: the state was removed, or they were made under another recipe.

Their own records tell whose they are. A file that no record explains is somebody else's, and is never written over.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from backburner.adapters.folder import files
from backburner.adapters.folder.files import Version
from backburner.adapters.folder.layout import split_output
from backburner.ledger.keys import ERROR_RECORD, FAILED_LINES, FOLDER, INBOX, RUN_RECORD, output_location

_MAX_RECORD_BYTES: Final = 16 * 1024 * 1024


class _Source(msgspec.Struct):
    bucket: str
    key: str


class Told(msgspec.Struct):
    """What a run or error record says of its place."""

    job_id: str
    run: int
    source: _Source
    result_key: str | None = None

    @property
    def keys(self) -> list[str]:
        """The objects that it speaks of: itself first."""
        place = output_location(self.source.key)
        if self.result_key is None:
            return [place.error_record_key, place.errors_key]
        return [place.run_record_key, self.result_key, place.errors_key]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file that is an object; `owner` is the run that wrote a result."""

    version: Version
    etag: str
    owner: str | None


def told_by(path: Path) -> Told | None:
    """What a record of a folder's document says, None where it is none."""
    if not path.name.endswith((RUN_RECORD, ERROR_RECORD)):
        return None
    try:
        read = files.read(path, _MAX_RECORD_BYTES)
        told = msgspec.json.decode(read[1] or b"", type=Told) if read else None
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    return told if told and told.source.bucket == FOLDER and told.source.key.startswith(INBOX) else None


def is_ours(path: Path) -> bool:
    """Whether a file is an output of any recipe: a record, or what a record beside it speaks of."""
    return _record_of(path) is not None


def found_at(path: Path, key: str) -> Found | None:
    """The file there, if it is this very object."""
    told = _record_of(path)
    if told is None or key not in told.keys or (anew := files.hashed(path)) is None:
        return None
    owner = f"{told.job_id}.{told.run}" if key == told.result_key else None
    return Found(version=anew[0], etag=anew[1], owner=owner)


def _record_of(path: Path) -> Told | None:
    """The record that explains a file."""
    if files.version_at(path) is None:
        return None
    stem, suffix = split_output(path.name)
    if suffix in (RUN_RECORD, ERROR_RECORD):
        return told_by(path)
    beside = [
        path.with_name(stem + kind) for kind in (RUN_RECORD, *((ERROR_RECORD,) if suffix == FAILED_LINES else ()))
    ]
    return next((told for told in map(told_by, beside) if told is not None), None) if suffix else None
