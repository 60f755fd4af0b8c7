"""docs/commands.md is what the command says of itself."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """What writes the page."""
    spec = importlib.util.spec_from_file_location("command_reference", ROOT / "scripts/command_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script) -> None:
    """Whoever changes a command runs `make commands`."""
    assert script.PAGE == ROOT / "docs/commands.md"
    assert (ROOT / "docs/commands.md").read_text(encoding="utf-8") == script.page(), "run: make commands"


def test_every_option_is_on_it(script) -> None:
    """Each command has its section and each of its options a row there, or in the table that they share."""
    sections = script.page().split("\n## ")
    shared = next(each for each in sections if each.startswith("Options that name"))
    for name, command in script._leaves(script.app, "backburner"):
        (section,) = [each for each in sections if each.startswith(f"{name}\n")]
        for option in command.params:
            if option.param_type_name == "option":
                assert f"`{option.opts[0]}`" in section + shared, (name, option.opts)
