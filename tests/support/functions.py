"""A function's handler, loaded by its path as a cloud loads it. This module imports nothing slow."""

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

FUNCTIONS = Path(__file__).parents[2] / "functions"
RESERVED_S = 33.0
"""What the checker reserves of a function's time: for a create under way, and for a regular end."""
_numbers = itertools.count()


def load(function: str) -> ModuleType:
    """A function's `app.py` as a fresh module with its own caches, as in a new environment."""
    name = f"{function}_app_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context_of(seconds: float) -> Any:
    """A function's context that leaves a tick `seconds` to receive messages in."""
    return SimpleNamespace(get_remaining_time_in_millis=lambda: round((seconds + RESERVED_S) * 1000))
