"""Files and folders that are not as they should be: every command names what is wrong, and what to do."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cli.test_every_command import NOTHING, refused
from support.command_deployment import Cloud
from support.commands import INSTALLED, environment

FILE, FOLDER, GONE, READ_ONLY = "a.txt", "folder.md", "gone", "/proc/backburner"
"""What exists in the test's folder, what does not, and a place where even root cannot write."""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a document, a folder named like a recipe, invalid recipes, and odd names."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/a.txt").write_text("Orla lets the bakery to Bram.")
    (tmp_path / FILE).write_text("Orla lets the bakery to Bram.")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "binary.md").write_bytes(bytes(range(256)))
    (tmp_path / "leads-nowhere.txt").symlink_to(tmp_path / GONE)
    (tmp_path / "circle.txt").symlink_to("circle.txt")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/leads-nowhere.txt").symlink_to(tmp_path / GONE)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/backburner").mkdir()
    (tmp_path / "broken/backburner/profiles.json").write_bytes(b"\xff\xfe{")
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/links/caf\xe9.txt")).write_text("Un texte.")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ("run {odd}/a.txt", "name the folder that it is in"),
        ("run {odd}/gone", "create it"),
        ("run {odd}/documents --stand-in --out {odd}/a.txt", "name another one with --out"),
        ("run {odd}/documents --stand-in --out {odd}/a.txt/below", "name another folder with --out"),
        ("run {odd}/documents --stand-in --out /proc/backburner", "name another folder with --out"),
        ("run {odd}/documents --stand-in --recipe {odd}/folder.md", "name a file"),
        ("run {odd}/documents --stand-in --recipe {odd}/gone.md", "check its name"),
        ("run {odd}/documents --stand-in --recipe {odd}/empty.md", "write them below the front matter"),
        ("run {odd}/documents --stand-in --recipe {odd}/binary.md", "save it as UTF-8"),
        ("recipes try {odd}/empty.md {odd}/a.txt --stand-in", "write them below the front matter"),
        ("recipes try summary {odd}/gone --stand-in", "name one document"),
        ("recipes try summary {odd}/folder.md --stand-in", "folder.md is a folder: name one document"),
        ("recipes compare summary extract {odd}/links --stand-in --to {odd}/page.html", "rename it"),
        ("recipes compare summary extract {odd}/a.txt --stand-in --to {odd}/a.txt/page.html", "name another file"),
        ("use x --local", "XDG_CONFIG_HOME"),
    ],
)
def test_odd_files_are_reported_without_a_deployment(odd: Path, arguments: str, remedy: str) -> None:
    """The exit code is 1 or 2; one line has the remedy, and there is no traceback."""
    given = [each.format(odd=odd) for each in arguments.split()]
    assert remedy in refused(NOTHING.call(*given, XDG_CONFIG_HOME=str(odd / "taken")))


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ("results --to {odd}/a.txt", "name a folder with --to"),
        ("results --to {odd}/a.txt/below", "a file where a folder is wanted"),
        ("results --to /proc/backburner", "check its name"),
        ("report --to {odd}/folder.html", "name a file in it"),
        ("report --to {odd}/gone/report.html", "make it"),
        ("report --to /proc/report.html", "name another file"),
        ("put {odd}/links", "rename it"),
        ("put {odd}/leads-nowhere.txt", "check the name"),
        ("plan {odd}/links --recipe summary", "rename it"),
        ("plan {odd}/documents --recipe {odd}/gone.md", "check"),
        ("plan {odd}/documents --recipe {odd}/folder.md", "name a file"),
        ("jobs --profile x", "fix it or remove it"),
    ],
)
def test_odd_files_are_reported_with_a_deployment(cloud: Cloud, odd: Path, arguments: str, remedy: str) -> None:
    """They are reported in the same way."""
    (odd / "folder.html").mkdir()
    given = [each.format(odd=odd) for each in arguments.split()]
    assert remedy in refused(cloud.call(*given, XDG_CONFIG_HOME=str(odd / "broken")))


def test_commands_work_without_a_writable_home(cloud: Cloud, odd: Path) -> None:
    """Commands that keep an index do without it."""
    for home in (READ_ONLY, str(odd / "taken")):
        shown = cloud.call("jobs", XDG_CACHE_HOME=home, XDG_CONFIG_HOME=home, XDG_STATE_HOME=home, HOME=home)
        assert (shown.exit_code, json.loads(shown.stdout)["jobs"]) == (0, 3), shown.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_gives_no_traceback(tmp_path: Path) -> None:
    """Help, text and JSON survive a full disk, a closed stream, and a terminal of another encoding."""
    kept = {"chosen": "", "profiles": {"caf\u00e9": {"kind": "local", "name": "", "region": None}}}
    (tmp_path / "backburner").mkdir()
    (tmp_path / "backburner/profiles.json").write_text(json.dumps(kept))
    script = """
    for words in --help "completion bash" "use --text" "use --json"; do
      backburner $words > /dev/full; echo "full $?"
    done
    for words in "use --text" "use"; do backburner $words <&- >&-; echo "closed $?"; done
    export PYTHONIOENCODING=ascii
    backburner use --text; backburner use --json
    """
    path = f"{Path(INSTALLED).parent}:{os.environ['PATH']}"
    given = environment({"PATH": path, "XDG_CONFIG_HOME": str(tmp_path)})
    shown = subprocess.run(["bash", "-c", script], env=given, capture_output=True, text=True, check=False, timeout=60)
    assert shown.stderr.count("make room") == 4, shown.stderr
    assert "Traceback" not in shown.stderr
    assert "Exception ignored" not in shown.stderr
    assert shown.stdout.split("\n")[:6] == ["full 1"] * 4 + ["closed 0"] * 2
    assert "caf\\xe9: backburner up" in shown.stdout
    assert "caf\\u00e9" in shown.stdout
