"""Folders of documents, and the command over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from folder.running import Runs


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow sockets, since the stand-in serves on one."""


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """An empty folder; any run over it that is still alive at the end is killed."""
    made = Runs(tmp_path / "documents", tmp_path / "out")
    yield made
    made.end()
