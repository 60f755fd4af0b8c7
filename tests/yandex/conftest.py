"""The zip, built and installed once, a local S3 and SQS, and deployments on them."""

import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from backburner_cli.local.aws.bundle import installed_dependencies
from backburner_cli.local.aws.cloud import CHECKOUT
from backburner_cli.local.yandex.bundle import REQUIREMENTS, package
from backburner_cli.local.yandex.instance import Instance
from backburner_cli.local.yandex.storage import Refuse, object_storage
from backburner_cli.standin import StandIn, serve
from support.cloud import client
from support.deployment import AT_ONCE
from support.depth import is_deep
from support.warm_instances import Start, warm_instances
from support.yandex_deployment import REGION, Installed, YandexDeployment

from .interpreters import interpreter
from .policy import refusal

NewWorld = Callable[..., YandexDeployment]


@pytest.fixture(scope="session")
def built() -> bytes:
    """The zip that `make package-yandex` writes."""
    return package(CHECKOUT)


@pytest.fixture(scope="session")
def installed(built: bytes, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The zip, unpacked, with only its own requirements.txt installed, for a Python of the service."""
    return install(built, interpreter(), tmp_path_factory.mktemp("function"))


def install(built: bytes, python: Path, folder: Path) -> Installed:
    """Install a zip as the service does."""
    with zipfile.ZipFile(io.BytesIO(built)) as archive:
        archive.extractall(folder)
    assert (folder / "requirements.txt").read_bytes() == (CHECKOUT / REQUIREMENTS).read_bytes()
    dependencies = installed_dependencies(folder / "requirements.txt", python, CHECKOUT / ".build", print)
    return Installed(interpreter=python, code=folder, dependencies=dependencies)


@pytest.fixture(scope="session")
def forked(installed: Installed) -> Iterator[Start]:
    """A quick way to start instances, since a new interpreter takes a second to import everything."""
    with warm_instances(installed.interpreter, installed.dependencies) as start:
        yield start


@pytest.fixture(scope="session")
def cloud(endpoint: str) -> Iterator[tuple[Any, Any]]:
    """Clients of the local S3 and SQS in the service's only region."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ALLOW_NONEXISTENT_REGION", "true")
        s3, sqs = client("s3", endpoint, REGION), client("sqs", endpoint, REGION)
        yield s3, sqs
        s3.close()
        sqs.close()


@pytest.fixture
def new_world(
    request: pytest.FixtureRequest, endpoint: str, cloud: tuple[Any, Any], installed: Installed
) -> Iterator[NewWorld]:
    """Make deployments for one test, with Yandex AI Studio's rules and the bucket's policy enforced.

    Instances are forked, except in the deep run and for tests that use `new_interpreters`.
    """
    s3, sqs = cloud
    is_new = is_deep() or "new_interpreters" in request.fixturenames
    begin: Start = Instance if is_new else request.getfixturevalue("forked")
    with ExitStack() as stack:

        def make(
            refuse: Refuse = refusal, token: Any = None, queue_address: str = "", **settings: str
        ) -> YandexDeployment:
            storage_events: list[tuple[str, str, str]] = []
            storage = stack.enter_context(
                object_storage(endpoint, lambda *one: storage_events.append(one), refuse=refuse)
            )
            running = stack.enter_context(serve(StandIn("yandex", timing=AT_ONCE)))
            world = YandexDeployment(
                s3,
                sqs,
                endpoint,
                running,
                "yandex",
                settings,
                region=REGION,
                installed=installed,
                storage=storage,
                queue_address=queue_address,
                token=token,
                storage_events=storage_events,
                start=begin,
            )
            stack.callback(world.close)
            return world

        yield make


@pytest.fixture
def new_interpreters() -> None:
    """Run each instance of the test in its own interpreter, as the product does."""


@pytest.fixture
def world(new_world: NewWorld) -> YandexDeployment:
    """A deployment with a provider that behaves."""
    return new_world()


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    environment = {**os.environ, **more}
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
