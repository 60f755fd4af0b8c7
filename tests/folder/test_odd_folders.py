"""Folders as people have them: links, results on another disk, a disk that is full."""

import ctypes
import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from folder.running import Running, Runs, call, text_of
from support import commands, forks
from support.commands import Started

OTHER_DISK = Path("/dev/shm")
_LINUX_CAPABILITY_VERSION_3, _CAP_DAC = 0x20080522, 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as folder:
        yield Path(folder)


def test_results_may_go_to_another_file_system(runs: Runs, elsewhere: Path) -> None:
    """No file can be moved there from the state in one step, yet each result is written, and once."""
    runs.write("a.txt")
    runs.write("large.txt", text_of("large") * 2000)
    runs.out = elsewhere / "out"
    for before in ("0 failed", "2 of them before"):
        code, said = runs.run()
        assert (code, before in said) == (0, True), said
    assert (runs.out / "a.txt.md").exists()
    assert runs.record("large.txt")["state"] == "done"
    assert not list((runs.out / ".backburner-staged").iterdir())


def test_links_count_as_their_targets(runs: Runs, tmp_path: Path) -> None:
    """A link to a file in the folder is a document, no folder is walked twice, and other links are reported."""
    runs.write("a.txt")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/private.txt").write_text("It is not to leave its folder.")
    for name, target in (
        ("file.txt", "a.txt"),
        ("circle", "."),
        ("elsewhere", str(tmp_path / "other")),
        ("private.txt", str(tmp_path / "other/private.txt")),
        ("nowhere.txt", "gone"),
        ("self.txt", "self.txt"),
    ):
        (runs.folder / name).symlink_to(target)
    code, said = runs.run()
    assert code == 1
    assert "6 documents: 2 done, 4 failed" in said
    assert "elsewhere: a link to a folder elsewhere is not followed: run that folder too" in said
    for name in ("nowhere.txt", "self.txt"):
        assert f"{name}: a broken link: correct or remove it" in said
    assert "private.txt: a link to a file elsewhere is not followed: put a copy of the file here" in said
    assert "circle" not in said


def test_a_name_cannot_pretend_to_be_another_line(runs: Runs) -> None:
    """Every command that shows a document's name shows its line break as an escape."""
    name = "a\nThe books balance: nothing is lost.txt"
    runs.write(name, "")
    assert runs.run()[0] == 1
    key = f"inbox/default/{name}"
    for command in (["jobs"], ["failed"], ["show", key], ["replay", "--failed", "--dry-run"], ["cancel", key]):
        shown = call(*command, "--text", "--folder", str(runs.folder)).stdout
        assert "a\\nThe" in shown, (command, shown)
        assert not any(line.startswith("The books balance") for line in shown.splitlines()), command


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Rights(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def without_roots_rights(arguments: tuple[str, ...], given: dict[str, str], out: str, errors: str) -> None:
    """Run the command without root's right to read and write everything, in case root runs the tests."""
    if os.geteuid() == 0:
        libc, header, rights = ctypes.CDLL(None), _Header(_LINUX_CAPABILITY_VERSION_3, 0), (_Rights * 2)()
        assert libc.capget(ctypes.byref(header), rights) == 0
        rights[0].effective &= ~_CAP_DAC
        rights[0].permitted &= ~_CAP_DAC
        assert libc.capset(ctypes.byref(header), rights) == 0
    commands._main(arguments, given, out, errors)


def test_files_that_may_not_be_read_or_written_are_reported(runs: Runs, tmp_path: Path) -> None:
    """A document or subfolder fails alone; an output folder, recipe or state stops the command with a hint."""
    runs.write("good.txt")
    secret, inner, state = runs.write("secret.txt"), runs.write("closed/a.txt").parent, runs.folder / ".backburner"
    recipe, closed = tmp_path / "recipe.md", tmp_path / "closed"
    recipe.write_text("Summarise.")
    closed.mkdir()
    run = ("run", str(runs.folder), "--stand-in", "--text")
    for number, (forbidden, mode, arguments, expected, words) in enumerate(
        (
            (
                (secret, inner),
                0o000,
                (*run, "--out", str(runs.out)),
                1,
                ("secret.txt", "closed", "check its permissions"),
            ),
            ((closed,), 0o555, (*run, "--out", str(closed)), 2, (str(closed), "name another folder with --out")),
            ((recipe,), 0o000, (*run, "--recipe", str(recipe)), 2, (str(recipe), "check its permissions")),
            ((state,), 0o000, ("jobs", "--folder", str(runs.folder)), 1, (str(state), "check its permissions")),
        )
    ):
        for path in forbidden:
            path.chmod(mode)
        out, errors = tmp_path / f"out-{number}", tmp_path / f"errors-{number}"
        process = forks.fork(without_roots_rights, arguments, commands.environment({}), str(out), str(errors))
        code, said = Running(Started(process, out, errors)).end()
        for path in forbidden:
            path.chmod(0o755)
        assert code == expected, said
        for word in words:
            assert word in said, (word, said)
    assert (runs.out / "good.txt.md").exists()


def limited(arguments: tuple[str, ...], given: dict[str, str], out: str, errors: str) -> None:
    """Run the command with a limit on the size of files, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    commands._main(arguments, given, out, errors)


def test_a_full_disk_stops_the_run_and_loses_nothing(runs: Runs, tmp_path: Path) -> None:
    """It exits with 2 and a hint, without a traceback, and the same command does the rest once there is room."""
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
