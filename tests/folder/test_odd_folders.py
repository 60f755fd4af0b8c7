"""Folders as people have them: links, another disk for the results, a disk that is full."""

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from folder.running import Running, Runs, call, text_of
from support import commands, forks
from support.commands import Started

OTHER_DISK = Path("/dev/shm")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as folder:
        yield Path(folder)


def test_results_may_go_to_another_file_system(runs: Runs, elsewhere: Path) -> None:
    """Nothing can be moved there in one step from where the state is; it is done all the same, and only once."""
    runs.write("a.txt")
    runs.write("large.txt", text_of("large") * 2000)
    runs.out = elsewhere / "out"
    for before in ("0 failed", "2 of them before"):
        code, said = runs.run()
        assert (code, before in said) == (0, True), said
    assert (runs.out / "a.txt.md").exists()
    assert runs.record("large.txt")["state"] == "done"
    assert not list((runs.out / ".backburner-staged").iterdir())


def test_links_are_what_they_lead_to(runs: Runs, tmp_path: Path) -> None:
    """A file's is a document; a folder's in here is not walked twice, one elsewhere and one to nowhere are told."""
    runs.write("a.txt")
    (tmp_path / "other").mkdir()
    for name, target in (
        ("file.txt", "a.txt"),
        ("circle", "."),
        ("elsewhere", str(tmp_path / "other")),
        ("nowhere.txt", "gone"),
        ("self.txt", "self.txt"),
    ):
        (runs.folder / name).symlink_to(target)
    code, said = runs.run()
    assert code == 1
    assert "5 documents: 2 done, 3 failed" in said
    assert "elsewhere: a link to a folder elsewhere is not followed: run that folder too" in said
    for name in ("nowhere.txt", "self.txt"):
        assert f"{name}: a link that leads nowhere: correct or remove it" in said
    assert "circle" not in said


def test_a_name_cannot_pretend_to_be_another_line(runs: Runs) -> None:
    """Whatever names a document shows its line break as an escape."""
    name = "a\nThe books balance: nothing is lost.txt"
    runs.write(name, "")
    assert runs.run()[0] == 1
    key = f"inbox/default/{name}"
    for command in (["jobs"], ["failed"], ["show", key], ["replay", "--failed", "--dry-run"], ["cancel", key]):
        shown = call(*command, "--text", "--folder", str(runs.folder)).stdout
        assert "a\\nThebooksbalance:nothingislost.txt" in "".join(shown.split()), (command, shown)
        assert not any(line.startswith("The books balance") for line in shown.splitlines()), command


def limited(arguments: tuple[str, ...], given: dict[str, str], out: str, errors: str) -> None:
    """The command where no file may grow beyond a size, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    commands._main(arguments, given, out, errors)


def test_a_full_disk_stops_the_run_and_loses_nothing(runs: Runs, tmp_path: Path) -> None:
    """Exit code 2 and what to do, no traceback; with room again the same command does the rest."""
    for number in range(20):
        runs.write(f"{number}.txt")
    arguments = ("run", str(runs.folder), "--stand-in", "--out", str(runs.out), "--text")
    out, errors = tmp_path / "said", tmp_path / "errors"
    process = forks.fork(limited, arguments, commands.environment({}), str(out), str(errors))
    code, said = Running(Started(process, out, errors)).end()
    assert code == 2, said
    assert "room on its disk" in said, said
    code, said = runs.run()
    assert code == 0, said
    assert "20 documents: 20 done" in said
