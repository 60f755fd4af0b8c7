"""A file that a command writes for a person: it replaces its own earlier ones, and others only if that is agreed to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from backburner_cli.atomic_write import write_atomically
from backburner_cli.errors import CommandError
from backburner_cli.terminal import confirm

if TYPE_CHECKING:
    from pathlib import Path

CSV_COLUMNS: Final = (
    "key", "state", "reason", "waiting_for", "recipe", "model", "job_id", "run", "input_tokens", "output_tokens",
    "cost", "uploaded_at", "finished_at", "result_key",
)  # fmt: skip
"""The first line of a report's CSV."""
GENERATOR: Final = '<meta name="generator" content="Backburner">'
"""A line of every page."""
_HEAD_BYTES: Final = 4096
_REPORT_KEYS: Final = {"described", "made_at", "states", "balances"}


def require_replaceable(path: Path, *, is_agreed: bool) -> None:
    """Ask before replacing a file that is not ours. Raises `CommandError` if it must stay, or its folder is missing."""
    path = path.resolve()
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name a file in it with --to")
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}: make it, or name another file with --to")
    if not os.access(path.parent, os.W_OK):
        raise CommandError(f"{path.parent} cannot be written: name another file with --to, or check its permissions")
    if path.exists() and not _is_own(path):
        confirm(f"{path} was not written by Backburner. Replace it?", is_agreed=is_agreed, has_dry_run=False)


def write(path: Path, text: str) -> None:
    """Write a file in one step. Raises `CommandError`."""
    path = path.resolve()  # a link stays a link
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}): name another file") from error


def _is_own(path: Path) -> bool:
    """Whether a page, CSV or JSON is one that an earlier command wrote; an empty file is nobody's."""
    try:
        if path.suffix.lower() == ".json":
            body = path.read_bytes()
            found = json.loads(body) if body else None
            return not body or (isinstance(found, dict) and found.keys() >= _REPORT_KEYS)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return False
    return not head or GENERATOR in head or head.splitlines()[0] == ",".join(CSV_COLUMNS)
