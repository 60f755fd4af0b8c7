"""A process is killed before each step on the disk: every object is old or new, whole and with its row."""

import asyncio
import random
from pathlib import Path
from signal import SIGKILL

import pytest

from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import FolderQueue
from backburner_cli.standin.extract import summarise
from folder.deaths import ATTEMPTS, LARGE, NEW, OLD, RESULT, run_folder, write
from folder.running import Runs, text_of
from support.depth import depth
from support.folders import folder_ports
from support.forks import fork

OWNERS = {OLD: "old", NEW: "new", LARGE: "large"}
LIVES = 8


async def _state_found(root: Path) -> str:
    """Name the state that another process finds after it has cleaned up after the dead one."""
    ports = folder_ports(root, name="heir")
    presence = Presence(folder=root / "processes", name="heir")
    try:
        buried = await presence.bury(ports.bucket.objects)
        assert list((root / "state/staged").iterdir()) == [], "what was put must be in its place before it is read"
        stored, queue = await ports.bucket.get(RESULT), FolderQueue(room=ports.room, name="pending")
        shown = sorted(message.body for message in await queue.receive(10, 0))
        assert buried == 1
        assert not list((root / "processes").iterdir())
        assert await queue.count() == len(shown), "what the dead process sent or held must show at once"
        listed = [key async for key, _ in ports.bucket.listed("results/")]
        file = ports.out / "a/b.txt.md"
        if stored is None:
            assert listed == []
            assert not file.exists()
            return f"nothing {shown}"
        assert listed == [RESULT]
        assert file.read_bytes() == stored.body
        assert stored.metadata == {"owner": OWNERS[stored.body]}
        return f"{stored.metadata['owner']} {shown}"
    finally:
        ports.database.close()


def test_a_death_before_any_step_leaves_old_or_new(tmp_path: Path) -> None:
    """States follow each other in the order in which they were written, and none is half of one."""
    (tmp_path / "whole/processes").mkdir(parents=True)
    alive = fork(write, str(tmp_path / "whole"), None, str(tmp_path / "steps"))
    alive.join(60)
    steps = int((tmp_path / "steps").read_text())
    assert steps > 30
    states = []
    for fatal in range(8, steps + 1):  # the first steps create the tables
        root = tmp_path / str(fatal)
        (root / "processes").mkdir(parents=True)
        dying = fork(write, str(root), fatal, str(tmp_path / "unused"))
        dying.join(60)
        assert dying.exitcode == -SIGKILL
        states.append(asyncio.run(_state_found(root)))
    order = list(dict.fromkeys(states))
    assert [state.split(" ")[0] for state in order] == sorted(
        (state.split(" ")[0] for state in order), key=["nothing", "old", "new", "large"].index
    ) or order[-1].startswith("nothing")
    assert {"old ['guard', 'work']", "new ['guard', 'work']", "large ['guard']"} <= set(order)


@pytest.mark.parametrize("seed", range(1, depth(1, 2) + 1))
def test_a_run_that_dies_at_random_steps_comes_to_its_end(runs: Runs, seed: int) -> None:
    """Each document is done once, each lost create is counted, and nothing is left over."""
    lot = random.Random(seed)
    names = [f"{number}.txt" for number in range(12)]
    for name in names:
        runs.write(name)
    log = str(runs.folder.with_name("log"))
    codes = []
    for _ in range(LIVES):
        process = fork(run_folder, str(runs.folder), str(runs.out), lot.randint(20, 220), log)
        process.join(100)
        codes.append(process.exitcode)
    assert codes.count(-SIGKILL) >= LIVES // 2
    code, said = runs.run("--stand-in", "--out", str(runs.out), **ATTEMPTS)
    assert code == 0, said + Path(log).read_text()
    for name in names:
        assert (runs.out / f"{name}.md").read_text() == summarise(text_of(name))
        assert 1 <= runs.paid(text_of(name)) <= 1 + runs.record(name)["suspected_orphans"]
    assert len(runs.files()) == 2 * len(names)
    for left in ("staged/*", "bucket/ledger/open/*", "processes/*"):
        assert not list((runs.folder / ".backburner").glob(f"*/{left}")), left
