"""The commands that show jobs and fetch results."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from backburner.errors import Reason
from backburner_cli.command import Command
from backburner_cli.operator import completing
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
@click.option("--reason", "reasons", type=_REASONS, metavar="REASON", multiple=True, help="Only this failure reason.")
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin with this, such as inbox/summary/2024-")
@click.option("--match", metavar="TEXT", help="Only keys that contain this.")
@click.option("--since", metavar="WHEN", help="Only jobs that ended or were uploaded since: 90m, 2h, 3d, or a time.")
@click.option("--sort", type=click.Choice(_SORTS), default="time", show_default=True, help="The order.")
@click.option("--reverse/--no-reverse", default=None, help="In reverse. By time, the latest come first anyway.")
@click.option("--limit", type=click.IntRange(min=1), help=f"Jobs on a page: {_PAGE}; with JSON, all.")
@click.option("--page", type=click.IntRange(min=1), default=1, help="The page to show.")
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

    Finished runs are read from the journal, the others from their open records.
    """
    from backburner_cli.operator.jobs import jobs as do
    from backburner_cli.operator.listing import Filter, Page, since_of
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
    """Show a document's story as a timeline: uploaded, waits, attempts, looks, how each ended, what it cost.

    KEY-OR-JOB is the key of a document (inbox/…), its result or its error record, or the beginning of a job's id.
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
@click.option("--reason", "reasons", type=_REASONS, metavar="REASON", multiple=True, help="Only this failure reason.")
@click.option("--recipe", metavar="NAME", help="Only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="Only keys that begin with this, such as inbox/summary/2024-")
@json_option
@deployed
def failed(reasons: tuple[str, ...], recipe: str | None, prefix: str | None, *, asked: Asked, as_json: bool) -> None:
    """Show the failed documents by reason, with what to do about each."""
    from backburner_cli.operator.jobs import failed as do
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    with plain_errors(STOPPED):
        enter(asked)
        chosen = Selection(recipe=recipe, prefix=prefix)
        do(os.environ, chosen, frozenset(map(Reason, reasons)), asked.options, as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=("backburner results --to ./summaries", "backburner results results/summary/ --to ./out --follow"),
)
@click.argument("prefix", default="results/")
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    shell_complete=completing.folders,
    help="The folder to write to.",
)
@click.option("--records", is_flag=True, help="Fetch run records too.")
@click.option("--failed", is_flag=True, help="Fetch error records too, into failed/ in the folder.")
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched.")
@click.option("--yes", is_flag=True, help="Also replace files that were edited, or that this command did not write.")
@click.option(
    "--follow",
    is_flag=True,
    help="Keep fetching results as they finish, until no job is open and no upload waits for its event.",
)
@json_option
@deployed
def results(
    prefix: str,
    to: Path,
    *,
    asked: Asked,
    as_json: bool,
    records: bool,
    failed: bool,
    dry_run: bool,
    yes: bool,
    follow: bool,
) -> None:
    """Fetch results into a folder, with the same tree as in the bucket.

    Files that are there already with the same bytes are left alone, so you can run the command again at any time. A
    newer result replaces the file of the older one. If that file was edited since, or is not from this command, the
    command asks; where nobody can be asked it keeps the file, fetches the others, and exits with 1.
    """
    from backburner_cli.operator.results import Fetch
    from backburner_cli.operator.results import results as do
    from backburner_cli.terminal import plain_errors

    fetch = Fetch(
        to=to, prefix=prefix, records=records, failed=failed, follow=follow, dry_run=dry_run, is_agreed=yes
    )  # fmt: skip
    with plain_errors("Stopped. What was fetched stays; run the command again for the rest."):
        enter(asked)
        do(os.environ, fetch, as_json=as_json)


COMMANDS = (jobs, show, failed, results)
"""In the order of the help."""
