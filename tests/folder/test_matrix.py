"""The crash matrix over a folder: `backburner run` dies before and after each of its effects, and is run again.

The effects are those of the ports (to put or delete an object; to send, receive, postpone or delete a message) and
those of the provider.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from support.depth import is_deep, thinned
from support.effects import Point, points_of
from support.fakes import Moment, Plan
from support.folder_world import FolderWorld

MOMENTS: tuple[Moment, ...] = get_args(Moment)
TEXT = "The harbour of Veldt keeps a book. The council reads it on 2031-05-17."
Death = tuple[Point, Moment]


def _one(folder: FolderWorld) -> None:
    folder.write("contract.txt", TEXT)


def _again(folder: FolderWorld) -> None:
    folder.write("contract.txt", TEXT)
    folder.generator.plan(Plan(text="", runs_s=3.0))


def _failing(folder: FolderWorld) -> None:
    folder.write("contract.txt", TEXT)
    folder.generator.plan(Plan(text="", runs_s=3.0), times=3)


def _batch(folder: FolderWorld) -> None:
    lines = [{"custom_id": f"id-{number}", "input": f"line {number}"} for number in range(3)]
    folder.write("batch.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


SCENARIOS: dict[str, tuple[Callable[[FolderWorld], None], int, int]] = {
    "one document": (_one, 1, 4),
    "one that is tried again": (_again, 1, 16),
    "one that fails": (_failing, 1, 24),
    "a batch": (_batch, 3, 16),
}
"""What is in the folder, how many creates are under way at once, and one in how many deaths the quick run takes."""
NO_LEASE_S = 60
"""Too short for a lease to run out: a free lock shows which process has died."""


def _outputs(folder: FolderWorld) -> dict[str, Any]:
    """What a user finds in the end, without what differs between lives."""
    found: dict[str, Any] = {}
    for path in sorted(folder.out.rglob("*")):
        is_record = path.name.endswith((".run.json", ".error.json"))
        text = path.read_text(encoding="utf-8")
        found[path.name] = json.loads(text)["state"] if is_record else len(text.splitlines())
    return found


def _orphans(folder: FolderWorld) -> int:
    records = [*folder.out.rglob("*.run.json"), *folder.out.rglob("*.error.json")]
    return sum(json.loads(record.read_text(encoding="utf-8"))["suspected_orphans"] for record in records)


def _left_over(folder: FolderWorld) -> list[str]:
    """State files that should be gone: only governor, journal, response notes and superseded records are kept."""
    kept = ("ledger/governor.json", "ledger/journal/", "ledger/responses/", "ledger/superseded/")
    names = [path.relative_to(folder.state).as_posix() for path in folder.state.rglob("*") if path.is_file()]
    mine = [name for name in names if not name.startswith("state.db")]
    return [name for name in mine if not name.removeprefix("bucket/").startswith(kept)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_that_dies_at_any_effect_is_finished_by_the_next(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are the same as without a death; each create under way costs at most one more generation, counted."""
    prepare, at_once, one_in = SCENARIOS[name]
    whole = FolderWorld(tmp_path / "whole", monkeypatch)
    prepare(whole)
    life = whole.live()
    assert (life.is_complete, _left_over(whole)) == (True, [])
    expected, needed = _outputs(whole), len(whole.generator.made)
    deaths: list[Death] = [(point, moment) for point in points_of(life.seen) for moment in MOMENTS]
    assert len(deaths) > 20, life.seen
    if not is_deep():
        deaths = [death for death in deaths if "after" in death]  # before an effect is after the previous one
    for number, (point, moment) in enumerate(thinned(deaths, one_in, kind=lambda death: death[0][0])):
        folder = FolderWorld(tmp_path / str(number), monkeypatch)
        prepare(folder)
        assert folder.live(point, moment).is_dead, (point, moment)
        died_s = folder.world.seconds
        assert folder.live().is_complete, (point, moment)
        assert folder.world.seconds - died_s < NO_LEASE_S, (point, moment)
        assert _outputs(folder) == expected, (point, moment)
        assert _left_over(folder) == [], (point, moment)
        extra = len(folder.generator.made) - needed
        assert max(extra, len(folder.generator.open)) <= min(at_once, _orphans(folder)), (point, moment)
