"""Shows the progress of a run: a live table on a terminal, lines for any other output."""

import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from backburner_cli.folder.tally import Failure, Tally
from backburner_cli.operator.bar import bar_of
from backburner_cli.terminal import count_of, one_line

_STILL_EVERY_S: Final = 10.0
_LAST: Final = 6
_MAX_FAILURES: Final = 50


class Progress(Protocol):
    """Shows a run's events."""

    def note(self, text: str) -> None:
        """Show a message."""

    def done(self, path: str, result: str | None) -> None:
        """Show that a document has its result; None if its file was removed since."""

    def failed(self, path: str, failure: Failure) -> None:
        """Show that a document failed."""

    def now(self, tally: Tally) -> None:
        """Show the current counts; called a few times a second."""

    def close(self) -> None:
        """Finish; there are no more events."""


class Lines:
    """Prints a line for each event, and the counts now and then if nothing happens."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._said_at = time.monotonic()

    def note(self, text: str) -> None:
        """Print it."""
        self._say(text)

    def done(self, path: str, result: str | None) -> None:
        """Print document and result."""
        self._say(_done(path, result))

    def failed(self, path: str, failure: Failure) -> None:
        """Print document and reason."""
        self._say(f"failed  {path}: {failure.why}")

    def now(self, tally: Tally) -> None:
        """Print the counts if nothing was printed for a while."""
        if time.monotonic() - self._said_at >= _STILL_EVERY_S:
            self._say(committed(tally))

    def close(self) -> None:
        """Do nothing."""

    def _say(self, text: str) -> None:
        self._said_at = time.monotonic()
        self._out.print(one_line(text), markup=False)


class LiveTable:
    """A live table of counts, a bar and the last events; messages scroll by above it."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._last: deque[Text] = deque(maxlen=_LAST)
        # Results that go to a file or pipe must not be redirected to the terminal.
        self._live = Live(console=out, refresh_per_second=4, transient=True, redirect_stdout=sys.stdout.isatty())
        self._live.start()

    def note(self, text: str) -> None:
        """Print it above the table."""
        self._out.print(Text(one_line(text), style="yellow"))

    def done(self, path: str, result: str | None) -> None:
        """Show it among the last events."""
        self._event("green", _done(path, result))

    def failed(self, path: str, failure: Failure) -> None:
        """Show it among the last events."""
        self._event("red", f"failed  {path}: {failure.why}")

    def now(self, tally: Tally) -> None:
        """Update the table."""
        table = Table.grid(padding=(0, 2))
        for _ in range(6):
            table.add_column(justify="right")
        table.add_row("documents", "done", "failed", "running", "waiting", "tokens in / out", style="dim")
        waiting = f"{tally.waiting} ({tally.waits_for})" if tally.waiting and tally.waits_for else str(tally.waiting)
        table.add_row(
            f"{tally.found}{'' if tally.is_whole else '…'}",
            str(tally.done_before + tally.done),
            str(len(tally.failures)),
            str(tally.running),
            waiting,
            f"{tally.input_tokens:,} / {tally.output_tokens:,}",
        )
        problem = [Text(one_line(tally.problem), style="yellow")] if tally.problem else []
        self._live.update(Group(table, bar_of(tally.found, tally.ended), *problem, *self._last))

    def close(self) -> None:
        """Remove the table."""
        self._live.stop()

    def _event(self, colour: str, text: str) -> None:
        self._last.append(Text(one_line(text), style=colour, no_wrap=True, overflow="ellipsis"))


def progress_on(out: Console, *, is_shared: bool = False) -> Progress:
    """The way to show progress that fits the output; `is_shared`: results are printed to the same terminal."""
    return LiveTable(out) if out.is_terminal and not out.is_dumb_terminal and not is_shared else Lines(out)


def _done(path: str, result: str | None) -> str:
    return f"done    {path} -> {result or 'its result was removed since'}"


def committed(tally: Tally) -> str:
    """The counts in a line."""
    problem = f" ({tally.problem})" if tally.problem else ""
    waiting = f", {tally.waiting} waiting" + (f" for {tally.waits_for}{problem}" if tally.waits_for else "")
    return (
        f"{tally.ended} of {tally.found}{'' if tally.is_whole else '+'} documents ended: "
        f"{tally.done_before + tally.done} done, {len(tally.failures)} failed; "
        f"{tally.running} running{waiting if tally.waiting else ''}"
    )


def summary(tally: Tally, out: Path) -> list[str]:
    """The lines to print at the end."""
    done = tally.done_before + tally.done
    earlier = "in an earlier run" if done == 1 else f"{tally.done_before} of them before"
    before = f" ({earlier})" if tally.done_before else ""
    lines = [f"{count_of(tally.found, 'document')}: {done} done{before}, {len(tally.failures)} failed. Results: {out}"]
    for path, failure in sorted(tally.failures.items())[:_MAX_FAILURES]:
        where = f" ({failure.record})" if failure.record else ""
        lines.append(f"  failed  {path}: {failure.why}{where}")
    if len(tally.failures) > _MAX_FAILURES:
        lines.append(f"  and {len(tally.failures) - _MAX_FAILURES} more: each has its .error.json")
    if tally.input_tokens or tally.output_tokens:
        cost = "" if tally.cost is None else f"; cost {tally.cost:.4f}"
        lines.append(f"This run: {tally.input_tokens:,} tokens in, {tally.output_tokens:,} out{cost}.")
    if tally.suspected_orphans:
        orphans = count_of(tally.suspected_orphans, "suspected orphan")
        lines.append(f"{orphans}: generations that may be billed without a result.")
    return [one_line(line) for line in lines]
