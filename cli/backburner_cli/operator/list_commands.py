"""The commands that show jobs: many of them, those that failed, one."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from backburner.errors import Reason
from backburner_cli.command import Command
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import WHICH, deployed, json_option

STOPPED = "Stopped."
_STATES = ("waiting", "running", "done", "failed", "superseded")
_SORTS = ("key", "state", "time", "tokens", "cost")
_PAGE = 50
_REASONS = click.Choice([str(reason) for reason in Reason])


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner jobs --state running --state waiting",
        "backburner jobs --recipe summary --since 2h --sort cost --reverse --limit 10",
        "backburner jobs --match lease --json",
    ),
)
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only this state. May be repeated.")
@click.option("--reason", "reasons", type=_REASONS, metavar="REASON", multiple=True, help="Only what failed for this.")
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin so, as inbox/summary/2024-")
@click.option("--match", metavar="TEXT", help="Only keys that have this in them.")
@click.option("--since", metavar="WHEN", help="Only what ended or was uploaded since: 90m, 2h, 3d, or a time.")
@click.option("--sort", type=click.Choice(_SORTS), default="time", show_default=True, help="In which order.")
@click.option("--reverse/--no-reverse", default=None, help="From the other end. Times begin with the latest.")
@click.option("--limit", type=click.IntRange(min=1), help=f"How many on a page: {_PAGE}, all as JSON.")
@click.option("--page", type=click.IntRange(min=1), default=1, help="Which page.")
@json_option
@deployed
def jobs(
    *,
    states: tuple[str, ...],
    reasons: tuple[str, ...],
    recipe: str | None,
    prefix: str | None,
    match: str | None,
    since: str | None,
    sort: str,
    reverse: bool | None,
    limit: int | None,
    page: int,
    asked: Asked,
    as_json: bool,
) -> None:
    """List jobs: the latest run of every document, with its state, tokens and cost.

    What has ended is read from the journal, what is under way from its open records.
    """
    from backburner_cli.operator.jobs import Page
    from backburner_cli.operator.jobs import jobs as do
    from backburner_cli.operator.listing import Filter, since_of
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    with plain_errors(STOPPED):
        wanted = Filter(
            chosen=Selection(recipe=recipe, prefix=prefix),
            states=frozenset(states),
            reasons=frozenset(map(Reason, reasons)),
            text=match,
            since=since_of(since, datetime.now(UTC)) if since else None,
        )
        enter(asked)
        is_reversed = sort == "time" if reverse is None else reverse
        shown = limit or (None if as_json else _PAGE)
        do(os.environ, wanted, Page(sort=sort, reverse=is_reversed, limit=shown, number=page), as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=("backburner show inbox/summary/contract.pdf", "backburner show 3f2a9c41"),
)
@click.argument("named", metavar="KEY-OR-JOB")
@json_option
@deployed
def show(named: str, *, asked: Asked, as_json: bool) -> None:
    """Tell one document's story as a timeline: uploaded, attempts, how each ended, what it cost.

    KEY-OR-JOB is a document's key (inbox/…), that of its result or error record, or the beginning of a job's id.
    """
    from backburner_cli.operator.show import show as do
    from backburner_cli.terminal import plain_errors

    with plain_errors(STOPPED):
        enter(asked)
        do(os.environ, named, as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=("backburner failed", "backburner failed --recipe summary --reason output_truncated --json"),
)
@click.option("--reason", "reasons", type=_REASONS, metavar="REASON", multiple=True, help="Only what failed for this.")
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin so, as inbox/summary/2024-")
@json_option
@deployed
def failed(reasons: tuple[str, ...], recipe: str | None, prefix: str | None, *, asked: Asked, as_json: bool) -> None:
    """Show what has failed, grouped by reason, with what to do about each."""
    from backburner_cli.operator.jobs import failed as do
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    with plain_errors(STOPPED):
        enter(asked)
        do(os.environ, Selection(recipe=recipe, prefix=prefix), frozenset(map(Reason, reasons)), as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=("backburner results --to ./summaries", "backburner results results/summary/ --to ./out --follow"),
)
@click.argument("prefix", default="results/")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to.")
@click.option("--records", is_flag=True, help="Run records too.")
@click.option("--failed", is_flag=True, help="Error records too, below failed/ in the folder.")
@click.option("--follow", is_flag=True, help="Go on until no job is open, fetching results as they finish.")
@json_option
@deployed
def results(prefix: str, to: Path, *, asked: Asked, as_json: bool, records: bool, failed: bool, follow: bool) -> None:
    """Fetch finished texts into a folder, with the tree that they have in the bucket.

    What is there already with the same bytes is left alone, so the command can be given again at any time.
    """
    from backburner_cli.operator.results import Fetch
    from backburner_cli.operator.results import results as do
    from backburner_cli.terminal import plain_errors

    fetch = Fetch(to=to, prefix=prefix, records=records, failed=failed, follow=follow)
    with plain_errors("Stopped. What is fetched stays; give the command again for the rest."):
        enter(asked)
        do(os.environ, fetch, as_json=as_json)


COMMANDS = (jobs, show, failed, results)
"""In the order in which help lists them."""
