"""Deployments whose handlers run in processes that can be killed, on the session's local cloud."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from backburner_cli.standin import StandIn, serve
from support.deployment import AT_ONCE
from support.forked_deployment import ForkedDeployment
from support.proxy import serve_proxy

NewStage = Callable[..., ForkedDeployment]


@pytest.fixture
def new_stage(endpoint: str, cloud_clients: tuple[Any, Any], tmp_path: Path) -> Iterator[NewStage]:
    """Make deployments for one test, each with its own provider, whose generations end at once."""
    with ExitStack() as stack:

        def make(**settings: str) -> ForkedDeployment:
            running = stack.enter_context(serve(StandIn("openai", timing=AT_ONCE)))
            return ForkedDeployment(
                *cloud_clients,
                endpoint,
                running,
                settings=settings,
                cloud=stack.enter_context(serve_proxy(endpoint)),
                outside=stack.enter_context(serve_proxy(running.base_url)),
                log=tmp_path / "handlers.log",
            )

        yield make


@pytest.fixture
def stage(new_stage: NewStage) -> ForkedDeployment:
    """A deployment with the usual settings."""
    return new_stage()
