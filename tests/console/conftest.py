"""Consoles over other tests' deployments."""

import os
from collections.abc import Iterator

import pytest

from cli.conftest import cloud, empty  # noqa: F401 - fixtures
from console.serving import Served, served
from support.deployment import FOREIGN


@pytest.fixture
def console(monkeypatch, cloud) -> Iterator[Served]:  # noqa: F811
    """A console over one document that is done, one that failed, and one whose generation is running."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    with served(cloud.environment) as running:
        yield running
