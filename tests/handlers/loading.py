"""A function's handler, loaded by path; and one call of it in a process of its own. Imports nothing that costs time."""

import importlib.util
import itertools
import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

FUNCTIONS = Path(__file__).parents[2] / "functions"
_RESERVED_S = 33
"""What the checker keeps back of a function's time: a create that is under way, and a rest to end by itself."""
_numbers = itertools.count()


def load(function: str) -> ModuleType:
    """A function's `app.py` as a fresh module."""
    name = f"{function}_app_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context_for_a_tick_of(seconds: float) -> Any:
    """A function's context with time for a tick that takes in messages for so many seconds."""
    return SimpleNamespace(get_remaining_time_in_millis=lambda: round((seconds + _RESERVED_S) * 1000))


def call(function: str, event: Any, environment: dict[str, str]) -> None:
    """What a process does that is there for one call of a handler: its log goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.environ.update(environment)
    load(function).handler(event, context_for_a_tick_of(1.5))
    os._exit(0)
