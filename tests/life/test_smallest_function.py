"""Memory stays bounded in bytes, measured in a process with no more memory than the smallest function has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (("documents", "20", "3"), {"done": 3, "problems": []}),
        (("batch", "300", "700"), {"lines": {"total": 300, "completed": 300, "failed": 0}, "creates": 300}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_heavy_work_fits_the_smallest_function(work, expected, tmp_path):
    """All of it runs at once under a limit that the system enforces; everything ends and nothing is started twice."""
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "support.heavy", *work],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "FOLDER": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout).items() >= expected.items()
