"""The benchmark of a folder fails for anything lost, paid twice without being counted, or too large."""

import hashlib
import importlib.util
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "benchmarks/folder.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    """The benchmark script as a module."""
    spec = importlib.util.spec_from_file_location("bench_of_a_folder", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_lost_document_and_one_paid_twice_are_problems(bench: Any, tmp_path: Path) -> None:
    """One that was started twice is not a problem if its record counts the orphan."""
    run = bench.Run(tmp_path, 4)
    run.write()
    (run.folder / ".backburner").mkdir()
    started = {0: 1, 1: 2, 2: 2, 3: 1}
    with closing(sqlite3.connect(run.folder / ".backburner/stand-in.db")) as kept:
        kept.execute("CREATE TABLE generations (input_sha256 TEXT)")
        for number, times in started.items():
            sha = hashlib.sha256(bench.text_of(number).encode()).hexdigest()
            kept.executemany("INSERT INTO generations VALUES (?)", [(sha,)] * times)
        kept.commit()
    for number, orphans in ((0, 0), (1, 1), (2, 0)):
        result = run.out / f"000/document {number:05}.txt.md"
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text("a result")
        result.with_name(result.name.removesuffix(".md") + ".run.json").write_text(
            json.dumps({"suspected_orphans": orphans})
        )
    assert run.problems() == [
        "2 generations, 0 suspected orphans: 000/document 00002.txt",
        "no result: 000/document 00003.txt",
    ]


def test_memory_and_generations_are_limited(bench: Any) -> None:
    """What was measured passes, and a little more than the limits does not."""
    assert bench.beyond(99.0, bench.MOST_MB, 14, 5) == []
    assert len(bench.beyond(bench.MOST_MB + 1.0, bench.MOST_MB, 5 * bench.AT_ONCE + 1, 5)) == 2
