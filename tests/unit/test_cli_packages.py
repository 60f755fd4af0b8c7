"""The layers of the command: packages that import only what is below them."""

import ast
from pathlib import Path

from support.sources import parsed, statements

COMMAND = Path(__file__).parents[2] / "cli/backburner_cli"
ORDER = (
    "errors",
    "atomic_write",
    "system_errors",
    "terminal",
    "command",
    "listening",
    "pages",
    "samples",
    "standin",
    "operator",
    "console",
    "local",
    "folder",
    "trial",
    "main",
    "entry",
)
"""From bottom to top."""
MODULES = sorted(path for path in COMMAND.rglob("*.py") if path != COMMAND / "__init__.py")


def _room_of(path: Path) -> str:
    """The package or module directly below the command to which a file belongs."""
    return path.relative_to(COMMAND).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The rooms that a file imports, at its top or later."""
    names = set[str]()
    for node in statements(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "backburner_cli":
            names |= {f"backburner_cli.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("backburner_cli.")}


def test_every_package_of_the_command_has_its_place() -> None:
    """Each package is in the order, and the order has no others."""
    assert {_room_of(path) for path in MODULES} == set(ORDER)


def test_nothing_is_imported_from_above() -> None:
    """The operator's commands do not import a local cloud, and the stand-in imports neither."""
    for path in MODULES:
        own = ORDER.index(_room_of(path))
        assert not {name for name in _imported(path) if ORDER.index(name) > own}, path


def test_a_package_says_what_it_is_for() -> None:
    """Its docstring does."""
    for package in {path.parent for path in MODULES} - {COMMAND}:
        assert ast.get_docstring(parsed(package / "__init__.py")), package
