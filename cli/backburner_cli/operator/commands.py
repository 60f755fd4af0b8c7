"""The commands for jobs: `status`, `audit`, `dead-letters`, `replay` and `cancel`."""

import os

import click

from backburner.errors import Reason
from backburner_cli.command import Command
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import WHICH, deployed, json_option

INTERRUPTED = "Stopped. What is done stays done; run the command again to finish the rest."


@click.command(cls=Command, epilog=WHICH, examples=("backburner status",))
@json_option
@deployed
def status(*, asked: Asked, as_json: bool) -> None:
    """Show what is under way: jobs waiting and running, pauses, today's budget, dead letters."""
    from backburner_cli.operator.audit import status as do
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        enter(asked)
        do(os.environ, as_json=as_json)


@click.command(cls=Command, epilog=WHICH, examples=("backburner audit", "backburner audit --repair --dry-run"))
@click.option("--repair", is_flag=True, help="Restart lost jobs, rebuild missing journal lines, then audit again.")
@click.option("--dry-run", is_flag=True, help="With --repair: only show what is wrong, as without it.")
@click.option("--yes", is_flag=True, help="With --repair: do not ask.")
@json_option
@deployed
def audit(*, asked: Asked, repair: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Prove that nothing is lost: objects = waiting + running + done + failed.

    Compares the bucket's own listings, reading every record once: a few minutes for 100,000 documents. Work may go on
    meanwhile. Uploads of the last 15 minutes are counted separately, as their events may still be on their way. Exits
    with 1 and a list if the counts do not balance.

    --repair asks on a terminal if there is anything to repair. Elsewhere it does not, since it does what the checker's
    sweep does by itself.
    """
    from backburner_cli.operator.audit import Repair
    from backburner_cli.operator.audit import audit as do
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        enter(asked)
        if not do(os.environ, Repair(is_wanted=repair, dry_run=dry_run, is_agreed=yes), as_json=as_json):
            raise click.exceptions.Exit(1)


@click.command("dead-letters", cls=Command, epilog=WHICH, examples=("backburner dead-letters",))
@json_option
@deployed
def dead_letters(*, asked: Asked, as_json: bool) -> None:
    """List the messages that were given up on, each with its reason and its documents.

    Removes nothing: backburner replay --dead runs the documents again and then removes their letters.
    """
    from backburner_cli.operator.replay import show_letters
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        enter(asked)
        show_letters(os.environ, as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner replay --failed --dry-run",
        "backburner replay --failed --reason provider_failed --yes",
        "backburner replay inbox/summary/contract.pdf --rerun",
        "backburner replay --recipe summary --rerun --dry-run",
    ),
)
@click.argument("keys", nargs=-1)
@click.option("--failed", is_flag=True, help="Every document that has an error record.")
@click.option(
    "--reason",
    "reasons",
    type=click.Choice([str(reason) for reason in Reason]),
    metavar="REASON",
    multiple=True,
    help="With --failed: only documents that failed for this reason. May be repeated.",
)
@click.option("--recipe", metavar="NAME", help="With --failed or --rerun: only documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="With --failed or --rerun: only keys that begin with this, inbox/…")
@click.option("--dead", is_flag=True, help="The documents of all dead letters.")
@click.option("--all", "everything", is_flag=True, help="The same as --failed --dead.")
@click.option("--rerun", is_flag=True, help="Also run done documents again. The provider bills them again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask before running many documents again.")
@json_option
@deployed
def replay(
    keys: tuple[str, ...],
    reasons: tuple[str, ...],
    recipe: str | None,
    prefix: str | None,
    *,
    asked: Asked,
    as_json: bool,
    failed: bool,
    dead: bool,
    everything: bool,
    rerun: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Run failed or lost documents again, as they are in the inbox now.

    KEYS are the documents' keys in the bucket, inbox/…

    Safe to repeat: each document gets one more run, however often you ask. Running and done jobs are left alone.
    Earlier results and error records stay until the new run has ended. A dead letter is removed only when all its
    documents are accounted for: replayed, running, done, or no longer in the inbox. Before running many documents
    again, the command shows their number and asks.
    """
    from backburner_cli.operator.replay import Wanted
    from backburner_cli.operator.replay import replay as do
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    chosen = Selection(recipe=recipe, prefix=prefix)
    if reasons and not (failed or everything):
        raise click.BadParameter("it selects among failed documents, so add --failed", param_hint="--reason")
    if not chosen.is_all and not (failed or everything or rerun):
        raise click.UsageError("--recipe and --prefix select documents: add --failed or --rerun.")
    if rerun and not keys and chosen.is_all:
        raise click.BadParameter("name the documents to run again, or give --recipe or --prefix", param_hint="--rerun")
    if not (keys or failed or dead or everything or rerun):
        raise click.UsageError("Name documents, or give --failed, --dead or --all.")
    wanted = Wanted(
        keys=keys,
        failed=failed or everything,
        reasons=frozenset(map(Reason, reasons)),
        chosen=chosen,
        dead=dead or everything,
        rerun=rerun,
        dry_run=dry_run,
        is_agreed=yes,
    )
    with plain_errors(INTERRUPTED):
        enter(asked)
        if not do(os.environ, wanted, as_json=as_json):
            raise click.exceptions.Exit(1)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner cancel inbox/summary/contract.pdf",
        "backburner cancel --recipe summary --state waiting --dry-run",
    ),
)
@click.argument("keys", nargs=-1)
@click.option("--recipe", metavar="NAME", help="The jobs of all documents of this recipe.")
@click.option("--prefix", metavar="PREFIX", help="The jobs of all documents whose keys begin with this, inbox/…")
@click.option("--state", type=click.Choice(["waiting", "running"]), help="Only jobs in this state.")
@click.option("--all", "everything", is_flag=True, help="Every job under way.")
@click.option("--dry-run", is_flag=True, help="Only say what would be cancelled.")
@click.option("--yes", is_flag=True, help="Do not ask before cancelling many jobs.")
@json_option
@deployed
def cancel(
    keys: tuple[str, ...],
    recipe: str | None,
    prefix: str | None,
    state: str | None,
    *,
    asked: Asked,
    as_json: bool,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Cancel the jobs of documents, and their generations at the provider.

    KEYS are the documents' keys in the bucket, inbox/…

    Takes effect at the checker's next tick, within a minute or so; in a folder, while backburner run works in it. The
    documents then fail with the reason "cancelled" and can be replayed. Before cancelling many jobs, the command shows
    their number and asks.
    """
    from backburner_cli.operator.cancel import Doomed
    from backburner_cli.operator.cancel import cancel as do
    from backburner_cli.operator.selection import Selection
    from backburner_cli.terminal import plain_errors

    chosen = Selection(recipe=recipe, prefix=prefix, state=state)
    if not (keys or everything) and chosen.is_all:
        raise click.UsageError("Name documents, or give --recipe, --prefix, --state or --all.")
    if keys and (everything or not chosen.is_all):
        raise click.UsageError("Name documents, or select them with options: not both.")
    doomed = Doomed(keys=keys, chosen=chosen, dry_run=dry_run, is_agreed=yes)
    with plain_errors(INTERRUPTED):
        enter(asked)
        if not do(os.environ, doomed, as_json=as_json):
            raise click.exceptions.Exit(1)


COMMANDS = (status, audit, dead_letters, replay, cancel)
"""In the order of the help."""
