"""Setup for all tests: how deep they go, which examples they draw, and the cloud that they share."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import pytest_socket
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from support.depth import VARIABLE, depth
from support.no_browser import untested
from support.workers import warm

WITHOUT_NETWORK = ("fuzz", "life", "model", "unit")
"""Folders whose tests may not use the network."""

ON_ONE_WORKER = (
    *("localcloud/test_main_job.py", "localcloud", "yandex/test_flow.py", "yandex", "template"),
    *("handlers/test_table_of_verdicts.py", "console/test_browser.py", "cli/test_tutorials.py"),
)
"""Folders and modules whose tests share something slow to start, and so share a worker. The first match counts."""

WAITING, LANES = ("folder", "cli/test_commands.py"), 3
"""Folders and modules whose tests mostly wait for processes, and how many workers run them.

The other workers compute meanwhile. If all ran such tests at the same time, the processor would be idle.
"""

EXAMPLES = (40, 100)
"""How many odd values a test tries in the quick run and in the deep one, unless it says otherwise."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the deep run."""
    parser.addoption("--deep", action="store_true", help="every history, crash point and example, not a selection")


def pytest_configure(config: pytest.Config) -> None:
    """Set the depth before any test module is imported, and keep the collector away from what is imported."""
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell: children would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--deep"):
        os.environ[VARIABLE] = "deep"
    load_profile()
    warm(config)


def load_profile() -> None:
    """Let Hypothesis draw the same examples in every run, as many as the depth asks for."""
    settings.register_profile(
        "backburner",
        max_examples=depth(*EXAMPLES),
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("backburner")


def pytest_collection_finish() -> None:
    """Freeze what stays until the end, more than a million objects of modules and tests, for the collector."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, not only among the skipped tests, that the console was not tested in a browser."""
    if warning := untested(terminalreporter.stats.get("skipped", ())):
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.write_line(warning, red=True, bold=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Distribute tests one by one, except those that share something slow to start."""
    return _Together(config, log)


class _Together(LoadScopeScheduling):
    """Starts groups first, the largest ahead, so that no worker is left with one at the end."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0].removeprefix("tests/")
        if path.startswith(WAITING):
            return f"lane {crc32(nodeid.encode()) % LANES}"
        return next((together for together in ON_ONE_WORKER if path.startswith(together)), nodeid)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ARG002 - xdist's
        """Forget what a worker has finished; xdist would otherwise count it again after each test."""
        nodeid = self.registered_collections[node][item_index]
        scope = self._split_scope(nodeid)
        unit = self.assigned_work[node][scope]
        unit[nodeid] = True
        if all(unit.values()):
            del self.assigned_work[node][scope]
        self._reschedule(node)


def _folder(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture(autouse=True)
def _network(request: pytest.FixtureRequest) -> None:
    """Refuse every socket but the event loop's where no network is needed; the plug-in allows them again afterwards."""
    if _folder(request.path) in WITHOUT_NETWORK:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of the local S3 and SQS, shared by all tests of this worker, each with its own bucket."""
    from support.cloud import serve_cloud  # noqa: PLC0415 - most tests need none

    with serve_cloud() as address:
        yield address


@pytest.fixture(scope="session")
def cloud_clients(endpoint: str) -> Iterator[tuple[Any, Any]]:
    """Clients of the local S3 and SQS."""
    from support.cloud import client  # noqa: PLC0415

    s3, sqs = client("s3", endpoint), client("sqs", endpoint)
    yield s3, sqs
    s3.close()
    sqs.close()


@pytest.fixture(params=["named", "summed"])
def max_noted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run once with the governor's reservations by name, and once in totals, as with thousands of jobs in flight."""
    from backburner.capacity.shared_counters import MAX_NOTED  # noqa: PLC0415 - only where it is asked for
    from support.system import TEST_MAX_NOTED  # noqa: PLC0415

    token = TEST_MAX_NOTED.set(MAX_NOTED if request.param == "named" else 0)
    yield
    TEST_MAX_NOTED.reset(token)
