"""The console for the tables of benchmarks: as wide as they need if the output is not a terminal."""

import sys

from rich.console import Console

_FILE_WIDTH = 140


def console() -> Console:
    """A console that breaks no table in a file or a pipe."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else _FILE_WIDTH)
