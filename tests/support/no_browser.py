"""Browser tests without a browser: skipped with a loud message, or failed if a browser was promised."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import pytest

MISSING = "there is no Chromium on this machine: make browser installs it"
PROMISED = "BACKBURNER_BROWSER"
"""Set by `make test` if Chromium is here or could be installed."""


def without_browser(environment: Mapping[str, str]) -> NoReturn:
    """End a test that has no browser: skip it, or fail it if a browser was promised."""
    if environment.get(PROMISED):
        pytest.fail("make browser says that Chromium is here, but it was not found", pytrace=False)
    pytest.skip(MISSING)


def untested(skipped: Iterable[Any]) -> str:
    """What to say about skipped tests at the end of a run; "" if none was skipped for lack of a browser."""
    count = sum(MISSING in str(report.longrepr) for report in skipped)
    return f"{count} tests of the console in a browser did NOT run: {MISSING}" if count else ""
