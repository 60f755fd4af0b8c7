"""Files that commands write are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from backburner_cli.atomic_write import write_atomically


def test_a_file_keeps_the_permissions_that_its_owner_gave_it(tmp_path: Path) -> None:
    """A new file gets the usual ones; a private one is always only for this user."""
    shared, new, private = (tmp_path / name for name in ("shared", "new", "private"))
    for path in (shared, private):
        path.write_text("old")
        path.chmod(0o640)
    before = os.umask(0o022)
    try:
        write_atomically(shared, b"text")
        write_atomically(new, b"text")
        write_atomically(private, b"text", is_private=True)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (shared, new, private)] == [0o640, 0o644, 0o600]
    assert {path.read_text() for path in (shared, new, private)} == {"text"}


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    """A write over a folder, for example, leaves no file."""
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match=os.strerror(errno.EISDIR)):
        write_atomically(tmp_path / "there", b"text")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
