"""Where benchmarks print their tables: as wide as they need where nobody watches."""

import sys

from rich.console import Console

_FILE_WIDTH = 140


def console() -> Console:
    """A console that breaks no table in a file or a pipe."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else _FILE_WIDTH)
