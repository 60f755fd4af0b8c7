"""Python files as the tests of the code's structure read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@cache
def parsed(path: Path) -> ast.Module:
    """The file as a syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(block: ast.AST) -> Iterator[ast.stmt]:
    """Every statement of a block at any depth, in a fraction of the time that a walk through all expressions takes."""
    for part in [part for name in _BLOCKS for part in getattr(block, name, ())]:
        if isinstance(part, ast.stmt):
            yield part
        yield from statements(part)
