"""Test workers: which are forked from a warm server, and which xdist starts itself."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from support.workers import warm


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tx": []},
        {"tx": ["popen", "popen"], "cov_source": ["backburner"]},  # coverage counts imports in the process itself
        {"tx": ["popen", "ssh=elsewhere"]},
        {"tx": ["popen", "popen"], "collectonly": True},  # the server itself does this, and must not start another
    ],
)
def test_workers_that_cannot_be_forked_are_started_by_xdist(options: dict[str, Any]) -> None:
    """Those that measure coverage or run on other machines are; without workers, nothing is forked."""
    config = SimpleNamespace(option=SimpleNamespace(**options), getoption=options.get)
    warm(cast("pytest.Config", config))
    assert vars(config.option) == options
