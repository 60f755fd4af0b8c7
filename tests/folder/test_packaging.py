"""The wheel has what `uvx backburner run` needs, and the layer nothing of the command."""

import re
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import httpx2

from folder.installed import install
from folder.running import text_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _names(path: str) -> set[str]:
    return {re.split(r"[=>\[ ;]", line)[0] for line in (ROOT / path).read_text(encoding="utf-8").splitlines() if line}


def _files() -> set[str]:
    """The files of the packages and the shipped recipes, as paths in the wheel."""
    packages = [ROOT / "cli/backburner_cli", ROOT / "layers/backburner/backburner"]
    files = [path for package in packages for path in package.rglob("*") if path.is_file()]
    inside = {
        path.relative_to(package.parent).as_posix() for path in files for package in packages if package in path.parents
    }
    recipes = {f"backburner_cli/shipped_recipes/{path.name}" for path in (ROOT / "recipes").glob("*.md")}
    return {name for name in inside | recipes if "__pycache__" not in name}


def test_the_wheel_carries_command_and_recipes() -> None:
    """It has both packages, the script, the recipes where the command looks for them, and all dependencies."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["layers/backburner/backburner", "cli/backburner_cli"]
    assert wheel["force-include"] == {"recipes": "backburner_cli/shipped_recipes"}
    assert PROJECT["project"]["scripts"] == {"backburner": "backburner_cli.entry:main"}
    needed = {re.split(r"[>=]", one)[0] for one in PROJECT["project"]["dependencies"]}
    assert {"openai", "msgspec", "rich", "starlette", "click", "uvicorn"} <= needed


def test_the_layer_has_nothing_of_the_command() -> None:
    """What the Makefile prunes is not exported, and what the functions need is."""
    pruned = re.search(r"^COMMAND_ONLY := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert pruned is not None
    layer = _names("layers/backburner/requirements.txt")
    assert not layer & set(pruned[1].split())
    assert {"boto3", "openai", "msgspec"} <= layer


def test_the_wheel_works_without_a_checkout(tmp_path: Path) -> None:
    """In an empty folder, as with `uvx`, it shows its version, runs a shipped recipe, and makes report and console."""
    installed = install(tmp_path)
    assert _files() <= set(zipfile.ZipFile(installed.wheel).namelist())
    (installed.here / "contracts/2031").mkdir(parents=True)
    (installed.here / "contracts/2031/a.txt").write_text(text_of("a"), encoding="utf-8")
    assert installed.run("--version") == (0, f"backburner {version('backburner')}\n")
    code, said = installed.run("run", "./contracts", "--recipe", "summary", "--out", "./summaries", "--stand-in")
    assert code == 0, said
    made = sorted(path.relative_to(installed.here).as_posix() for path in (installed.here / "summaries").rglob("*.*"))
    assert made == ["summaries/2031/a.txt.md", "summaries/2031/a.txt.run.json"]
    code, said = installed.run("report", "--folder", "contracts", "--to", "report.html")
    assert (code, "summary" in (installed.here / "report.html").read_text(encoding="utf-8")) == (0, True), said
    with installed.start("console", "--folder", "contracts", "--no-browser") as console:
        assert console.stdout is not None
        address = next(line.strip() for line in console.stdout if "http://127.0.0.1" in line)
        with httpx2.Client(base_url=address.partition("?")[0]) as http:
            page = http.get(address).text
            parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
            assert len(parts) >= 2
            answers = {part: http.get(part).status_code for part in parts}
            assert set(answers.values()) == {200}, answers
        console.terminate()
