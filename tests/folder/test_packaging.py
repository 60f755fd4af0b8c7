"""What `uvx backburner run` needs is in the wheel, and no more than before in the layer."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _names(path: str) -> set[str]:
    return {re.split(r"[=>\[ ;]", line)[0] for line in (ROOT / path).read_text(encoding="utf-8").splitlines() if line}


def test_the_wheel_carries_command_and_recipes() -> None:
    """Both packages, the script, the recipes where the command looks for them, and all that they import."""
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
