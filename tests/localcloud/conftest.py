"""Local clouds for tests: one with probes in place of the functions, and a way to start others, the real one too."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Protocol

import pytest

from backburner_cli.local.aws import LocalCloud, local_cloud
from backburner_cli.local.aws.cloud import CHECKOUT

API_KEY = "key-of-the-tests"


class RunCloud(Protocol):
    """Starts a cloud that lasts until the tests end, with the options of `local_cloud`."""

    def __call__(self, **options: object) -> LocalCloud:
        """Start a cloud."""


@pytest.fixture(scope="session")
def run_cloud() -> Iterator[RunCloud]:
    """Start a cloud that ends with the tests, e.g. `run_cloud(provider_base_url=url, api_key="k", model="m")`."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(local_cloud(**options))


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """The base URL of a provider that answers 200 to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture(scope="session")
def probe_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's template and layer, with probes in place of the handlers."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copy(CHECKOUT / "template.yaml", checkout)
    for name in (".build", ".tools", "layers"):
        (CHECKOUT / name).mkdir(exist_ok=True)
        (checkout / name).symlink_to(CHECKOUT / name)
    for function in ("submit", "checker"):
        (checkout / "functions" / function).mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("probe.py"), checkout / "functions" / function / "app.py")
    return checkout


@pytest.fixture(scope="session")
def cloud(run_cloud: RunCloud, probe_checkout: Path, provider: str) -> LocalCloud:
    """A cloud with probes in it, shared by tests that each use their own keys."""
    return run_cloud(provider_base_url=provider, api_key=API_KEY, model="probe", checkout=probe_checkout)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait for something that other processes do, for 30 s at most unless another limit is given."""

    def wait(condition: Callable[[], object], limit_s: float = 30) -> None:
        limit = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < limit, f"it did not happen in {limit_s} s"
            time.sleep(0.05)

    return wait
