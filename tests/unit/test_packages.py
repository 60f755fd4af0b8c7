"""The layers of the core: a package imports only what is below it, and says its purpose and what it writes."""

import ast
from functools import cache
from pathlib import Path

from support.sources import parsed, statements

CORE = Path(__file__).parents[2] / "layers/backburner/backburner"
ORDER = (
    "errors",
    "documents",
    "extraction",
    "provider",
    "ports",
    "settings",
    "memory",
    "capacity",
    "ledger",
    "events",
    "notifications",
    "outcome",
    "batch",
    "split",
    "jobs",
    "maintenance",
    "watched_queue",
    "tick",
    "further_ticks",
    "wiring",
    "adapters",
)
"""From bottom to top."""
MODULES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def _part_of(path: Path) -> str:
    """The package or module directly below the core to which a file belongs."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@cache
def _imported(path: Path) -> set[str]:
    """The packages and modules directly below the core that a file imports, at its top or later."""
    names = set[str]()
    for node in statements(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "backburner":
            names |= {f"backburner.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("backburner.")}


def test_every_part_of_the_core_has_its_place() -> None:
    """Each package is in the order, and the order has no others."""
    assert {_part_of(path) for path in MODULES} == set(ORDER)


def test_nothing_is_imported_from_above() -> None:
    """There is therefore no import cycle between packages."""
    for path in MODULES:
        own = ORDER.index(_part_of(path))
        assert not {name for name in _imported(path) if ORDER.index(name) > own}, path


def test_a_package_says_what_it_is_for() -> None:
    """Its docstring has one line."""
    for package in {path.parent for path in MODULES} - {CORE}:
        docstring = ast.get_docstring(parsed(package / "__init__.py"))
        assert docstring, package
        assert docstring.splitlines()[0].endswith("."), package


def test_keys_are_spelled_in_one_place() -> None:
    """`ledger/keys.py` has the folders and extensions of the bucket's objects; other modules import them."""
    spelled = ("inbox/", "results/", "failed/", "ledger/", ".run.json", ".error.json", ".errors.jsonl")
    found = {
        f"{path.relative_to(CORE)}:{node.lineno}: {node.value}"
        for path in MODULES
        if path != CORE / "ledger/keys.py" and any(key in path.read_text(encoding="utf-8") for key in spelled)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(spelled)
    }
    assert not found
