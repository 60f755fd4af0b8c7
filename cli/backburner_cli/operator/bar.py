"""The progress of commands that work on many documents: on standard error, and only if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table

from backburner_cli.terminal import err

_EVERY = 100


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar while the block runs; call what it returns after each document."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def bar_of(total: int, completed: int) -> Table:
    """A bar as a line of a larger picture."""
    line = Table.grid()  # a bar alone does not end its line
    line.add_row(ProgressBar(total=max(1, total), completed=completed, width=60))
    return line


@contextmanager
def counting(what: str) -> Iterator[Callable[[], None]]:
    """The number so far, if the total is not known; call what it returns after each."""
    seen = 0
    with err.status(f"{what} …") as shown:

        def advance() -> None:
            nonlocal seen
            seen += 1
            if seen % _EVERY == 0:
                shown.update(f"{what}: {seen:,}")

        yield advance
