"""`make documents-check` finds what differs from every other reader, whether or not we noted it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.depth import is_deep

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from reading.comparing import compare  # noqa: E402

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("ours", "theirs", "found", "in_order"),
    [
        ("One two three.", "one, two — three", 1.0, 1.0),
        ("one two", "one two three four", 0.5, 1.0),
        ("one one", "one one one one", 0.5, 1.0),
        ("one two three four", "two one three four", 1.0, 0.75),
        ("anything", "", 1.0, 1.0),
        ("ﬁnal", "final", 1.0, 1.0),
    ],
)
def test_words_and_their_order_are_compared(ours: str, theirs: str, found: float, in_order: float) -> None:
    """Punctuation, capitals and ligatures make no difference."""
    agreement = compare(ours, theirs)
    assert (agreement.found, agreement.in_order) == (found, in_order)
    assert agreement.holds is (found == in_order == 1.0)


def test_a_folder_is_read_and_reported_by_kind(tmp_path: Path) -> None:
    """Every file has a verdict, a refusal names its reason, and only the requested files are written.

    The quick run uses only the readers written in Python: LibreOffice takes seconds for a file.
    """
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("document2.docx", "fromline.eml", "drm.epub"):
        (folder / name).write_bytes((CASES / name).read_bytes())
    readings = tmp_path / "readings.json"
    command = [sys.executable, ROOT / "benchmarks/documents_check.py", folder, "--json", readings]
    programs = os.environ["PATH"] if is_deep() else str(tmp_path)
    given = {**os.environ, "PATH": programs}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=given)
    assert done.returncode in (0, 1), done.stderr
    verdicts = {Path(one["path"]).name: one for one in json.loads(readings.read_bytes())}
    assert set(verdicts) == {"document2.docx", "fromline.eml", "drm.epub"}
    assert verdicts["document2.docx"]["agreements"]["XML walk"]["found"] == 1.0
    assert verdicts["drm.epub"]["refused"].startswith("unreadable_document")
    assert ".docx" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == sorted(verdicts)


def test_an_empty_folder_is_reported(tmp_path: Path) -> None:
    """An empty table would tell nothing."""
    command = [sys.executable, ROOT / "benchmarks/documents_check.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has no files" in done.stderr
