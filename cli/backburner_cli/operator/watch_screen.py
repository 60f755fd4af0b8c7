"""Shows the looks of `watch`: a live table on a terminal, else lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from backburner_cli.operator.bar import bar_of
from backburner_cli.terminal import count_of, err, out, span

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from backburner_cli.operator.watch import Look

_DRAW_EVERY_S: Final = 0.25
_SHARE: Final = 4


class Screen(Protocol):
    """Shows looks."""

    def __enter__(self) -> Any:
        """Start showing."""

    def __exit__(self, *_: object) -> None:
        """Restore the terminal."""

    def reading(self, count: Callable[[], Look]) -> None:
        """Show the progress of the first look."""

    def show(self, look: Look) -> None:
        """Show a complete look."""

    def end(self, look: Look) -> None:
        """Show the last look and how it ended."""


class LiveScreen:
    """A live table."""

    def __init__(self) -> None:
        self._live = Live(console=out, auto_refresh=False, transient=True)
        self._draws_at = 0.0
        self._is_whole = False

    def __enter__(self) -> Self:
        """Draw something at once."""
        self._live.start()
        self._live.update(Text("reading the ledger", style="dim"), refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the table."""
        self._live.stop()

    def reading(self, count: Callable[[], Look]) -> None:
        """Count and show what the first look has read so far; for at most a fifth of the time."""
        began = time.monotonic()
        if self._is_whole or began < self._draws_at:
            return
        self._draw(count())
        self._draws_at = began + max(_DRAW_EVERY_S, _SHARE * (time.monotonic() - began))

    def show(self, look: Look) -> None:
        """Draw a complete look."""
        self._is_whole = True
        self._draw(look)

    def end(self, look: Look) -> None:
        """Print the last table, and how it ended."""
        out.print(drawn(look))
        if not look.left:
            out.print("All documents have ended." if look.documents else "There are no documents.")
        if look.failed:
            out.print("backburner failed shows why, and what to do.")

    def _draw(self, look: Look) -> None:
        hint = Text("Ctrl-C detaches; everything continues, and backburner watch shows it again.", style="dim")
        self._live.update(Group(drawn(look), hint), refresh=True)


class LineScreen(LiveScreen):
    """A line for each look, for outputs that cannot be redrawn."""

    def __init__(self) -> None:
        """Open nothing."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def reading(self, count: Callable[[], Look]) -> None:
        """Do nothing: only complete looks are printed."""

    def show(self, look: Look) -> None:
        """Print a line."""
        left = "" if not look.seconds_left else f", {span(look.seconds_left)} left"
        counts = f"{look.done:,} done, {look.failed:,} failed, {look.running:,} running, {look.waiting:,} waiting"
        out.print(f"{look.at:%H:%M:%S} {count_of(look.documents, 'document')}: {counts}{left}", markup=False)


def screen_on() -> Screen:
    """The screen that fits the output."""
    return LiveScreen() if out.is_terminal and not out.is_dumb_terminal else LineScreen()


def say_detached() -> None:
    """Say what Ctrl-C has done."""
    err.print("Detached. Everything continues; backburner watch shows it again.")


def drawn(look: Look) -> RenderableType:
    """A look as a table."""
    table = Table.grid(padding=(0, 2))
    for _ in range(5):
        table.add_column(justify="right")
    table.add_row("documents", "done", "failed", "running", "waiting", style="dim")
    numbers = (look.documents, look.done, look.failed, look.running, look.waiting + look.unclaimed)
    table.add_row(*(f"{number:,}" for number in numbers))
    lines: list[RenderableType] = [table]
    if look.documents:
        lines.append(bar_of(look.documents, look.done + look.failed))
    waiting = dict(look.waiting_for) | ({"their event": look.unclaimed} if look.unclaimed else {})
    if waiting:
        counts = ", ".join(f"{count:,} for {why}" for why, count in waiting.items())
        lines.append(Text(f"waiting: {counts}"))
    lines.append(Text("   ".join(_figures(look))))
    lines += [Text(f"paused: {name}: {why}", style="yellow") for name, why in look.pauses.items()]
    if look.reading is not None:
        lines.append(Text(f"read so far: {look.reading[0]:,} of {look.reading[1]:,} objects", style="dim"))
    return Group(*lines)


def _figures(look: Look) -> list[str]:
    figures = [f"{look.per_minute:,.1f} a minute"] if look.per_minute and look.left else []
    figures.append(f"{look.tokens:,} tokens")
    figures += [f"cost {look.cost:,.4f}"] if look.cost is not None else []
    if look.left:
        unknown = "too early to tell the time left" if look.per_minute else "no end in sight"
        figures.append(unknown if look.seconds_left is None else f"about {span(look.seconds_left)} left")
    return figures
