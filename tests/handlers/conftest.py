"""Deployments whose handlers run in this process, on the session's local cloud."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from backburner_cli.standin import StandIn, serve
from support.deployment import AT_ONCE, FOREIGN
from support.warm_deployment import WarmDeployment

NewWorld = Callable[..., WarmDeployment]


@contextmanager
def deployments(endpoint: str, clients: tuple[Any, Any]) -> Iterator[NewWorld]:
    """A way to make deployments; the environment is that of the last one made."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
            patch.delenv(name)

        def make(
            provider: str = "openai",
            profile: Any = "openai",
            visibility_s: int = 120,
            context_tokens: int = 128_000,
            **settings: str,
        ) -> WarmDeployment:
            running = stack.enter_context(serve(StandIn(profile, timing=AT_ONCE, context_tokens=context_tokens)))
            made = WarmDeployment(*clients, endpoint, running, provider, settings, visibility_s)
            for name, value in made.environment.items():
                patch.setenv(name, value)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def new_world(endpoint: str, cloud_clients: tuple[Any, Any]) -> Iterator[NewWorld]:
    """Deployments for one test."""
    with deployments(endpoint, cloud_clients) as make:
        yield make


@pytest.fixture
def world(new_world: NewWorld) -> WarmDeployment:
    """A deployment with a provider that behaves."""
    return new_world()
