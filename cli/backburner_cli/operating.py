"""The commands that look after jobs: what is under way, what was given up on, run it again, stop it."""

import os

import click

from backburner.errors import Reason
from backburner_cli.command import Command

ENVIRONMENT = (
    "Reads the functions' own settings: BACKBURNER_BUCKET, the three BACKBURNER_…_QUEUE_URL, BACKBURNER_MODEL and "
    "BACKBURNER_PROVIDER. For a local cloud, backburner up prints them; a deployed stack has them among its outputs "
    "and parameters. AWS_… are read as boto3 reads them. The provider's key is not needed."
)
INTERRUPTED = "Stopped. What is done stays done; run the command again to finish the rest."


@click.command(cls=Command, epilog=ENVIRONMENT, examples=("backburner status",))
@click.option("--json", "as_json", is_flag=True, help="Print the same figures as JSON.")
def status(*, as_json: bool) -> None:
    """Show what is under way: jobs waiting and running, pauses, today's budget, dead letters."""
    from backburner_cli.auditing import status as do
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        do(os.environ, as_json=as_json)


@click.command(cls=Command, epilog=ENVIRONMENT, examples=("backburner audit", "backburner audit --repair"))
@click.option("--repair", is_flag=True, help="Restart lost jobs, rebuild missing journal lines, then audit again.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
def audit(*, repair: bool, as_json: bool) -> None:
    """Prove that nothing is lost: objects = waiting + running + done + failed.

    Compares the bucket's own listings, reading every record once: a few minutes for 100,000 documents. Work may go on
    meanwhile. Uploads of the last 15 minutes are counted separately, as their events may still be on their way. Exits
    with 1 and a list if the books do not balance.
    """
    from backburner_cli.auditing import audit as do
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        if not do(os.environ, repair=repair, as_json=as_json):
            raise click.exceptions.Exit(1)


@click.command("dead-letters", cls=Command, epilog=ENVIRONMENT, examples=("backburner dead-letters",))
@click.option("--json", "as_json", is_flag=True, help="Print the letters as a JSON list.")
def dead_letters(*, as_json: bool) -> None:
    """List the messages that were given up on, each with its reason and its documents.

    Removes nothing: backburner replay --dead runs the documents again and then removes their letters.
    """
    from backburner_cli.replaying import show_letters
    from backburner_cli.terminal import plain_errors

    with plain_errors(INTERRUPTED):
        show_letters(os.environ, as_json=as_json)


@click.command(
    cls=Command,
    epilog=ENVIRONMENT,
    examples=(
        "backburner replay --failed --dry-run",
        "backburner replay --failed --reason provider_failed",
        "backburner replay inbox/summary/contract.pdf --rerun",
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
@click.option("--dead", is_flag=True, help="The documents of all dead letters.")
@click.option("--all", "everything", is_flag=True, help="The same as --failed --dead.")
@click.option("--rerun", is_flag=True, help="Run KEYS again even if they are done. The provider bills them again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def replay(
    keys: tuple[str, ...],
    reasons: tuple[str, ...],
    *,
    failed: bool,
    dead: bool,
    everything: bool,
    rerun: bool,
    dry_run: bool,
) -> None:
    """Run failed or lost documents again, as they are in the inbox now.

    KEYS are the documents' keys in the bucket, inbox/…

    Safe to repeat: each document gets one more run, however often you ask. Jobs that are running or done are left
    alone. Earlier results and error records stay until the new run has ended. A dead letter is removed only when all
    its documents are accounted for: replayed, running, done, or no longer in the inbox.
    """
    from backburner_cli.replaying import Wanted
    from backburner_cli.replaying import replay as do
    from backburner_cli.terminal import out, plain_errors

    if reasons and not (failed or everything):
        raise click.BadParameter("it selects among failed documents, so add --failed", param_hint="--reason")
    if rerun and not keys:
        raise click.BadParameter("name the documents to run again", param_hint="--rerun")
    if not (keys or failed or dead or everything):
        raise click.UsageError("Name documents, or give --failed, --dead or --all.")
    wanted = Wanted(
        keys=keys,
        failed=failed or everything,
        reasons=frozenset(map(Reason, reasons)),
        dead=dead or everything,
        rerun=rerun,
        dry_run=dry_run,
    )
    with plain_errors(INTERRUPTED):
        if not do(out, os.environ, wanted):
            raise click.exceptions.Exit(1)


@click.command(cls=Command, epilog=ENVIRONMENT, examples=("backburner cancel inbox/summary/contract.pdf",))
@click.argument("keys", nargs=-1, required=True)
def cancel(keys: tuple[str, ...]) -> None:
    """Stop the jobs of documents and cancel their generations at the provider.

    KEYS are the documents' keys in the bucket, inbox/…

    Takes effect at the checker's next tick, within a minute or so. The documents then fail with the reason "cancelled"
    and can be replayed.
    """
    from backburner_cli.cancelling import cancel as do
    from backburner_cli.terminal import out, plain_errors

    with plain_errors(INTERRUPTED):
        if not do(out, os.environ, keys):
            raise click.exceptions.Exit(1)


COMMANDS = (status, audit, dead_letters, replay, cancel)
"""In the order in which help lists them."""
