"""docs/commands.md is generated from the command's own help."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("command_reference", ROOT / "scripts/command_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script) -> None:
    """After changing a command, run `make commands`."""
    assert script.PAGE == ROOT / "docs/commands.md"
    assert (ROOT / "docs/commands.md").read_text(encoding="utf-8") == script.page(), "run: make commands"


def test_every_option_is_on_the_page(script) -> None:
    """Each command has a section, and each option a row there or in the table of shared options."""
    sections = script.page().split("\n## ")
    shared = next(each for each in sections if each.startswith("Options that name"))
    for name, command in script._leaves(script.app, "backburner"):
        (section,) = [each for each in sections if each.startswith(f"{name}\n")]
        for option in command.params:
            if option.param_type_name == "option":
                assert f"`{option.opts[0]}`" in section + shared, (name, option.opts)
