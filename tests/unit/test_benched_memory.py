"""The benchmarks tell a process's own memory, not what the process that started it had held."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import documents_check  # noqa: E402
import seat  # noqa: E402

HELD_MB = 300


@pytest.fixture(autouse=True)
def _held() -> Iterator[None]:
    """This process holds more than its children will."""
    held = bytearray(HELD_MB << 20)
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    yield
    del held


def test_a_command_of_the_operator_is_measured_alone() -> None:
    """As `seat.py` runs it."""
    _, told = seat.run_once(["jobs", "--help"], dict(os.environ))
    found = re.search(r"(\d+) MB", told)
    assert found is not None
    assert 10 < int(found[1]) < HELD_MB


def test_a_reader_of_documents_is_measured_alone() -> None:
    """As `documents_check.py` starts it."""
    read = documents_check._read(ROOT / "tests/extraction/cases/document2.docx", [])
    assert 10 < read.memory_mb < HELD_MB
