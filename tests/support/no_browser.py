"""Tests in a browser where there is none: skipped and told loudly, or failed where one was promised."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import pytest

MISSING = "there is no Chromium on this machine: make browser installs it"
PROMISED = "BACKBURNER_BROWSER"
"""Set by `make test` where Chromium is here, or could be installed."""


def without_browser(environment: Mapping[str, str]) -> NoReturn:
    """End a test that has no browser: skipped, but failed where one was promised."""
    if environment.get(PROMISED):
        pytest.fail("make browser says that Chromium is here, but it was not found", pytrace=False)
    pytest.skip(MISSING)


def untested(skipped: Iterable[Any]) -> str:
    """What to say at the end of a run about its skipped tests; "" if none was skipped for want of a browser."""
    count = sum(MISSING in str(report.longrepr) for report in skipped)
    return f"{count} tests of the console in a browser did NOT run: {MISSING}" if count else ""
