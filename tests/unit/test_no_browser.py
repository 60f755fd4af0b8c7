"""Browser tests are never skipped silently."""

from types import SimpleNamespace

import pytest

from support.no_browser import MISSING, PROMISED, untested, without_browser


def test_a_promised_chromium_that_is_absent_is_a_failure() -> None:
    """Otherwise the tests are skipped, and the message says how to install one."""
    with pytest.raises(pytest.fail.Exception, match="make browser"):
        without_browser({PROMISED: "yes"})
    with pytest.raises(pytest.skip.Exception, match="make browser"):
        without_browser({PROMISED: ""})


def test_skipped_browser_tests_are_reported_at_the_end() -> None:
    """The report says how many, and how to run them; other skips are not reported."""
    missing, other = (SimpleNamespace(longrepr=("test.py", 1, f"Skipped: {why}")) for why in (MISSING, "no terraform"))
    assert untested([other]) == ""
    assert untested([missing, other, missing]).startswith("2 tests of the console")
