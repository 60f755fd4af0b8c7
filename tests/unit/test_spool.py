"""Files for what is too large for memory: a process that is killed leaves none of them behind.

A function's `/tmp` may outlive a process that is killed at its time limit; the next one has what is left of it.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backburner.memory import spool
from backburner.memory.spool import as_file, open_spool, temporary_file

DIES = "import os, signal\ndef dies(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
JOINED = "from backburner.memory.spool import as_file\nwith as_file([b'text']): dies()"
SPOOLED = "from backburner.memory.spool import open_spool\nwith open_spool() as spool: spool.put(1, b'text'); dies()"
BATCH = """
import asyncio
from types import SimpleNamespace
from backburner.batch.finish_batch import BatchFinisher
from backburner.ledger.records import Part
from backburner.memory.budget import MemoryBudget
batch = BatchFinisher(
    bucket=SimpleNamespace(get=dies), ledger=None, finisher=None, segment_reader=None, memory=MemoryBudget()
)
asyncio.run(batch.finish(SimpleNamespace(), [SimpleNamespace(key="ledger/work/j.1/x/0-0001")]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file needs a name")
@pytest.mark.parametrize("work", [JOINED, SPOOLED, BATCH], ids=["joined", "spooled", "batch"])
def test_a_process_that_is_killed_leaves_no_file(work: str, tmp_path: Path) -> None:
    """Nor a folder."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", DIES + work], env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("own_files", ["open", "absent", "closed"])
def test_a_file_has_what_was_written_however_often_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, own_files: str
) -> None:
    """By a path, as a body is sent and sent again; nothing is left afterwards, even where a file needs a name.

    A system may list a process's files without letting them be opened by those paths.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if own_files != "open":
        listed = tmp_path_factory.mktemp("fd")
        for number in range(1000 if own_files == "closed" else 0):
            (listed / str(number)).mkdir()
        monkeypatch.setattr(spool, "_OWN_FILES", listed)
    with as_file([b"one ", b"two"]) as path, temporary_file() as other:
        other.write_bytes(b"another")
        assert [path.read_bytes() for _ in range(2)] == [b"one two"] * 2
        assert (path.stat().st_size, other.read_bytes()) == (7, b"another")
    assert list(tmp_path.iterdir()) == []


def test_a_spool_gives_texts_by_number() -> None:
    """A later text replaces an earlier one."""
    with open_spool() as texts:
        for number, text in ((2, b"two"), (1, b"none"), (1, b"one")):
            texts.put(number, text)
        assert list(texts.in_order()) == [b"one", b"two"]
        assert (len(texts), 2 in texts, 3 in texts) == (2, True, False)
