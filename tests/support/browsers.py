"""A Chromium for tests and pictures: Playwright's own, or the one of this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_of(playwright: Playwright) -> str | None:
    """Its path, or None if there is none."""
    own = playwright.chromium.executable_path
    named = os.environ.get("BACKBURNER_CHROMIUM")
    found = named or (own if Path(own).exists() else None) or next(filter(None, map(shutil.which, NAMES)), None)
    return found or None


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser | None]:
    """A browser while the block runs, started with these arguments; None if there is none."""
    with sync_playwright() as playwright:
        path = chromium_of(playwright)
        if path is None:
            yield None
            return
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
