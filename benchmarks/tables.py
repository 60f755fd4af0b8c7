"""The console for the benchmarks' tables: as wide as they need if the output is not a terminal."""

import sys

from rich.console import Console

_FILE_WIDTH = 140


def console() -> Console:
    """A console that does not wrap tables in a file or a pipe."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else _FILE_WIDTH)
