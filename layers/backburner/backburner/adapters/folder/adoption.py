"""Recognises outputs that the table does not have, because the state was removed or they belong to another recipe.

The records beside them say what they are, and by its ETag which file a result is. A file that no record explains is
somebody else's, and never overwritten.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from backburner.adapters.folder import files
from backburner.adapters.folder.files import Version
from backburner.adapters.folder.layout import split_output, unmarked
from backburner.ledger.keys import ERROR_RECORD, FAILED_LINES, FOLDER, INBOX, RUN_RECORD, output_location

_MAX_RECORD_BYTES: Final = 16 * 1024 * 1024


class _Source(msgspec.Struct):
    bucket: str
    key: str


class OutputRecord(msgspec.Struct):
    """The fields of a run or error record that say which files belong to it."""

    job_id: str
    run: int
    source: _Source
    result_key: str | None = None
    result_etag: str | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of the record itself, which is the first, and of the outputs beside it."""
        place = output_location(self.source.key)
        if self.result_key is None:
            return [place.error_record_key, place.errors_key]
        return [place.run_record_key, self.result_key, place.errors_key]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file that belongs to an object; `owner` is the run that wrote it, if it is a result."""

    version: Version
    etag: str
    owner: str | None


def record_in(path: Path) -> OutputRecord | None:
    """Read a file as a record of a folder's document; None if it is not one."""
    if not path.name.endswith((RUN_RECORD, ERROR_RECORD)):
        return None
    try:
        read = files.read(path, _MAX_RECORD_BYTES)
        record = msgspec.json.decode(read[1] or b"", type=OutputRecord) if read else None
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    return record if record and record.source.bucket == FOLDER and record.source.key.startswith(INBOX) else None


def is_ours(path: Path) -> bool:
    """Whether a file is an output of any recipe: a record, or the file that a record beside it names.

    A result that was edited since is not: nobody can tell it from a file of the user's own.
    """
    return _record_of(path) is not None


def found_at(path: Path, key: str) -> Found | None:
    """The file at a path, if it belongs to the object with this key."""
    record = _record_of(path)
    if record is None or key not in record.keys or (current := files.hashed(path)) is None:
        return None
    owner = f"{record.job_id}.{record.run}" if key == record.result_key else None
    return Found(version=current[0], etag=current[1], owner=owner)


def _record_of(path: Path) -> OutputRecord | None:
    """The record that explains a file."""
    if files.version_at(path) is None:
        return None
    stem, suffix = split_output(path.name)
    if suffix in (RUN_RECORD, ERROR_RECORD):
        return record_in(path)
    if not suffix:
        return None
    kinds = (RUN_RECORD, ERROR_RECORD) if suffix == FAILED_LINES else (RUN_RECORD,)
    # A marked result's record has a plain name if only the result's was taken.
    beside = [path.with_name(name + kind) for name in dict.fromkeys((stem, unmarked(stem))) for kind in kinds]
    found = (record for record in map(record_in, beside) if record is not None)
    return next((record for record in found if suffix == FAILED_LINES or _is_result(path, suffix, record)), None)


def _is_result(path: Path, suffix: str, record: OutputRecord) -> bool:
    if record.result_key is None or not record.result_key.endswith(suffix):
        return False
    current = files.hashed(path)
    return current is not None and current[1] == record.result_etag
