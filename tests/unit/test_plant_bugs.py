"""The bugs of `make plant-bugs` can still be planted: the code that they change is where they expect it."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("plant_bugs", ROOT / "scripts/plant_bugs.py")
plant_bugs = importlib.util.module_from_spec(SPEC)
sys.modules["plant_bugs"] = plant_bugs
SPEC.loader.exec_module(plant_bugs)


@pytest.mark.parametrize("bug", plant_bugs.BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug, tmp_path):
    """Its text occurs exactly once in its file, and its replacement is valid Python."""
    path = tmp_path / "backburner" / bug.file
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / plant_bugs.LAYER / "backburner" / bug.file, path)
    assert plant_bugs.plant(bug, tmp_path) == ""
    compile(path.read_text(encoding="utf-8"), bug.file, "exec")
