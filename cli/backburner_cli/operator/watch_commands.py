"""The commands `watch` and `report`."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from backburner_cli.command import Command
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import WHICH, deployed, json_option


@click.command(
    cls=Command,
    epilog="Exit code: 0 all done, or detached with Ctrl-C; 1 some failed. " + WHICH,
    examples=("backburner watch", "backburner watch --recipe summary --since 2h", "backburner watch --once --json"),
)
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin with this, such as inbox/summary/2024-")
@click.option("--since", metavar="WHEN", help="Only jobs that ended or were uploaded since: 90m, 2h, 3d, or a time.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.2),
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to refresh; less often if a refresh takes long.",
)
@click.option("--once", is_flag=True, help="Look once and exit.")
@json_option
@deployed
def watch(
    recipe: str | None,
    prefix: str | None,
    since: str | None,
    every: float,
    *,
    once: bool,
    asked: Asked,
    as_json: bool,
) -> None:
    """Watch a run until every document has ended: waiting and for what, running, done, failed, rate, cost, time left.

    Ctrl-C detaches: nothing stops, and the same command shows it again. Into a pipe it prints one line of JSON for
    each refresh. The index is kept in the user's cache, so a refresh reads only what has changed, however many jobs
    there are.
    """
    from backburner_cli.operator.listing import Filter, since_of
    from backburner_cli.operator.selection import Selection
    from backburner_cli.operator.watch import Wanted
    from backburner_cli.operator.watch import watch as do
    from backburner_cli.operator.watch_screen import say_detached
    from backburner_cli.terminal import plain_errors

    code = 0
    with plain_errors("Stopped."):
        chosen = Filter(
            chosen=Selection(recipe=recipe, prefix=prefix), since=since_of(since, datetime.now(UTC)) if since else None
        )
        try:
            enter(asked)
            code = do(os.environ, Wanted(chosen=chosen, every_s=every, once=once), as_json=as_json)
        except KeyboardInterrupt:
            say_detached()
    raise click.exceptions.Exit(code)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner report --to report.html",
        "backburner report --recipe summary --since 7d --to week.csv",
        "backburner report --json",
    ),
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to write: .html, .json or .csv. Without it: JSON into a pipe, backburner-report.html on a terminal.",
)
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin with this, such as inbox/summary/2024-")
@click.option("--since", metavar="WHEN", help="Only jobs that ended or were uploaded since: 90m, 2h, 3d, or a time.")
@click.option(
    "--quotes",
    is_flag=True,
    help="Show quotes in their sources, for up to 20 documents: the report then contains text from them.",
)
@click.option("--yes", is_flag=True, help="Do not ask before replacing a file that is not a report.")
@json_option
@deployed
def report(
    to: Path | None,
    recipe: str | None,
    prefix: str | None,
    since: str | None,
    *,
    quotes: bool,
    yes: bool,
    asked: Asked,
    as_json: bool,
) -> None:
    """Write a report on a run: counts, tokens and cost, how long it took, what failed and why, what was run again.

    The page is a single file that loads nothing from any host, so you can share it. It contains the names of documents
    and the messages of failures, but no text of a document or result, unless --quotes asks for it. The CSV has a line
    for each document. An earlier report in FILE is replaced; before any other file is, the command asks.
    """
    from backburner_cli.operator.listing import Filter, since_of
    from backburner_cli.operator.report import Wanted
    from backburner_cli.operator.report import report as do
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    with plain_errors("Stopped."):
        at = since_of(since, datetime.now(UTC)) if since else None
        chosen = Filter(chosen=Selection(recipe=recipe, prefix=prefix), since=at)
        found = enter(asked)
        file = to or (None if as_json else Path("backburner-report.html"))
        do(os.environ, found.described, Wanted(chosen=chosen, to=file, with_quotes=quotes, is_agreed=yes))


COMMANDS = (watch, report)
"""In the order of the help."""
