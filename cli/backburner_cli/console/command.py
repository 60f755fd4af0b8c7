"""The command `console`: serves the page, prints its address, and opens it."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

import click

from backburner_cli.console.server import HOST, serve
from backburner_cli.listening import listening
from backburner_cli.operator.session import run
from backburner_cli.terminal import err, out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backburner_cli.console.server import Address, Stop


def open_console(environment: Mapping[str, str], deployment: str, port: int | None, *, shows_browser: bool) -> None:
    """Serve until Ctrl-C. Raises `CommandError` with the remedy if bucket and queues cannot be reached."""
    try:
        listener = listening(HOST, port or 0)
    except OSError as error:
        message = f"{port}: {error.strerror}; choose another"
        raise click.BadParameter(message, param_hint="--port") from error

    def ready(address: Address, _: Stop) -> None:
        out.print(f"The console of {deployment}:", markup=False)
        out.print(f"  {address.url}", markup=False)
        err.print("Everybody who has this address can change what you can. Press Ctrl-C to stop.", style="dim")
        if shows_browser and _has_browser():
            webbrowser.open(address.url_once)

    with listener:
        run(environment, lambda session: serve(session, environment, listener, deployment, ready))


def _has_browser() -> bool:
    """Whether there is a desktop: a text browser would take over this command's terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
