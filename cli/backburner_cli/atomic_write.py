"""Writes a file in one step: a reader sees the old content or the new, and a crash never leaves half of it."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path


def write_atomically(path: Path, body: bytes, *, is_private: bool = False) -> None:
    """Write a file whose folder exists. It keeps the permissions of the file that it replaces.

    With `is_private`, only this user can read it in any case. Raises `OSError`, and then leaves no temporary file.
    """
    temporary = path.with_name(f".backburner-{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if is_private else 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        if not is_private and path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
