"""The command `console`."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from backburner_cli.command import Command
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import WHICH, deployed


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=("backburner console", "backburner console --stack backburner --port 8800 --no-browser"),
)
@click.option("--port", type=click.IntRange(1, 65535), help="The port to use on 127.0.0.1. Without it, a free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@deployed
def console(*, asked: Asked, port: int | None, no_browser: bool) -> None:
    """Open a deployment's page in the browser, until Ctrl-C.

    Shows the run at a glance, every job, each document's story with its source beside its result, and failures with
    their remedies; uploads what is dropped on it, runs documents again, cancels jobs. Only this machine can reach it,
    and only with the key in the address.
    """
    from backburner_cli.console.command import open_console
    from backburner_cli.terminal import plain_errors

    with plain_errors("Stopped. Jobs continue without the console."):
        found = enter(asked)
        open_console(os.environ, found.described, port, shows_browser=not no_browser)


def console_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that keeps running --console and --no-console, as `console`; None if neither was given."""
    option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
        "--console/--no-console",
        default=None,
        help="Serve the console meanwhile, and print its address. Without either: on a terminal.",
    )
    return option(command)


def is_wanted(*, console: bool | None) -> bool:
    """Whether a command that keeps running serves the console: its address is a key, so no log gets one unasked."""
    return sys.stdout.isatty() if console is None else console


COMMANDS = (console,)
